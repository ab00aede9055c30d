#!/bin/sh
# Fuzzes the protocol guest with coverage, on stable Rust and without other tools. Run by `make fuzz`,
# and briefly by `make test`.
#
#   tests/fuzz/run.sh [SECONDS]      so many seconds for each target, 20 if not said
#
# The seeds are in corpus/. What is found on the way goes to a folder that is removed at the end; an
# input that breaks something is kept in target/found/, and the exit code is not zero.

set -u
export LC_ALL=C
seconds="${1:-20}"
case "$seconds" in
    '' | 0 | *[!0-9]*) echo "usage: run.sh [SECONDS]" >&2; exit 2 ;;
esac
cd "$(dirname "$0")" || exit 2

if ! command -v "${CXX:-c++}" >/dev/null 2>&1; then
    echo "fuzzing needs a C++ compiler, and there is none: install one (\`apt-get install g++\`) or name it in CXX" >&2
    exit 2
fi

# With a target named, build scripts and macros are built without these flags.
triple="$(rustc -vV | sed -n 's/^host: //p')"
flags="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1"
for option in level=4 inline-8bit-counters pc-table trace-compares; do
    flags="$flags -Cllvm-args=-sanitizer-coverage-$option"
done
env -u CARGO_ENCODED_RUSTFLAGS CARGO_TARGET_DIR=target RUSTFLAGS="$flags" \
    cargo build --quiet --release --locked --bins --target "$triple" || exit 1

finds="$(mktemp -d)" || exit 2
trap 'rm -rf "$finds"' EXIT
trap 'exit 130' INT TERM
mkdir -p target/found
failed=0
for target in packets events; do
    mkdir "$finds/$target"
    log="$finds/$target.log"
    if "target/$triple/release/$target" "$finds/$target" "corpus/$target" -dict=dictionary.txt \
        -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="target/found/$target-" >"$log" 2>&1
    then
        word=passed
    else
        word=FAILED
        failed=1
        grep -av '^#\|NEW_FUNC\|^INFO' "$log" | tail -n 60 | cut -c 1-2000
    fi
    runs="$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
    rss="$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")"
    edges="$(sed -n 's/^INFO: Loaded .*(\([0-9]*\) inline 8-bit counters).*/\1/p' "$log")"
    coverage="$(sed -n "s/^#.* cov: \([0-9]*\) ft: \([0-9]*\) corp: \([0-9]*\).*/\1 of ${edges:-?} edges, \2 features, \3 inputs/p" "$log" | tail -n 1)"
    echo "$target: $word, ${runs:-?} executions in $seconds s, ${coverage:-no coverage}, ${rss:-?} MiB"
done
exit "$failed"
