#!/bin/sh
# Fetches the pinned gateway and its Node into a cache folder (840 MB, once) and runs the test against them.
set -eu
NODE_VERSION=24
OPENCLAW_VERSION=2026.9.6
CACHE="${OPENCLAW_DIR:-$HOME/.cache/trading-engine-openclaw}"
HERE="$(cd "$(dirname "$0")" && pwd)"
BIN="$CACHE/node_modules/node/bin"

skip() {
    echo "skipped: $1"
    exit 0
}

installed() {
    [ -x "$BIN/node" ] && grep -q "\"version\": \"$OPENCLAW_VERSION\"" "$CACHE/node_modules/openclaw/package.json" 2>/dev/null
}

if ! installed; then
    command -v npm >/dev/null || skip "there is no npm to fetch openclaw@$OPENCLAW_VERSION with"
    mkdir -p "$CACHE"
    [ -f "$CACHE/package.json" ] || echo '{"private": true}' >"$CACHE/package.json"
    LOG="$CACHE/install.log"
    echo "fetching node@$NODE_VERSION and openclaw@$OPENCLAW_VERSION into $CACHE"
    (
        cd "$CACHE"
        npm install --no-audit --no-fund "node@$NODE_VERSION"
        PATH="$BIN:$PATH" npm install --no-audit --no-fund "openclaw@$OPENCLAW_VERSION" # refuses an older Node
    ) >"$LOG" 2>&1 || skip "openclaw@$OPENCLAW_VERSION cannot be had from the registry, see $LOG"
fi
OPENCLAW_DIR="$CACHE" exec "$BIN/node" --test --test-reporter=spec "$HERE/gateway.test.js"
