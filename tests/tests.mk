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

# The guest program's folder as the host's compiler sees it: its unit tests link nothing but this,
# and the agent's protocol is tested on a Unix socket, with the sanitizers where FLAVOUR says so.
$(B)/libinside.a: $(call room,drivers/guest/inside)
INSIDE_T := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_inside_*.c))
$(INSIDE_T): $(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/libinside.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ -lcmocka
$(B)/tests/fuzz/fuzz_jsonlite: $(B)/tests/fuzz/fuzz_jsonlite.o \
		$(if $(filter fuzz,$(FLAVOUR)),,$(B)/tests/fuzz/replay.o) $(B)/libinside.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(if $(filter fuzz,$(FLAVOUR)),-fsanitize=fuzzer) -o $@ $^
$(B)/tests/guest/reconcile-guest-host: $(B)/drivers/guest/inside/main.o $(B)/libinside.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^
$(B)/tests/guest/kernel_make: $(B)/tests/guest/kernel_make.o $(B)/libworker.a $(B)/libschema.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_WORKER)
$(B)/tests/guest/tsc_khz: $(B)/tests/guest/tsc_khz.o
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^
HELPERS += $(addprefix $(B)/tests/guest/,reconcile-guest-host kernel_make tsc_khz)

unit: $(UNIT)
helpers: $(HELPERS)

.PHONY: unit helpers
.SECONDARY:
