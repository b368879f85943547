#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the free test drivers, builds, and runs all tests on every device found.
#     tools/test.sh [--intel] [--mesa] [--quick] [--full] [--devices NAME[,NAME...]] [--no-extra]
#       --intel     also install Intel's OpenCL for CPUs (0.8 GB, Intel's own licence) below build/, and expect it
#       --mesa      also install Mesa's OpenCL, and unpack a newer Mesa (0.3 GB) below build/: on these, rusticl and
#                   lavapipe-gpu, run the kernels of GPUs; Debian only
#       --quick     fewer archives, one case of each operator, no sanitizers
#       --full      every operator case on every device
#       --devices   only these: reference, lavapipe, lavapipe-gpu, swiftshader, pocl, intel, rusticl, gpu0, ...
#       --no-extra  neither clang nor the sanitizers
set -eu
cd "$(dirname "$0")/.."
intel= mesa= quick= only= extra=1
while [ $# -gt 0 ]; do
    case $1 in
        --intel) intel=1 ;;
        --mesa) mesa=1 ;;
        --quick) quick=1 extra= ;;
        --full) export PT2_PICK=all ;;
        --no-extra) extra= ;;
        --devices=*) only=$(echo "${1#*=}" | tr , ' ') ;;
        --devices) shift; only=$(echo "${1:?--devices needs names}" | tr , ' ') ;;
        --help | -h) sed -n '3,11s/^# //p' "$0"; exit 0 ;;
        *) echo "tools/test.sh: unknown option $1 (see tools/test.sh --help)" >&2; exit 2 ;;
    esac
    shift
done
started=$(date +%s)
say() { printf '%4d s  %s\n' $(($(date +%s) - started)) "$*"; }

# ---- what is needed ----

packages="libcmocka-dev g++ universal-ctags python3"
python3 -c 'import numpy' 2>/dev/null || packages="$packages python3-numpy"
[ -z "$extra" ] || packages="$packages clang"
tools/setup.sh $packages mesa-vulkan-drivers chromium-common pocl-opencl-icd vulkan-validationlayers ocl-icd-libopencl1
python=python3
$python -c 'import numpy' 2>/dev/null || python=/usr/bin/python3

venv=build/intel-opencl/venv
if [ -n "$intel" ] && [ ! -e "$venv/lib/libintelocl.so" ] && [ -z "${PT2_INTEL_OPENCL:-}" ]; then
    tools/setup.sh python3-venv
    say "installing Intel's OpenCL below $venv"
    mkdir -p build/intel-opencl
    if ! { /usr/bin/python3 -m venv $venv && $venv/bin/pip install intel-opencl-rt intel-cmplr-lib-rt tbb; } \
        >build/intel-opencl/install.log 2>&1; then
        tail -3 build/intel-opencl/install.log >&2
        echo "tools/test.sh: pip could not install Intel's OpenCL; is PyPI reachable?" >&2
        exit 1
    fi
fi

if [ -n "$mesa" ]; then
    tools/setup.sh mesa-opencl-icd
    tools/mesa.sh
fi

# ---- build ----

say "building"
tools/build.sh default --target pt2gpu-command -DPT2_PYTHON="$(command -v $python)"
found=$($python tests/devices.py list build/pt2gpu)
if [ -z "$only" ]; then
    PT2_EXPECT_DEVICES="reference lavapipe swiftshader pocl${intel:+ intel}${mesa:+ lavapipe-gpu rusticl}"
    only=$(printf '%s\n' $PT2_EXPECT_DEVICES $found | awk '!seen[$0]++' | tr '\n' ' ')
else
    PT2_EXPECT_DEVICES=$only
fi
export PT2_EXPECT_DEVICES
devices=$(echo $only | tr ' ' ';')
tools/build.sh default -DPT2_TEST_DEVICES="$devices" -DPT2_TEST_JOBS="${PT2_JOBS:-$(nproc)}"

# ---- run ----

failed=
check()
{
    preset=$1
    shift
    if ! ctest --test-dir "$preset" --output-on-failure -j "${PT2_JOBS:-$(nproc)}" "$@"; then
        failed="$failed $preset"
    fi
}

say "testing on: $only"
if [ -n "$quick" ]; then
    export PT2_QUICK=1 PT2_PICK="${PT2_PICK:-ops}"
fi
check build

if [ -n "$extra" ]; then
    say "clang"
    tools/build.sh clang -DPT2_PYTHON="$(command -v $python)" || failed="$failed clang"
    say "address and undefined-behaviour sanitizers: reference backend; control flow on every device"
    export PT2_QUICK=1 PT2_PICK=ops
    tools/build.sh asan -DPT2_TEST_DEVICES=reference -DPT2_MEMORY_DEVICES="$devices" -DPT2_PYTHON="$(command -v $python)" || failed="$failed asan"
    check build-asan -L 'unit|fuzz|models|conformance'
    say "thread sanitizer"
    tools/build.sh tsan -DPT2_TEST_DEVICES=reference -DPT2_PYTHON="$(command -v $python)" || failed="$failed tsan"
    check build-tsan -L unit
fi

if [ -n "$failed" ]; then
    say "FAILED:$failed"
    exit 1
fi
say "all tests passed on: $only"
