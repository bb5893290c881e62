# What the README tells people to type: demo, build, test, bench. Needs Rust, Node >= 20 and a C compiler.

CARGO ?= cargo
NPM ?= npm --no-fund --no-audit
NODE ?= node
KILL_ROUNDS ?= 200

# The shared library's name before it becomes node/sessile.node.
UNAME := $(shell uname -s)
ifeq ($(UNAME),Darwin)
ADDON := libsessile_node.dylib
else
ADDON := libsessile_node.so
endif
TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help build demo test test-style test-rust test-c test-c-full test-node test-demo header kill-test bench deny clean

help:
	@echo "make demo       build and serve the example app on http://localhost:3000 (PORT=... for another)"
	@echo "make test       everything: style, Rust, C and Node tests, the demo driven over HTTP"
	@echo "make build      release build; afterwards require('<checkout>/node') works"
	@echo "make bench      the README's figures, some minutes, on an otherwise idle machine"
	@echo "make kill-test  a writer killed at $(KILL_ROUNDS) random moments"
	@echo "make test-c     the C library alone; make test-c-full with AddressSanitizer and ThreadSanitizer"
	@echo "make header     write include/sessile.h from ffi/src, where the C library changed"
	@echo "make deny       dependency policy (needs cargo-deny)"
	@echo "make clean      remove what was built"

build:
	$(CARGO) build --release --locked -p sessile -p sessile-node
	cp $(TARGET)/release/$(ADDON) node/sessile.node.new && mv node/sessile.node.new node/sessile.node

# npm writes this file last, so it says that the directory is complete.
%/node_modules/.package-lock.json: %/package-lock.json
	cd $* && $(NPM) ci
	@touch $@

demo: build node/node_modules/.package-lock.json examples/express/node_modules/.package-lock.json
	@cd examples/express && exec $(NODE) server.js

test: test-style test-rust test-c test-node test-demo

test-style: node/node_modules/.package-lock.json examples/express/node_modules/.package-lock.json
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --exclude sessile-node --all-targets -- -D warnings
	$(CARGO) clippy --locked -p sessile -p sessile-node -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps -p sessile --quiet
	cd node && $(NPM) run --silent lint

test-rust:
	$(CARGO) test --locked --workspace --quiet

test-node: build node/node_modules/.package-lock.json
	cd node && $(NPM) run --silent test:types
	cd node && $(NPM) run --silent test

test-demo: build node/node_modules/.package-lock.json examples/express/node_modules/.package-lock.json
	cd examples/express && $(NPM) run --silent test

# The header and the library as C programs meet them; what is not installed (clang, valgrind) is skipped, and said so.
test-c:
	$(CARGO) build --locked --quiet -p sessile-ffi
	tests/c/run $(TARGET)/debug

# With the sanitizers as well: minutes, a nightly toolchain, and a directory of its own for each.
test-c-full:
	$(CARGO) build --locked --quiet -p sessile-ffi
	tests/c/run $(TARGET)/debug full

# Writes include/sessile.h and the listing of the ABI from ffi/src.
header:
	SESSILE_WRITE_HEADER=1 $(CARGO) test --locked --quiet -p sessile-ffi --test header --test abi

kill-test:
	KILL_ROUNDS=$(KILL_ROUNDS) $(CARGO) test --locked --release -p sessile-tests --test real_kill -- --nocapture

bench: build node/node_modules/.package-lock.json
	$(CARGO) build --locked --release -p sessile-benches
	$(TARGET)/release/engine
	$(NODE) benches/node/store.js
	$(NODE) benches/node/http.js

deny:
	$(CARGO) deny check

clean:
	$(CARGO) clean
	rm -rf node/sessile.node node/node_modules examples/express/node_modules
