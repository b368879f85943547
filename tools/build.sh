#!/bin/sh
# SPDX-License-Identifier: MIT
# Configures and builds a preset. Prints nothing but, on failure, what went wrong.
#     tools/build.sh PRESET [--target TARGET] [-DNAME=VALUE ...]
set -eu
cd "$(dirname "$0")/.."
preset=$1
shift
target=all
if [ "${1:-}" = --target ]; then
    target=$2
    shift 2
fi
folder=build-$preset
[ "$preset" != default ] || folder=build
mkdir -p "$folder"
log=$folder/build.log
if ! { cmake --preset "$preset" "$@" && cmake --build "$folder" --target "$target" -j "${PT2_JOBS:-$(nproc)}"; } \
    >"$log" 2>&1; then
    grep -E -A5 'error|Error|FAILED' "$log" | head -60 >&2 || true
    echo "tools/build.sh: the build of preset $preset failed; all of its output is in $log" >&2
    exit 1
fi
