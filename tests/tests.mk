# tests.mk - what "make check" runs. Included by the GNUmakefile.
#
# tests/unit/test_NAME.c is one cmocka program each. It links every archive; an archive member is
# only pulled in for a symbol that is still missing, so a test that defines or links a twin first
# (drivers/fake for drivers/registry.c) gets the twin.

UNIT := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))
LIBS_TEST := $(LIBS_MAIN) $(LIBS_WORKER) -lcmocka

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/libfake.a $(B)/libcli.a $(B)/libengine.a \
		$(B)/libworker.a $(B)/libdrivers.a $(B)/libschema.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $< $(if $(findstring engine,$*),$(B)/libfake.a) \
		$(B)/libcli.a $(B)/libengine.a $(B)/libworker.a $(B)/libdrivers.a $(B)/libschema.a $(LIBS_TEST)

unit: $(UNIT)

.PHONY: unit
.SECONDARY:

# docs/fields.md comes from the field tables; tests/unit/test_fields_doc.c says when it is stale.
$(B)/fields-doc: $(B)/schema/fields_doc_main.o $(B)/libschema.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_MAIN)

docs: $(B)/fields-doc
	$(Q)mkdir -p docs && $(B)/fields-doc >docs/fields.md.new && mv docs/fields.md.new docs/fields.md

.PHONY: docs

# Fuzzers: tests/fuzz/fuzz_NAME.c. replay-NAME runs corpora once and is part of the tests;
# fuzz-NAME searches for FUZZ_TIME seconds (clang only) and keeps what is new in its corpus.
FUZZ_TIME ?= 60
FUZZ_CC ?= clang
FUZZ_FLAGS := -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined

$(B)/tests/fuzz/replay_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/replay.o $(B)/libschema.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_MAIN)

replay-spec: $(B)/tests/fuzz/replay_spec
	$(Q)$< tests/fuzz/corpus-spec tests/schema

build/fuzz/fuzz_spec: tests/fuzz/fuzz_spec.c $(wildcard schema/*.[ch] schema/base/*.[ch])
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(CPPFLAGS_ALL) -std=gnu17 $(FUZZ_FLAGS) -o $@ $(filter-out %_main.c,$(filter %.c,$^)) $(LIBS_MAIN)

fuzz-spec: build/fuzz/fuzz_spec
	$(Q)mkdir -p build/fuzz/corpus-spec
	$(Q)$< -max_total_time=$(FUZZ_TIME) -max_len=4096 -timeout=5 -print_final_stats=1 \
		-dict=tests/fuzz/spec.dict build/fuzz/corpus-spec tests/fuzz/corpus-spec tests/schema

.PHONY: replay-spec fuzz-spec
