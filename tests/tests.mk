# tests.mk - what "make check" runs. Included by the GNUmakefile.
#
#   make check        everything: unit tests in both flavours, TAP scripts, fuzz corpora, lints
#   make check-asan   the unit tests and fuzz corpora under ASan and UBSan only
#   make lint         the lints only
#   make fuzz         each fuzzer for FUZZ_SECONDS
#   make bench        figures, one JSON line each
#   make crash        a pass killed and failed at every point, and the program at its system calls
#   make soak         random worlds, SOAK_PASSES passes
#   make lab          a whole host as a VM, used and broken: docs/lab.md; LABS="tests/lab/5-cut": one
#   make fresh        the README's first command on a bare Debian 12; FRESH=--full: and the second
#
# tests/unit/test_NAME.c is one cmocka program each. It links every archive; an archive member is
# only pulled in for a symbol that is still missing, so a test that defines or links a twin first
# (drivers/fake for drivers/registry.c) gets the twin.
#
# tests/TOPIC/run and tests/lint/* are programs that print TAP; they are run from the root of the
# tree with RECONCILE_BUILD, the absolute build folder.

UNIT := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))
FUZZ := $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
SCRIPTS := $(wildcard tests/*/run)
LINTS := $(filter-out %.awk %.sh %.h %/run %/exceptions,$(wildcard tests/lint/*))
BENCHES := $(filter-out %.sh %.c,$(wildcard tests/bench/*))
LIBS_TEST := $(LIBS_MAIN) $(LIBS_WORKER) $(LIBS_HELPER) -lcmocka
ALL_A := $(B)/libcli.a $(B)/libengine.a $(B)/libworker.a $(B)/libdrivers.a $(B)/libschema.a

TEST_JOBS ?= 2
FUZZ_SECONDS ?= 60
# A check makes the same random stories each time; make soak draws new ones.
STORY_SEED ?= 11
POINTS_SEED ?= 11
RUN_TESTS = STORY_SEED=$(STORY_SEED) POINTS_SEED=$(POINTS_SEED) RECONCILE_BUILD=$(abspath build/release) \
	RECONCILE_TEST_KERNEL=$(abspath build/test-assets/kernel/vmlinuz) TEST_JOBS=$(TEST_JOBS) tests/run

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/libfake.a $(ALL_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $< $(if $(findstring engine,$*),$(B)/libfake.a) \
		$(ALL_A) $(LIBS_TEST)

# The same fuzz_NAME.c is a fuzzer when clang links it (FLAVOUR=fuzz), and a test of its corpus
# with replay.c as main.
$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(if $(filter fuzz,$(FLAVOUR)),,$(B)/tests/fuzz/replay.o) $(ALL_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(if $(filter fuzz,$(FLAVOUR)),-fsanitize=fuzzer) -o $@ \
		$(filter %.o,$^) $(ALL_A) $(LIBS_MAIN) $(LIBS_WORKER) $(LIBS_HELPER)

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
$(B)/tests/guest/kernel_make: $(B)/tests/guest/kernel_make.o $(B)/libworker.a $(B)/libdrivers.a \
		$(B)/libschema.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_WORKER)
$(B)/tests/guest/tsc_khz: $(B)/tests/guest/tsc_khz.o
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^
# Programs that TAP scripts work with; built like the unit tests, in both flavours.
HELPERS := $(addprefix $(B)/tests/guest/,reconcile-guest-host kernel_make tsc_khz) \
	$(B)/tests/helper/intruder $(addprefix $(B)/tests/firewall/,fwctl relay)

unit: $(UNIT)
helpers: $(HELPERS)
fuzzers: $(FUZZ)

# The programs that a check runs. Two makes, since one make knows one flavour.
check-build:
	$(Q)mkdir -p build/test-assets && contrib/kernel-fetch build/test-assets/kernel >/dev/null
	$(Q)$(MAKE) --no-print-directory FLAVOUR=release all unit helpers
	$(Q)$(MAKE) --no-print-directory FLAVOUR=asan all unit helpers fuzzers

in_flavour = $(patsubst $(B)/%,build/$(1)/%,$(2))

# The long ones first: two jobs then end at about the same time.
check: check-build
	$(Q)$(RUN_TESTS) $(SCRIPTS) $(call in_flavour,asan,$(UNIT) $(FUZZ)) $(LINTS) \
		$(call in_flavour,release,$(UNIT))

check-asan:
	$(Q)$(MAKE) --no-print-directory FLAVOUR=asan unit fuzzers
	$(Q)$(RUN_TESTS) $(call in_flavour,asan,$(UNIT) $(FUZZ))

lint:
	$(Q)$(RUN_TESTS) $(LINTS)

# What a fuzzer finds is kept in build/fuzz/ and reported; a fixed one goes into the corpus as
# found-TOPIC. New inputs of interest stay out of the tree, in build/fuzz/.
fuzz:
	$(Q)$(MAKE) --no-print-directory FLAVOUR=fuzz CC=clang fuzzers
	$(Q)for f in $(call in_flavour,fuzz,$(FUZZ)); do \
		name=$${f##*/fuzz_}; \
		mkdir -p build/fuzz/new-$$name tests/fuzz/corpus-$$name; \
		echo "  FUZZ  $$name for $(FUZZ_SECONDS) s"; \
		$$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
			-artifact_prefix=build/fuzz/found-$$name- build/fuzz/new-$$name \
			tests/fuzz/corpus-$$name || exit 1; \
	done

$(B)/tests/bench/spec-time: $(B)/tests/bench/spec_time.o $(B)/libschema.a
$(B)/tests/bench/pass-time: $(B)/tests/bench/pass_time.o $(LIBS_A)
BENCH_PROGRAMS := $(addprefix $(B)/tests/bench/,spec-time pass-time)
$(BENCH_PROGRAMS):
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_MAIN)

# The whole sweeps: every point, every pair, and the real program killed at every CRASH_STEPth
# system call. The figures go into docs/reliability.md.
CRASH_STEP ?= 10
crash: all
	$(Q)$(MAKE) --no-print-directory FLAVOUR=release $(B)/tests/unit/test_engine_points \
		$(B)/tests/unit/test_engine_crash
	$(Q)POINTS_STEP=1 CRASH_STEP=$(CRASH_STEP) PARALLEL_KILLS=10 TEST_LOGS=build/crash $(RUN_TESTS) \
		$(call in_flavour,release,$(B)/tests/unit/test_engine_points $(B)/tests/unit/test_engine_crash) \
		tests/crash/sweep tests/parallel/run
	$(Q)grep -h -e '^# .*crash points' -e '^# deaths of the parent' build/crash/*

# Random stories until SOAK_PASSES passes were made; a million takes a night.
SOAK_PASSES ?= 1000000
soak:
	$(Q)$(MAKE) --no-print-directory FLAVOUR=release $(B)/tests/unit/test_engine_random
	$(Q)SOAK_PASSES=$(SOAK_PASSES) build/release/tests/unit/test_engine_random

# Root, some 100 MB of packages, and a minute and a half; FRESH=--full takes a whole check longer.
fresh:
	$(Q)TEST_SECONDS=7200 TEST_LOGS=build/check-fresh FRESH="$(FRESH)" tests/run tests/fresh/fresh

# Root, and half an hour. Each scenario has a lab of its own; one at a time, since one fills two CPUs.
LABS ?= $(wildcard tests/lab/[0-9]-*)
lab: all
	$(Q)TEST_SECONDS=7200 TEST_LOGS=build/check-lab TEST_JOBS=1 RECONCILE_BUILD=$(abspath $(B)) \
		tests/run $(LABS)

bench: all $(BENCH_PROGRAMS) $(B)/tests/bench/helper-rtt $(B)/tests/bench/net-make $(B)/tests/firewall/fwctl
	$(Q)RECONCILE_BUILD=$(abspath $(B)) tests/lib/bench $(BENCHES)

.PHONY: unit helpers fuzzers check-build check check-asan lint fuzz bench crash soak fresh lab
.SECONDARY:

# Documents that come from the tables; tests/unit/test_docs.c says when one is stale.
DOCUMENTS := fields.md reconcile.1 reconcile.yaml.5
$(B)/docs-print: $(B)/reconciler/docs_main.o $(B)/libcli.a $(LIBS_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_MAIN)

docs: $(B)/docs-print
	$(Q)for d in $(DOCUMENTS); do \
		$(B)/docs-print $$d >docs/$$d.new && mv docs/$$d.new docs/$$d || exit 1; \
	done

.PHONY: docs

# The intruder is the daemon's side of the helper's socket, and the bench asks the helper and an echo.
$(B)/tests/helper/intruder: $(B)/tests/helper/intruder.o $(B)/libdrivers.a $(B)/libschema.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_HELPER)
$(B)/tests/bench/net-make: $(B)/tests/bench/net_make.o $(B)/libdrivers.a $(B)/libschema.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_HELPER)
# Networks and rules by the helper from a shell; VMs that are namespaces.
$(B)/tests/firewall/fwctl: $(B)/tests/firewall/fwctl.o $(B)/libdrivers.a $(B)/libschema.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_HELPER)
$(B)/tests/firewall/relay: $(B)/tests/firewall/relay.o
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^
$(B)/tests/bench/helper-rtt: $(B)/tests/bench/helper_rtt.o $(B)/libdrivers.a $(B)/libschema.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_HELPER)
