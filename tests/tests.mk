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
