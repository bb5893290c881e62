# What the README tells people to type: demo, build, test, bench, install. Needs Rust, Node >= 20.3 and a C compiler;
# the C library alone (build-c, install, bench-c) needs no Node.

CARGO ?= cargo
NPM ?= npm --no-fund --no-audit
NODE ?= node
KILL_ROUNDS ?= 1000

# The shared library's name before it becomes node/sessile.node.
UNAME := $(shell uname -s)
ifeq ($(OS),Windows_NT)
ADDON := sessile_node.dll
else ifeq ($(UNAME),Darwin)
ADDON := libsessile_node.dylib
else
ADDON := libsessile_node.so
endif
# Where the C library is installed. LIBDIR and INCLUDEDIR are below PREFIX unless given; DESTDIR goes before them all.
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=

TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help build build-node build-c package install uninstall header demo screenshot deny clean
.PHONY: test test-style test-rust test-c test-install test-ctypes test-node test-package test-demo test-browser
.PHONY: test-strace-sample
.PHONY: test-c-full test-strace kill-test faults-full crash-full damage-full mutants fuzz-quick fuzz fuzz-seeds
.PHONY: bench bench-build bench-quick bench-smoke bench-c bench-seam test-bench

help:
	@echo "make demo       build and serve the example app on http://localhost:3000 (PORT=... for another)"
	@echo "make test       everything: style, Rust, C and Node tests, the demo driven over HTTP and by a browser"
	@echo "make build      release build of everything; afterwards require('<checkout>/node') works"
	@echo "make build-c    the C library alone"
	@echo "make package    dist/sessile-VERSION.tgz, which installs where there is no compiler; PREBUILT=folder of addons"
	@echo "make install    install the C library and its header below PREFIX=$(PREFIX); make uninstall removes them"
	@echo "make bench      all measurements, about an hour on an otherwise idle machine; PARTS='http stall' for some"
	@echo "make bench-quick  the most important ones, in two minutes; make bench-smoke: whether they all run"
	@echo "make bench-c    what a call from C costs, against the same call from Rust"
	@echo "make kill-test  a writer killed at $(KILL_ROUNDS) random moments"
	@echo "make faults-full a failure of every operation on the disk"
	@echo "make crash-full every short workload, crashed at every moment: CRASH_MINUTES=$(CRASH_MINUTES)"
	@echo "make mutants    defects planted one by one, each to be caught by a test; MUTANT=name tries one"
	@echo "make damage-full every damage to every part of a small store's files"
	@echo "make growth     a million requests, 10,000 openings and more in Node: what grows with them; LOADS=requests for one"
	@echo "make test-c     the C library alone; make test-c-full with AddressSanitizer and ThreadSanitizer"
	@echo "make test-browser  the demo driven by a real browser: Chromium, or CHROMIUM=... for another"
	@echo "make screenshot write docs/demo.png; needs Chromium, pngquant and the font Inter"
	@echo "make header     write include/sessile.h from ffi/src, where the C library changed"
	@echo "make fuzz-quick a minute of each fuzz target; make fuzz FUZZ_SECONDS=$(FUZZ_SECONDS)"
	@echo "make deny       dependency policy (needs cargo-deny)"
	@echo "make clean      remove what was built"

build: build-node build-c

# The addon alone: what the demo and the Node tests need. On musl a shared library has to link the C library as one; on
# Windows it brings the C runtime, which Node does not, and which not every machine has.
build-node: export CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS := -C target-feature=-crt-static
build-node: export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUSTFLAGS := -C target-feature=-crt-static
build-node: export CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_RUSTFLAGS := -C target-feature=+crt-static
build-node:
	$(CARGO) build --release --locked -p sessile -p sessile-node
	cp $(TARGET)/release/$(ADDON) node/sessile.node.new && mv node/sessile.node.new node/sessile.node

# The npm package, with this machine's addon, or with those that were built elsewhere: PREBUILT/PLATFORM/sessile.node.
PREBUILT ?=

package test-package: export CARGO := $(CARGO)
package: export PREBUILT := $(PREBUILT)
package: $(if $(PREBUILT),,build-node) node/node_modules/.package-lock.json
	cd node && $(NPM) run --silent package

# Exported, so that the scripts have them as they are, whatever is in them.
build-c install uninstall test-install test-ctypes bench-c: export CARGO := $(CARGO)
install uninstall: export PREFIX := $(PREFIX)
install uninstall: export LIBDIR := $(LIBDIR)
install uninstall: export INCLUDEDIR := $(INCLUDEDIR)
install uninstall: export DESTDIR := $(DESTDIR)

build-c:
	@ffi/install/build

install:
	@ffi/install/build --check
	@ffi/install/install

uninstall:
	@ffi/install/install uninstall

# npm writes this file last, so it says that the directory is complete.
%/node_modules/.package-lock.json: %/package-lock.json
	cd $* && $(NPM) ci
	@touch $@

demo: build-node node/node_modules/.package-lock.json examples/express/node_modules/.package-lock.json
	@cd examples/express && exec $(NODE) server.js

test: test-style test-rust test-controlled test-c test-install test-ctypes test-node test-package test-demo test-browser
test: test-strace-sample test-bench

test-style: node/node_modules/.package-lock.json examples/express/node_modules/.package-lock.json
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --exclude sessile-node --all-targets -- -D warnings
	$(CARGO) clippy --locked -p sessile -p sessile-node -- -D warnings
	$(CARGO) clippy --locked -p sessile-tests --features controlled --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps -p sessile --quiet
	cd node && $(NPM) run --silent lint

test-rust:
	$(CARGO) test --locked --workspace --quiet

test-node: build-node node/node_modules/.package-lock.json
	cd node && $(NPM) run --silent test:types
	cd node && $(NPM) run --silent test

# The package is made, installed where there is no compiler, and used, and leaves nothing behind; without the network.
test-package: build-node node/node_modules/.package-lock.json
	cd node && $(NPM) run --silent package -- --check

test-demo: build-node node/node_modules/.package-lock.json examples/express/node_modules/.package-lock.json
	cd examples/express && $(NPM) run --silent test

# The demo driven by a real browser. Asked for by name it fails where there is none; `make test` skips it there, and
# says so.
test: BROWSER := --optional
test-browser screenshot: export NODE := $(NODE)
test-browser: build-node node/node_modules/.package-lock.json examples/express/node_modules/.package-lock.json
test-browser: examples/express/browser/node_modules/.package-lock.json
	examples/express/browser/run test $(BROWSER)

# The picture of the demo in the README.
screenshot: build-node node/node_modules/.package-lock.json examples/express/node_modules/.package-lock.json
screenshot: examples/express/browser/node_modules/.package-lock.json
	examples/express/browser/run screenshot docs/demo.png

# The header and the library as C programs meet them; what is not installed (clang, valgrind) is skipped, and said so.
test-c:
	$(CARGO) build --locked --quiet -p sessile-ffi
	tests/c/run $(TARGET)/debug

# With the sanitizers as well: minutes, a nightly toolchain, and a directory of its own for each.
test-c-full:
	$(CARGO) build --locked --quiet -p sessile-ffi
	tests/c/run $(TARGET)/debug full

# Installed into places that go away again, and used from there by the C example, as pkg-config and CMake find it.
test-install: build-c
	tests/install/run

# The library as a program uses it that has no header.
test-ctypes: build-c
	tests/ctypes/run "$(TARGET)/release"

# Writes include/sessile.h and the listing of the ABI from ffi/src.
header:
	SESSILE_WRITE_HEADER=1 $(CARGO) test --locked --quiet -p sessile-ffi --test header --test abi

kill-test:
	KILL_ROUNDS=$(KILL_ROUNDS) $(CARGO) test --locked --release -p sessile-tests --test real_kill -- --nocapture

# Every operation on the disk fails, in every way it can: some minutes. `make test` tries some of them.
faults-full:
	SESSILE_TEST_FULL=1 $(CARGO) test --locked -p sessile-tests --test simulated_faults_everywhere \
		--test simulated_salvage -- --nocapture

# Every short workload crashed at every event; then again on many more of the disks that may be left, for
# CRASH_MINUTES.
CRASH_MINUTES ?= 60
crash-full:
	SESSILE_CRASH_MINUTES=$(CRASH_MINUTES) $(CARGO) run --locked --profile proof -p sessile-tests --bin crash_full

# Every sector and block of a small store's files, and every place where they can end; of changed bits and bytes one in
# so many: DAMAGE_ONE_IN=1 takes hours.
DAMAGE_ONE_IN ?= 20
damage-full:
	SESSILE_DAMAGE_FULL=$(DAMAGE_ONE_IN) $(CARGO) test --locked --release -p sessile-tests --test simulated_damage -- --nocapture --test-threads 1

# Plants each defect of tests/mutants in a copy of the sources, and says which test catches it.
mutants:
	$(CARGO) run --locked --quiet -p sessile-tests --bin mutants -- $(MUTANT)

# Which parts to measure, of those that benches/README.md lists; without any, all of them.
PARTS ?=

bench: bench-build
	$(NODE) benches/node/bench.js $(PARTS)

bench-quick: bench-build
	$(NODE) benches/node/bench.js --quick $(PARTS)

bench-build: build-node node/node_modules/.package-lock.json benches/node/node_modules/.built
	$(CARGO) build --locked --release -p sessile-benches

# Whether every part and every candidate runs, by figures that mean nothing.
bench-smoke: build-node node/node_modules/.package-lock.json benches/node/node_modules/.built
	$(CARGO) build --locked -p sessile-benches
	$(NODE) benches/node/bench.js --smoke $(PARTS)

# The report's and the load's own tests, which need no package.
test-bench:
	cd benches/node && $(NPM) run --silent test

# The other stores. Their packages' scripts are not run: one of them would download, or compile for minutes.
benches/node/node_modules/.package-lock.json: benches/node/package-lock.json
	cd benches/node && $(NPM) ci --ignore-scripts
	@touch $@

# The one whose package brings no binary. Where it can neither be had nor compiled, it is not measured.
benches/node/node_modules/.built: benches/node/node_modules/.package-lock.json
	cd benches/node && $(NPM) rebuild better-sqlite3 || echo "better-sqlite3 could not be built: it is left out"
	@touch $@

bench-c: build-c
	$(CARGO) build --locked --release -p sessile-benches
	benches/c/run "$(TARGET)/release"

# What the seam costs at which tests replace the disk: the same operations through it and past it, in turn.
bench-seam:
	$(CARGO) run --locked --release --quiet -p sessile-benches --features seam --bin seam

# System calls that fail under the C library and the addon, all that a short run makes; needs strace and python3.
test-strace: build-node
	$(CARGO) build --locked --quiet -p sessile-ffi
	tests/strace/run $(TARGET)/debug full

# A sample of them; build-node first.
test-strace-sample:
	$(CARGO) build --locked --quiet -p sessile-ffi
	tests/strace/run $(TARGET)/debug

# A minute of each fuzz target; then as many seconds as wanted. What they need, they say.
FUZZ_SECONDS ?= 3600

fuzz-quick fuzz: export CARGO := $(CARGO)

fuzz-quick:
	@fuzz/run 60

fuzz:
	@fuzz/run $(FUZZ_SECONDS)

fuzz-seeds:
	$(CARGO) run --locked --quiet -p sessile-fuzz-runs --bin seeds

deny:
	$(CARGO) deny check

clean:
	$(CARGO) clean
	rm -rf dist node/sessile.node node/node_modules benches/node/node_modules examples/c/sessions
	rm -rf examples/express/node_modules examples/express/browser/node_modules

.PHONY: test-controlled concurrency-full soak

# The store's threads in orders that a checker chooses: some, and many.
CONTROLLED_DEPTH ?= 30
test-controlled:
	$(CARGO) test --locked --quiet -p sessile-tests --features controlled --test controlled_threads

concurrency-full:
	SESSILE_TEST_DEPTH=$(CONTROLLED_DEPTH) $(CARGO) test --locked -p sessile-tests --features controlled --test controlled_threads -- --nocapture
	SESSILE_TEST_DEPTH=$(CONTROLLED_DEPTH) $(CARGO) test --locked -p sessile-tests --test real_linearizable -- --nocapture

# Random histories against the model for SOAK_MINUTES on SOAK_THREADS; SOAK_SEED replays one.
soak:
	$(CARGO) run --locked --quiet -p sessile-tests --bin soak

.PHONY: growth

# What grows with a million requests through Express, with stores opened and closed, with workers that are terminated:
# minutes each. `make test` has short forms. LOADS are names of node/test/growth/loads; without any, all of them.
LOADS ?=
growth: build-node node/node_modules/.package-lock.json
	$(NODE) node/test/growth/run.js $(LOADS)
