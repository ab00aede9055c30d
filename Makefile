# Holdfast's one entrance: `make help`.

.DEFAULT_GOAL := help
.PHONY: help setup run build release test fuzz bench-apps bench-protocol bench-websocket doc clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## bring what building and testing need and this machine lacks
	@./scripts/setup.sh test

run: ## build what is missing and serve the demo on http://localhost:3000 (settings: ARGS="--listen :8080")
	@./scripts/setup.sh build
	cargo run -- $(ARGS)

build: ## build the binary for development: target/debug/holdfast
	@./scripts/setup.sh build
	cargo build

release: ## build the binary to deploy: target/release/holdfast
	@./scripts/setup.sh build
	cargo build --release

test: ## run everything that has to pass
	@./scripts/setup.sh test
	@./scripts/test.sh

fuzz: ## fuzz the protocol guest, so many seconds a target: SECONDS=60
	@./scripts/setup.sh test
	./tests/fuzz/run.sh $(or $(SECONDS),60)

bench-protocol: ## what a call of the protocol guest costs, natively and as a component (about ten minutes)
	@./scripts/setup.sh build
	cargo bench -p holdfast-tests --bench protocol

bench-apps: ## what an app costs an event, in JavaScript and in Rust, beside Node's (about five minutes)
	@./scripts/setup.sh test
	cargo bench -p holdfast-tests --bench apps

bench-websocket: ## repeat the measurement that chose the WebSocket code (about seven minutes)
	cd tests/bench/websocket && cargo run --release -- run 7 2>results.csv

doc: ## build the API documentation: target/doc
	cargo doc --workspace --no-deps

clean: ## remove what was built
	cargo clean
	rm -rf tests/fuzz/target
