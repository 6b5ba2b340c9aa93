#!/usr/bin/env bash
# Runs Autobahn's fuzzing client against the frames of the stream manager: directly, through the gateway, and through the
# gateway's `webSocket` limits, for which it reads every frame.
# Usage: run.sh [quick|all]. quick: cases 1, 2, 5 and 7 (default); all: every case but compression, which is off.
# Programs come from SLUICE_BIN_DIR (default target/fast). Skips, and says so, when the tool cannot be had.

set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root" || exit

programs=$(realpath -m "${SLUICE_BIN_DIR:-${CARGO_TARGET_DIR:-target}/fast}")
tool=$(realpath -m "${CARGO_TARGET_DIR:-target}/autobahn")
case ${1:-quick} in
    quick) cases='["1.*", "2.*", "5.*", "7.*"]' ;;
    all) cases='["*"]' ;;
    *) echo "usage: $0 [quick|all]" && exit 2 ;;
esac

# The suite is Python 2 only.
find_python() {
    local python
    for python in "${PYTHON2:-python2.7}" "$HOME"/.pyenv/versions/2.7.*/bin/python2.7; do
        "$python" -c 'import sys; assert sys.version_info[:2] == (2, 7)' 2>/dev/null && echo "$python" && return
    done
    return 1
}

install_tool() {
    python=$(find_python) || { echo "no Python 2.7 here"; return 1; }
    [ -e "$tool/installed" ] && return
    rm -rf "$tool"
    "$python" -m pip install --quiet --disable-pip-version-check --target "$tool" \
        --requirement "$here/requirements.txt" || return
    # Outside of a site folder nothing reads the file that declares this namespace.
    touch "$tool/zope/__init__.py" "$tool/installed"
}

if ! install_tool; then
    echo "autobahn: SKIPPED: the tool cannot be had here"
    exit 0
fi
if ! [ -x "$programs/backend" ] || ! [ -x "$programs/gateway" ]; then
    echo "autobahn: build first: cargo build --profile fast --package gateway --package backend --bins"
    exit 1
fi

work=$(mktemp -d)
started=()
finish() {
    [ ${#started[@]} -eq 0 ] || kill "${started[@]}" 2>/dev/null
    wait
    rm -rf "$work"
}
trap finish EXIT

read -r api ws metrics health web < <(python3 "$here/ports.py" 5)

# The suite's largest message has 16 MiB.
env HOST=127.0.0.1 PORT="$api" WS_PORT="$ws" METRICS_PORT="$metrics" HEALTH_PORT="$health" STORE_PATH=memory \
    ENABLE_DEBUG_ENDPOINTS=true WS_MAX_MESSAGE_BYTES=16777216 "$programs/backend" >"$work/backend.log" 2>&1 &
started+=($!)

cat >"$work/dynamic.yml" <<END
http:
  routers:
    echo: {rule: 'Path(\`/debug/echo\`)', entryPoints: [web], service: echo}
    limited: {rule: 'Path(\`/limited\`)', entryPoints: [web], service: echo, middlewares: [path, limits]}
  middlewares:
    path: {replacePath: {path: /debug/echo}}
    limits: {webSocket: {maxMessageSize: 16777216}}
  services:
    echo: {loadBalancer: {servers: [{url: 'http://127.0.0.1:$ws'}]}}
END
cat >"$work/gateway.yml" <<END
entryPoints: {web: {address: '127.0.0.1:$web'}}
providers: {file: {filename: $work/dynamic.yml}}
END
"$programs/gateway" --configFile="$work/gateway.yml" >"$work/gateway.log" 2>&1 &
started+=($!)

# Ready when both answer an upgrade.
answers() {
    curl --silent --output /dev/null --max-time 1 --write-out '%{http_code}' --http1.1 \
        --header 'Connection: Upgrade' --header 'Upgrade: websocket' --header 'Sec-WebSocket-Version: 13' \
        --header 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==' "http://127.0.0.1:$1/debug/echo"
}
for _ in $(seq 30); do
    [ "$(answers "$ws")" = 101 ] && [ "$(answers "$web")" = 101 ] && break
    sleep 0.2
done
if [ "$(answers "$web")" != 101 ]; then
    echo "autobahn: the programs did not become ready"
    tail -n 20 "$work/backend.log" "$work/gateway.log"
    exit 1
fi

cat >"$work/spec.json" <<END
{
  "options": {"failByDrop": false},
  "outdir": "$work/reports",
  "servers": [
    {"agent": "direct", "url": "ws://127.0.0.1:$ws/debug/echo", "options": {"version": 13}},
    {"agent": "gateway", "url": "ws://127.0.0.1:$web/debug/echo", "options": {"version": 13}},
    {"agent": "limited", "url": "ws://127.0.0.1:$web/limited", "options": {"version": 13}}
  ],
  "cases": $cases,
  "exclude-cases": ["12.*", "13.*"],
  "exclude-agent-cases": {}
}
END
cd "$work" || exit
PYTHONPATH=$tool timeout "${AUTOBAHN_LIMIT:-1200}" "$python" -W ignore -c 'from autobahntestsuite.wstest import run; run()' \
    --mode fuzzingclient --spec "$work/spec.json" >"$work/tool.log" 2>&1
status=$?
if [ "$status" -ne 0 ]; then
    tail -n 30 "$work/tool.log"
    echo "autobahn: the tool ended with $status"
    exit 1
fi
python3 "$here/judge.py" "$work/reports/index.json"
