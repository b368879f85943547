#!/bin/sh
# SPDX-License-Identifier: MIT
# Gives a fuzz target every file of its corpus: tests/fuzz/corpus/TARGET/*, or tests/fuzz/corpus/* if there is no such
# folder, and the archives in tests/data.
#     replay.sh BUILD/tests/fuzz_archive
set -eu
here=$(dirname "$0")
corpus=$here/corpus/$(basename "$1")
[ -d "$corpus" ] || corpus=$here/corpus
list=$(find "$corpus" "$here/../data" -maxdepth 1 -type f ! -name '*.xz' ! -name '*.md' | sort)
[ -n "$list" ] || { echo "skipped: no corpus"; exit 77; }
echo "$list" | xargs "$1"
echo "$(echo "$list" | wc -l) files"
