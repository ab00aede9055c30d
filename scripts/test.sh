#!/bin/sh
# Everything that has to pass, in the order of cost, with the counts at the end. Run by `make test`.
# Nothing is skipped in silence: what a test leaves out is listed with its reason.

set -eu
cd "$(dirname "$0")/.."
log="$(mktemp)"
clients="target/tmp/clients-1.log target/tmp/clients-2.log target/tmp/matrix.log target/tmp/differential.log target/tmp/browser.log target/tmp/example-*.log"
sameness="target/tmp/sameness-rust.log target/tmp/sameness-script.log"
trap 'rm -f "$log"' EXIT

# shellcheck disable=SC2086 # a list of words, here and below
rm -f $clients $sameness

step() { echo; echo "== $*"; }

step "formatting"
cargo fmt --all -- --check
step "clippy"
cargo clippy --workspace --all-targets --quiet -- -D warnings
step "tests"
# The pipe must not hide a failure: the status travels in a file.
{ HOLDFAST_TEST_ALL=1 cargo test --workspace 2>&1 || echo failed >"$log.status"; } | tee "$log"
step "the examples"
for manifest in examples/rust-hello/Cargo.toml examples/*/rust/Cargo.toml; do
    { cargo test --quiet --manifest-path "$manifest" --target-dir target/examples 2>&1 || echo failed >"$log.status"; } | tee -a "$log"
done
step "types of the package"
(cd guest/js && npx --no-install tsc --noEmit --project test/types)
step "tests in Node: the package"
cargo build --quiet
{ (cd tests/clients && HOLDFAST_BIN=../../target/debug/holdfast node --import ./resolve.mjs --test --test-reporter=spec ../../guest/js/test/*.test.mjs) 2>&1 || echo failed >"$log.status"; } | tee -a "$log"
step "fuzzing"
./tests/fuzz/run.sh "${FUZZ_SECONDS:-8}"

step "counts"
cat $clients 2>/dev/null | grep '# ' | grep '﹣' | sort | uniq -c | sed 's/^/skipped in Node: /' || true
grep SKIPPED "$log" || true
grep -h 'rows as the reference' $sameness 2>/dev/null || true
grep -h '^differen' $clients 2>/dev/null || true
rust() { awk -v want="$1" '/^test result:/ { for (i = 1; i < NF; i++) if ($(i + 1) ~ "^" want) n += $i } END { print n + 0 }' "$log"; }
node() { cat $clients 2>/dev/null | awk -v want="$1" '$2 == want { n += $3 } END { print n + 0 }'; }
passed=$(($(rust passed) + $(node pass)))
failed=$(($(rust failed) + $(node fail)))
skipped=$(($(rust ignored) + $(node skipped) + $(grep -c SKIPPED "$log" || true)))
echo "$passed passed, $failed failed, $skipped skipped"
[ ! -e "$log.status" ] || { rm -f "$log.status"; exit 1; }
