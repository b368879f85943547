#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what building needs, and the packages named as arguments. Says nothing when nothing is missing.
#     tools/setup.sh [PACKAGE ...]
set -eu
build="gcc libc6-dev cmake ninja-build pkg-config libzip-dev libcjson-dev libshaderc-dev libvulkan-dev
    opencl-c-headers libxxhash-dev"

die()
{
    echo "tools/setup.sh: $*" >&2
    exit 1
}

if ! command -v dpkg-query >/dev/null; then
    for tool in cc cmake ninja pkg-config; do
        command -v $tool >/dev/null || die "this is no Debian or Ubuntu: install $tool and the libraries that README.md lists"
    done
    exit 0
fi

missing=
for package in $build "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "as root, run: apt-get install$missing"
    sudo=sudo
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
if ! { $sudo apt-get update && $sudo apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -5 "$log" >&2
    die "apt could not install them (is the network reachable?); by hand: apt-get install$missing"
fi
