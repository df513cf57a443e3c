# SPDX-License-Identifier: BSD-3-Clause
# A thin front for Meson. `make help` lists the targets.

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
PYTHON ?= /usr/bin/python3
MESON ?= meson
C_FILES = $(shell git ls-files 'app/*.[ch]' 'examples/*.c' 'examples/*.cc' 'export/*.[ch]' 'include/*.h' 'lib/*.[ch]' 'module/*.[ch]' 'test/*.[ch]')

.PHONY: all help deps run test bench coverage mutation fuzz sim crash doc package package-test install format lint clean

all: $(BUILD)/build.ninja ## build a release into $(BUILD)
	ninja -C $(BUILD)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

deps: ## install the Debian packages that are missing to build and test
	scripts/install-deps.sh build test

# Only what building needs, so that a first run takes minutes and not more.
$(BUILD)/build.ninja:
	scripts/install-deps.sh build
	$(MESON) setup $(BUILD) --buildtype=release -Dprefix=$(PREFIX) -Doptimization=3 -Db_lto=true -Dtests=false

run: all ## install what is missing, build, and serve a disk in memory
	$(BUILD)/app/bdevkit/bdevkit serve

test: ## install what is missing, build, and run all tests that need no special hardware
	scripts/install-deps.sh build test doc
	$(PYTHON) scripts/run_tests.py

bench: ## measure, side by side with peers
	scripts/install-deps.sh build test dev
	$(MAKE) all
	ninja -C $(BUILD) benchmarks
	$(PYTHON) test/bench/run.py
	$(PYTHON) test/bench/dd.py

FUZZ_SECONDS ?= 60
fuzz: ## let libFuzzer look for bad input that harms, FUZZ_SECONDS for each target
	scripts/install-deps.sh build test dev
	[ -f build-fuzz/build.ninja ] || CC=clang $(MESON) setup build-fuzz -Dfuzz=true --buildtype=debugoptimized \
		-Db_sanitize=address,undefined -Db_lundef=false
	ninja -C build-fuzz
	for corpus in test/fuzz/corpus/*; do \
		mkdir -p build-fuzz/corpus/$${corpus##*/} && \
		build-fuzz/test/fuzz/fuzz_$${corpus##*/} -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
			build-fuzz/corpus/$${corpus##*/} $$corpus || exit 1; \
	done

coverage: ## branches of lib/bdev and lib/json that no unit test takes
	scripts/install-deps.sh build test
	$(PYTHON) scripts/coverage.py

MUTANTS ?= 100
MUTATION_SEED ?= 1
mutation: ## break the layer and the modules in MUTANTS places, one at a time: the tests must notice
	scripts/install-deps.sh build test dev
	$(PYTHON) test/mutation/mutate.py --count $(MUTANTS) --seed $(MUTATION_SEED)

SIM_SEED ?= $(shell date +%s)
SIM_COUNT ?= 100000
sim: build-asan/build.ninja ## run SIM_COUNT seeds of the deterministic simulation from SIM_SEED on
	ninja -C build-asan
	BDEV_SIM_SEED=$(SIM_SEED) BDEV_SIM_COUNT=$(SIM_COUNT) build-asan/test/unit/bdev/bdev_schedules_test
	BDEV_SIM_SEED=$(SIM_SEED) BDEV_SIM_COUNT=$(SIM_COUNT) build-asan/test/unit/bdev/bdev_removal_schedules_test
	$(PYTHON) scripts/run_schedules.py --seed $(SIM_SEED) --program build-asan/app/bdevkit/bdevkit
	$(MAKE) powercuts

build-sim/build.ninja:
	scripts/install-deps.sh build test
	$(MESON) setup build-sim --buildtype=release -Doptimization=2

.PHONY: powercuts
powercuts: build-sim/build.ninja ## cut the power of arrays: SIM_COUNT seeds from SIM_SEED on, in shares for each level
	ninja -C build-sim test/sim/raid_crash
	$(PYTHON) scripts/run_crashes.py --seed $(SIM_SEED) --count $(SIM_COUNT) --program build-sim/test/sim/raid_crash

CRASHES ?= 100
crash: build-asan/build.ninja ## kill targets under load, CRASHES times on each kind of file: what was flushed must be there
	ninja -C build-asan
	CRASH_KILLS=$(CRASHES) BDEVKIT_BUILD=build-asan $(PYTHON) -m pytest -q test/system/test_crash.py

build-asan/build.ninja:
	scripts/install-deps.sh build test
	$(MESON) setup build-asan --buildtype=debug -Db_sanitize=address,undefined -Db_lundef=false --werror

doc: $(BUILD)/build.ninja ## HTML with a search and manual pages, of doc/, into $(BUILD)/doc
	scripts/install-deps.sh build doc
	ninja -C $(BUILD) build.ninja
	$(MESON) configure $(BUILD) -Ddocs=enabled
	ninja -C $(BUILD) doc-pages
	@echo "Open $(BUILD)/doc/html/index.html, or try: man -M $(BUILD)/doc/man spdk_bdev_open"

package: ## build Debian packages into build-package
	scripts/install-deps.sh build doc package
	scripts/make-packages.sh build-package

package-test: package ## install, run, upgrade and purge them in a container; needs root
	scripts/install-deps.sh build test package
	$(PYTHON) -m pytest -q -rs test/package

install: all doc ## install to DESTDIR and PREFIX
	$(MESON) configure $(BUILD) -Dprefix=$(PREFIX)
	DESTDIR=$(DESTDIR) $(MESON) install -C $(BUILD)

format: ## bring all C files into the house form
	clang-format -i $(C_FILES)

lint: ## check format, layers and common mistakes
	scripts/install-deps.sh build test dev
	$(PYTHON) scripts/lint.py

clean: ## remove all build folders
	rm -rf build build-*
