# What people type. `make test` and `make lint` are what CI runs; both pass on a machine that has a Rust
# toolchain and a C compiler, and install the rest themselves.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Rounds of the crash tests, seeds of the simulation and of power losses, and cases of each property test, in the
# long runs.
ROUNDS ?= 200
SEEDS ?= 5000
POWER_SEEDS ?= 10000
CASES ?= 20000
# Cases of those that open stores on the disk, a second each.
STORE_CASES ?= 200
# Rows of a report file.
ROWS ?= 1000000
# Devices of the long month, and seeds of the planted lift.
MONTH_DEVICES ?= 100000
LIFT_SEEDS ?= 100
# Requests of each operation of the API, made from its description: some 7,000 in all.
EXAMPLES ?= 20
# Seconds per fuzz target.
FUZZ_S ?= 60
HOST = $(shell rustc -vV | sed -n 's/host: //p')
UNSAFE_TESTS := snapshot:: engine::raw shard::
VALGRIND_TESTS := snapshot::slot_tests snapshot::golden_tests snapshot::block_tests::a_ snapshot::block_tests::every engine::raw_tests

PROGRAM := target/release/geofenced
PAPERS := target/papers

PROMTOOL := target/promtool
VENV := target/venv
PYTHON_NEEDS := $(wildcard docs/examples/requirements.txt tests/requirements.txt)
CRASH_TESTS := $(patsubst tests/%.rs,--test %,$(wildcard tests/crash*.rs))
FUZZ_TARGETS := $(patsubst fuzz/fuzz_targets/%.rs,%,$(wildcard fuzz/fuzz_targets/*.rs))

# The generated sets of points and fences with known answers; what needs them passes without where the generator
# is absent.
SETS := target/sets
SETS_FROM := $(wildcard ../shared/data/gen/gen.rs)

.PHONY: help demo test lint exactness bench bench-report torture month office fuzz hostile asan valgrind deny man deb tools promtool python sets

help: ## This list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

demo: ## A daemon with simulated devices; prints jobs as they fire
	cargo run --release --locked -- demo

test: tools promtool python $(if $(SETS_FROM),$(SETS)/w1/done $(SETS)/w2/done) ## Everything that must hold, on real sockets and files
	export GEOFENCED_PYTHON="$(CURDIR)/$(VENV)/bin/python"; \
	if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run --workspace --locked --no-fail-fast; \
		cargo test --workspace --locked --doc; \
	else \
		cargo test --workspace --locked --no-fail-fast; \
	fi

lint: tools ## Format, clippy, documentation links
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked

exactness: sets ## Hits, enters and exits of all reference sets, at every count of shards and batch size
	cargo test --release --locked --test exactness -- --include-ignored --nocapture --test-threads 1

bench: ## Benchmarks, each beside its baseline
	cargo bench --locked

bench-report: sets ## The section Growth of docs/benchmarks.md and its plot, from about 15 minutes of load tests
	cargo build --release --locked -p loadtest
	python3 loadtest/growth.py

# First with the checks of arithmetic and the assertions that a release leaves out, then other seeds as a release.
torture: python ## Crashes, power losses, failing disks, the simulation and the API, for many rounds and seeds
	GEOFENCED_SEEDS=$(SEEDS) GEOFENCED_POWER_SEEDS=$(POWER_SEEDS) GEOFENCED_FAULT_STRIDE=1 \
		cargo test --locked --lib -- simulation:: power_tests:: damage_tests:: checkpoint_tests::
	GEOFENCED_FIRST_SEED=$$(($(SEEDS) + 1)) GEOFENCED_SEEDS=$(SEEDS) \
		cargo test --release --locked --lib -- simulation::
	PROPTEST_CASES=$(CASES) cargo test --release --locked --lib -- journal:: outbox:: --skip outbox::derived
	PROPTEST_CASES=$(STORE_CASES) cargo test --release --locked --lib -- outbox::derived
	$(if $(CRASH_TESTS),,$(error there are no tests/crash*.rs to run))
	GEOFENCED_CRASH_ROUNDS=$(ROUNDS) cargo test --release --locked $(CRASH_TESTS)
	GEOFENCED_SHEET_ROWS=$(ROWS) cargo test --release --locked --test sheets -- --nocapture --test-threads 1
	GEOFENCED_PYTHON="$(CURDIR)/$(VENV)/bin/python" GEOFENCED_SCHEMA_EXAMPLES=$(EXAMPLES) \
		GEOFENCED_SCHEMA_REQUESTS=5000 cargo test --release --locked --test described -- --nocapture

office: ## Report files as LibreOffice opens them, one of them with a million rows
	@command -v soffice >/dev/null || { \
		echo "installing libreoffice-calc"; \
		as_root=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$as_root apt-get update -q; \
		$$as_root apt-get install -qy --no-install-recommends libreoffice-calc; \
	}
	GEOFENCED_SHEET_ROWS=$(ROWS) cargo test --release --locked --test sheets -- --ignored --nocapture --test-threads 1

month: ## A month of 100,000 devices, every figure against a plain script; the lift's interval over 100 seeds
	GEOFENCED_LIFT_SEEDS=$(LIFT_SEEDS) cargo test --release --locked --lib -- lift_tests --nocapture
	GEOFENCED_MONTH_DEVICES=$(MONTH_DEVICES) cargo test --release --locked --test month -- --nocapture

fuzz: ## Property tests with many cases, then every fuzz target
	PROPTEST_CASES=$(CASES) cargo test --release --locked --workspace
	$(if $(FUZZ_TARGETS),cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz)
	for target in $(FUZZ_TARGETS); do \
		mkdir -p "target/fuzz/$$target"; \
		RUSTC_BOOTSTRAP=1 cargo fuzz run "$$target" "target/fuzz/$$target" "fuzz/corpus/$$target" -- \
			-max_total_time=$(FUZZ_S) -timeout=20 -rss_limit_mb=2048 -print_final_stats=1; \
	done

hostile: ## A good client beside every attack: its rate, and the daemon's memory
	cargo test --release --locked --test hostile -- --include-ignored --nocapture --test-threads 1

# What touches memory by hand: blocks, their memory, prefetches, the index, the slot, and what walks over them.
asan: ## The tests that touch unsafe code under AddressSanitizer
	RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address" CARGO_TARGET_DIR=target/asan \
		cargo test --locked --lib --target $(HOST) -- $(UNSAFE_TESTS)

valgrind: ## A small part of those under valgrind's memcheck
	cargo test --locked --lib --no-run
	tests=$$(cargo test --locked --lib --no-run --message-format=json 2>/dev/null \
		| grep -o '"executable":"[^"]*"' | cut -d'"' -f4 | tail -1); \
	PROPTEST_CASES=4 valgrind --quiet --error-exitcode=9 --fair-sched=yes "$$tests" --test-threads 1 $(VALGRIND_TESTS)

deny: ## Licences, bans and sources of the dependencies; known advisories where their database can be had
	cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
	cargo deny --all-features check licenses bans sources
	if cargo deny fetch db; then cargo deny check advisories; \
	else echo "the advisory database can't be had here: advisories were not checked"; fi

# Made by the program itself.
man: ## Manual pages and completions, in target/papers
	cargo build --release --locked --bin geofenced
	rm -rf $(PAPERS)
	$(PROGRAM) man $(PAPERS)/man
	for shell in bash zsh fish; do $(PROGRAM) completions $$shell >$(PAPERS)/geofenced.$$shell; done

deb: man ## The Debian package, in target/debian
	cargo deb --version >/dev/null 2>&1 || cargo install --locked cargo-deb
	cargo deb --no-build --locked

# A C compiler for the crates that are C inside, curl and jq for the pastes of README and docs, systemd-analyze for the units, and the
# toolchain's own components.
tools:
	@command -v cc >/dev/null || { echo "a C compiler is needed: apt-get install gcc"; exit 1; }
	@missing=; \
	command -v curl >/dev/null || missing="curl"; \
	command -v jq >/dev/null || missing="$$missing jq"; \
	command -v systemd-analyze >/dev/null || missing="$$missing systemd"; \
	[ -z "$$missing" ] || { \
		echo "installing $$missing"; \
		as_root=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$as_root apt-get update -q; \
		$$as_root apt-get install -qy --no-install-recommends $$missing; \
	}
	@cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	@cargo clippy --version >/dev/null 2>&1 || rustup component add clippy

# Debian ships promtool with the server, which would start with its installation: it is unpacked, not installed.
promtool:
	@command -v promtool >/dev/null || [ -x $(PROMTOOL)/usr/bin/promtool ] || { \
		echo "unpacking promtool"; \
		as_root=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$as_root apt-get update -q; \
		mkdir -p $(PROMTOOL); \
		cd $(PROMTOOL); \
		apt-get download -q prometheus; \
		dpkg-deb -x prometheus_*.deb .; \
		rm prometheus_*.deb; \
	}

# The second implementation of the protocol, and what holds the API against its description, in an environment of their own.
python: $(if $(PYTHON_NEEDS),$(VENV)/ready)

sets: $(if $(SETS_FROM),$(SETS)/w1/done $(SETS)/w2/done $(SETS)/w3/done)

$(SETS)/gen: $(SETS_FROM)
	mkdir -p $(SETS)
	rustc -O $(SETS_FROM) -o $@

$(SETS)/%/done: $(SETS)/gen
	GEN_DIR=$(dir $(SETS_FROM)) $(SETS)/gen $* $(SETS)/$*
	touch $@

# Debian packages only where the machine lacks them.
$(VENV)/ready: $(PYTHON_NEEDS)
	@python3 -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "installing python3-venv"; \
		as_root=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$as_root apt-get update -q; \
		$$as_root apt-get install -qy --no-install-recommends python3 python3-venv; \
	}
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check $(addprefix -r ,$(PYTHON_NEEDS))
	touch $@
