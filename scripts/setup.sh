#!/bin/sh
# Brings what a build or the tests need and this machine lacks, and says what it does. Run by `make`.
#
#   scripts/setup.sh build     a C compiler, the same for wasm, the wasm standard library, the browser client's package
#   scripts/setup.sh test      that, and what the tests drive: npm packages, a C++ compiler, Chromium,
#                              a Python client, a native client
#
# It installs Debian packages (as root), and npm and Python packages (in this folder), and touches nothing else.
# When everything is there it takes no time.

set -eu
cd "$(dirname "$0")/.."

say() { echo "setup: $*"; }
have() { command -v "$1" >/dev/null 2>&1; }
fail() { echo "setup: $*" >&2; exit 1; }

# Debian packages, in one go.
install() {
    have apt-get || fail "needed and not installed: $*. Install them with your system's package manager."
    [ "$(id -u)" = 0 ] || fail "needed and not installed: $*. Run: sudo apt-get install --no-install-recommends $*"
    say "installing from Debian: $*"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Whether some Rust here has the standard library for wasm, or can build it.
has_wasm() {
    libraries="$(rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null)" || libraries=/nowhere
    wasi="$(rustc --print target-libdir --target wasm32-wasip1 2>/dev/null)" || wasi=/nowhere
    ls "$libraries"/libstd-* >/dev/null 2>&1 && ls "$wasi"/libstd-* >/dev/null 2>&1 && return 0
    [ -x /usr/bin/rustc ] && [ -x /usr/bin/cargo ] || return 1
    [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std" ]
}

# Whether there is a C compiler and library for wasm: for the JavaScript engine.
has_wasm_c() {
    [ -z "${WASI_SDK:-}" ] || return 0
    [ -e /usr/lib/wasm32-wasi/libc.a ] || return 1
    ls /usr/bin/clang* >/dev/null 2>&1 && ls /usr/bin/llvm-ar* >/dev/null 2>&1
}

# npm packages of a folder, as its lock file says.
packages() {
    if ! have node || ! have npm; then
        say "no Node here: $2"
        return 0
    fi
    if [ ! -e "$1/node_modules/.package-lock.json" ] || [ "$1/package-lock.json" -nt "$1/node_modules/.package-lock.json" ]; then
        say "installing npm packages in $1"
        (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
        touch "$1/node_modules/.package-lock.json"
    fi
}

# The clients of the matrix that are not JavaScript. Without them their part of the tests is skipped.
python_client() {
    venv=target/matrix-venv
    requirements=tests/clients/matrix/requirements.txt
    [ ! -e "$venv/installed" ] || [ "$requirements" -nt "$venv/installed" ] || return 0
    say "installing the Python client in $venv"
    if python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"; then
        touch "$venv/installed"
    else
        say "no Python client: its part of the client matrix will be skipped"
    fi
}

native_client() {
    manifest=tests/clients/native/Cargo.toml
    [ -e target/native-client/debug/holdfast-matrix-native ] || say "building the native client (about a minute)"
    cargo build --quiet --locked --manifest-path "$manifest" --target-dir target/native-client ||
        say "no native client: its part of the client matrix will be skipped"
}

have cargo || fail "Rust is not installed: see https://rustup.rs"
missing=""
have cc || missing="$missing gcc libc6-dev"
has_wasm || missing="$missing rustc-web cargo-web rust-web-src rust-web-llvm"
has_wasm_c || missing="$missing clang llvm wasi-libc"
if [ "${1:-build}" = test ]; then
    have c++ || missing="$missing g++"
    have chromium || missing="$missing chromium"
    python3 -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
    { have pkg-config && pkg-config --exists openssl; } || missing="$missing libssl-dev pkg-config"
fi
# shellcheck disable=SC2086 # a list of words
[ -z "$missing" ] || install $missing
has_wasm || fail "still no wasm standard library: run \`rustup target add wasm32-unknown-unknown wasm32-wasip1\`"
has_wasm_c || fail "still no C compiler and library for wasm: install the WASI SDK and let WASI_SDK name its folder"

packages host/client "the browser client will not be part of the build, and the page will say so"
if [ "${1:-build}" = test ]; then
    have node || fail "the tests drive clients in Node: install Node 20 or newer"
    packages tests/clients ""
    packages tests/browser ""
    packages guest/js ""
    python_client
    native_client
fi
