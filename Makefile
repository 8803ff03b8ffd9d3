# The commands of the README. Each does all the set-up that it needs on a fresh Debian 12 machine.
.PHONY: all run test packages sanitize fuzz fuzz-programs release pgo conformance bench bench-memory bytecode-compare setup clean
.DELETE_ON_ERROR:

JOBS ?= $(shell nproc)
REFERENCE := /usr/bin/python3.11
EXAMPLE_LOG := examples/data/access.log.gz
# The interpreter that conformance and bench measure.
GILL ?= build/release/gill

all: run

setup:
	@tools/setup.sh

build/%/build.ninja: CMakePresets.json CMakeLists.txt src/CMakeLists.txt | setup
	@echo "== configuring the $* preset"
	@mkdir -p build
	@cmake --preset $* > build/configure.log 2>&1 || (cat build/configure.log; exit 1)

release: setup build/release/build.ninja
	@echo "== building build/release/gill"
	@ninja -C build/release -j$(JOBS) gill

# Summarizes a web server's log of 60,000 lines.
run: release $(EXAMPLE_LOG)
	@echo "== gill examples/access_log.py $(EXAMPLE_LOG)"
	@build/release/gill examples/access_log.py $(EXAMPLE_LOG)

$(EXAMPLE_LOG): examples/make_access_log.py | setup
	@echo "== writing $@"
	@$(REFERENCE) examples/make_access_log.py $@

test: setup build/dev/build.ninja $(EXAMPLE_LOG)
	@echo "== building (dev preset)"
	@ninja -C build/dev -j$(JOBS)
	@echo "== testing"
	@ctest --test-dir build/dev --output-on-failure --timeout 900

# CPython's own test files under gill: all that the reference was recorded on, or FILES="test_dict test_gc".
# UPDATE=1 takes from the known failures what passes now. A few cases of the recorded run use the packages.
conformance: release
	@tools/setup.sh python3-numpy python3-tk
	@$(REFERENCE) tools/conformance.py --gill $(GILL) -j $(JOBS) $(if $(UPDATE),--update) $(FILES)

# Debian's packages under gill: installs them and compares the output of tests/packages with the reference's; NAMES="numpy lxml" for some.
packages: release
	@tools/setup.sh $$(cat tests/packages/debian.txt)
	@$(REFERENCE) tools/check_packages.py --gill $(GILL) --show $(NAMES)

# The tests of threads under the thread sanitizer, or with PRESET=asan those of the language under the address and
# undefined-behaviour sanitizers; FILES as above or paths of unittest files. Fails on any report.
PRESET ?= tsan
sanitize: setup build/$(PRESET)/build.ninja
	@$(REFERENCE) tools/sanitize.py --preset $(PRESET) -j $(JOBS) $(FILES)

# A day's worth of hand-overs of the interpreter lock under the thread sanitizer; HAND_OVERS and SEED for another run.
.PHONY: switch-stress
switch-stress: setup build/tsan/build.ninja
	@ninja -C build/tsan -j$(JOBS) switch_stress
	@TSAN_OPTIONS=die_after_fork=0:report_thread_leaks=0:halt_on_error=1 build/tsan/tests/switch_stress $(or $(HAND_OVERS),17280000) $(SEED)

# Coverage-guided fuzzing under the address and undefined-behaviour sanitizers: SECONDS for each target; TARGETS="parser marshal"
# for some. Corpora, logs and the inputs of findings are left in build/fuzzing; fails on any finding.
fuzz: setup build/fuzz/build.ninja
	@$(REFERENCE) tools/fuzz.py --seconds $(or $(SECONDS),60) -j $(JOBS) $(TARGETS)

# Random programs under gill and under the reference (tools/fuzz_programs.py): PROGRAMS of them, or as many as fit into SECONDS; SEED=n
# repeats a run. Stops at programs that differ, reduced.
fuzz-programs: setup build/dev/build.ninja
	@ninja -C build/dev -j$(JOBS) gill
	@$(REFERENCE) tools/fuzz_programs.py --gill build/dev/gill -j $(JOBS) --programs $(or $(PROGRAMS),$(if $(SECONDS),1000000,10000)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

# Memory and the collector against the reference; PROGRAMS="collector_full" for some of them.
bench-memory: release
	@tools/setup.sh time
	@$(REFERENCE) bench/memory/run.py --gill $(GILL) --json build/bench-memory.json $(PROGRAMS)

# Our benchmark programs, interleaved with the reference's; PROGRAMS="calls floats" for some of them.
bench: release
	@$(REFERENCE) bench/run.py --gill $(GILL) --json build/bench.json $(PROGRAMS)

# The interpreter lock: latency, fairness, hand-offs, beside the reference; ROWS="hand-offs" for some.
.PHONY: bench-lock
bench-lock: release
	@$(REFERENCE) bench/lock/run.py --gill $(GILL) --json build/bench-lock.json $(if $(ROWS),"$(ROWS)")

# The release build with a profile from tools/training, at build/pgo/gill.
pgo: setup build/pgo-train/build.ninja
	@echo "== building the instrumented interpreter"
	@ninja -C build/pgo-train -j$(JOBS) gill
	@$(MAKE) --no-print-directory build/profile/gill.profdata
	@$(MAKE) --no-print-directory build/pgo/build.ninja
	@echo "== building build/pgo/gill"
	@ninja -C build/pgo -j$(JOBS) gill

build/profile/gill.profdata: build/pgo-train/gill $(wildcard tools/training/*)
	@echo "== training"
	@rm -rf build/profile && mkdir -p build/profile
	@tools/training/run.sh build/pgo-train/gill build/profile
	@llvm-profdata-19 merge -o build/profile/gill.profdata build/profile/*.profraw

# Compares the code objects of our parser and compiler with the reference's, for its standard library.
bytecode-compare: setup build/dev/build.ninja
	@ninja -C build/dev -j$(JOBS) hosted_compiler
	@$(REFERENCE) tools/bytecode_compare.py --extension build/dev/hosted/gill_compiler.so /usr/lib/python3.11

clean:
	rm -rf build examples/data
