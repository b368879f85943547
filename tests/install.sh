#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs a build into a scratch folder and does what the README tells users: compiles its C example against the installed
# library, through pkg-config and through find_package, and runs it on an archive.
#     install.sh BUILD_FOLDER CC
set -eu
build=$1 cc=$2
source=$(cd "$(dirname "$0")/.." && pwd)
work=$build/install-test
rm -rf "$work"
mkdir -p "$work/example"
cmake --install "$build" --prefix "$work/prefix" >/dev/null

# The first C block of the README is the whole program.
awk '/^```c$/ { on = 1; next } /^```$/ { if (on) exit } on' "$source/README.md" >"$work/example/example.c"
[ -s "$work/example/example.c" ] || { echo "FAILED: the README has no C example"; exit 1; }

pc=$(dirname "$(find "$work/prefix" -name pt2gpu.pc)")
export PKG_CONFIG_PATH="$pc${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
lib=$(pkg-config --variable=libdir pt2gpu)
static=
[ -e "$lib/libpt2gpu.a" ] && static=--static
"$cc" -std=c11 -Wall -Wextra -Werror "$work/example/example.c" $(pkg-config --cflags --libs $static pt2gpu) \
    -o "$work/by-pkg-config"

cat >"$work/example/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(example C)
find_package(pt2gpu REQUIRED)
add_executable(by-cmake example.c)
target_link_libraries(by-cmake PRIVATE pt2gpu::pt2gpu)
END
cmake -S "$work/example" -B "$work/example/build" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_C_COMPILER="$cc" >/dev/null
cmake --build "$work/example/build" >/dev/null

for program in "$work/by-pkg-config" "$work/example/build/by-cmake"; do
    echo "$program"
    LD_LIBRARY_PATH=$lib "$program" "$source/tests/data/simple_net.pt2"
done

# Nothing but the public interface leaves a shared library.
if [ -e "$lib/libpt2gpu.so" ]; then
    others=$(nm -D --defined-only "$lib/libpt2gpu.so" | awk '$2 ~ /[A-Z]/ && $3 !~ /^pt2_/ { print $3 }')
    [ -z "$others" ] || { echo "FAILED: exported: $others"; exit 1; }
fi
