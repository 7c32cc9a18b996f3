# `make help` lists what there is. Every target installs what it lacks through scripts/setup.

SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(HOME)/.cargo/bin:$(PATH)

# A machine may have a suitable toolchain under the name "stable" only, and no way to fetch the pinned one.
ifneq ($(shell cargo --version >/dev/null 2>&1 && echo runs),runs)
ifeq ($(shell cargo +stable --version >/dev/null 2>&1 && echo runs),runs)
export RUSTUP_TOOLCHAIN := stable
endif
endif

# Seconds for each fuzz target.
FUZZ_SECONDS ?= 60
# 1: `make demo` tries what it prints, checks the answers and ends.
DEMO_CHECK ?= 0

.PHONY: help demo test e2e story lint bench fuzz check-style

help: ## List the targets
	@sed -n 's/^\([a-z0-9]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

demo: ## Serve examples/hello on this machine and say what to try (DEMO_CHECK=1: try it and end)
	@scripts/setup demo
	@DEMO_CHECK=$(DEMO_CHECK) scripts/demo

test: ## Everything that must pass, quick things first, with a summary at the end (as root also on a real Kubernetes)
	@scripts/test

e2e: ## Only the tests on a real Kubernetes made for them, API alone and nodes with pods (needs root)
	@scripts/setup build e2e
	cargo build --locked
	cargo test --locked -p tidegate-e2e

story: ## Install with Helm on two nodes made for it, serve, scrape, upgrade under load, uninstall; prints figures (needs root)
	@scripts/story

lint: ## What test checks without running tests, and the dependencies (licences, duplicates, sources, advisories)
	@scripts/setup lint
	$(MAKE) --no-print-directory check-style
	cargo deny --locked check bans licenses sources
	@if timeout 10 git ls-remote -q https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; \
	then cargo deny --locked check advisories; \
	else echo "advisories: not checked, their database cannot be reached from here"; fi

check-style:
	@for script in scripts/* .ci/run e2e/cluster/build benches/common.sh; do bash -n $$script || exit 1; done
	@if command -v shellcheck >/dev/null; then shellcheck -x scripts/* .ci/run e2e/cluster/build; fi
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo check --locked --manifest-path fuzz/Cargo.toml --target-dir target
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

bench: ## Measure: cargo benches, then scripts/bench against HAProxy if it is there
	@scripts/setup build bench
	cargo bench --locked
	@if [ -x scripts/bench ]; then scripts/bench; fi

fuzz: ## Run each fuzz target for FUZZ_SECONDS (60)
	@scripts/setup fuzz
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz
