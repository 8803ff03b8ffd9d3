# The commands of the README. Each does all the set-up that it needs on a fresh Debian 12 machine.
.PHONY: all test setup clean bytecode-compare

JOBS ?= $(shell nproc)

all: test

setup:
	@tools/setup.sh

build/dev/build.ninja: CMakePresets.json CMakeLists.txt src/CMakeLists.txt | setup
	@echo "== configuring the dev preset"
	@cmake --preset dev > build-configure.log 2>&1 || (cat build-configure.log; exit 1)
	@rm -f build-configure.log

test: setup build/dev/build.ninja
	@echo "== building (dev preset)"
	@ninja -C build/dev -j$(JOBS)
	@echo "== testing"
	@ctest --test-dir build/dev --output-on-failure --timeout 600

clean:
	rm -rf build

# Compares the code objects of our parser and compiler with the reference's, for its standard library.
bytecode-compare: setup build/dev/build.ninja
	@ninja -C build/dev -j$(JOBS) hosted_compiler
	@/usr/bin/python3.11 tools/bytecode_compare.py --extension build/dev/hosted/gill_compiler.so /usr/lib/python3.11
