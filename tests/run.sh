#!/usr/bin/env bash
# Installs what the tests need on Debian or Ubuntu, then runs everything CI runs. As root, or as a user with sudo.
# Each step writes a log under target/test-logs and shows its closing lines; a step that fails shows more of it.

set -uo pipefail
cd "$(dirname "$0")/.."

logs=target/test-logs
failed=()
mkdir -p "$logs"
export CARGO_TERM_COLOR=never RUST_BACKTRACE=1

# step NAME LINES COMMAND...: runs it, shows its last LINES lines, remembers a failure and goes on.
step() {
    local name=$1 lines=$2 start=$SECONDS
    shift 2
    echo "== $name"
    if "$@" >"$logs/$name.log" 2>&1; then
        tail -n "$lines" "$logs/$name.log"
        echo "== $name: ok, $((SECONDS - start)) s"
    else
        tail -n 200 "$logs/$name.log"
        echo "== $name: FAILED, $((SECONDS - start)) s (whole log: $logs/$name.log)"
        failed+=("$name")
    fi
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Only what is missing is installed: command, package.
install_packages() {
    local missing=() pair
    for pair in cc:build-essential redis-server:redis-server chromium:chromium node:nodejs npm:npm \
        openssl:openssl python3:python3 curl:curl; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
    done
    [ ${#missing[@]} -eq 0 ] && echo "nothing is missing" && return
    echo "installing ${missing[*]}"
    as_root apt-get update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"
}

install_rust_tools() {
    cargo fmt --version || rustup component add rustfmt || return
    cargo clippy --version || rustup component add clippy || return
    # Newer ones need a newer compiler. A few minutes, once.
    cargo deny --version || cargo install --locked --version '^0.18' cargo-deny
}

install_browser_driver() {
    npm ci --prefix tests/browser --no-audit --no-fund
}

# Closing lines of a cargo test run: one result line a test binary, and which one it was.
run_tests() {
    # What a test says of its failure matters; the runtime's frames below it do not.
    RUST_BACKTRACE=0 cargo test --workspace --locked --no-fail-fast 2>&1 | tee "$logs/tests-whole.log"
    local status=${PIPESTATUS[0]}
    if [ "$status" -ne 0 ]; then
        echo "-- failures"
        sed -n '/^failures:$/,/^test result:/p' "$logs/tests-whole.log" | cut -c -300 | head -n 100
    fi
    echo "-- results"
    grep -E '^ +Running |^test result:|^error: |^    `-p|conformance: [0-9]|SKIPPED|resident bytes' "$logs/tests-whole.log"
    return "$status"
}

# The advisory database is a git repository; a machine that can't reach it checks the rest.
check_dependencies() {
    if timeout 120 cargo deny fetch db; then
        cargo deny --locked check
    else
        echo "NOT CHECKED: advisories (their database can't be reached from here)"
        cargo deny --locked check bans licenses sources
        local status=$?
        echo "NOT CHECKED: advisories (their database can't be reached from here)"
        return "$status"
    fi
}

step packages 1 install_packages
step rust-tools 1 install_rust_tools
step browser-driver 1 install_browser_driver
step format 1 cargo fmt --all --check
step dependencies 2 check_dependencies
step clippy 1 cargo clippy --workspace --all-targets --locked -- -D warnings
step programs 1 cargo build --locked --profile fast --package gateway --package backend --bins
export SLUICE_BIN_DIR=${CARGO_TARGET_DIR:-target}/fast
step client 8 node --test backend/web/tests/
step autobahn 4 tests/autobahn/run.sh quick
step tests 80 run_tests

echo
if [ ${#failed[@]} -eq 0 ]; then
    echo "all steps passed in $SECONDS s"
else
    echo "failed: ${failed[*]} (after $SECONDS s)"
    exit 1
fi
