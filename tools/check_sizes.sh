#!/bin/sh
# SPDX-License-Identifier: MIT
# The sizes that keep the source readable, measured: functions have a median of at most 18 lines and at most 120 lines,
# files at most 1000 lines of at most 120 columns, a backend at most 4300 lines of C.
#     check_sizes.sh [--list]      --list prints the longest functions too
set -eu
cd "$(dirname "$0")/.."
median=18 longest=120 file_lines=1000 columns=120 backend_lines=4300

# Files that are one table or one switch, whose length is the number of its rows.
tables=""

fail=0
complain()
{
    echo "$*"
    fail=1
}

sources=$(ls core/*.[ch] core/*/*.[ch] backends/*/*.[ch] tools/*.[ch] 2>/dev/null)
if ! ctags --version 2>/dev/null | grep -q Universal; then
    echo "skipped: no universal-ctags"
    exit 77
fi

# length file:line name
functions=$(ctags --languages=C --c-kinds=f --fields=+ne -f - $(echo "$sources" | grep '\.c$') |
    awk -F'\t' '{ line = end = 0
                  for (i = 4; i <= NF; i++) {
                      if ($i ~ /^line:/) line = substr($i, 6)
                      if ($i ~ /^end:/) end = substr($i, 5)
                  }
                  if (end) print end - line + 1, $2 ":" line, $1 }' | sort -n)
count=$(echo "$functions" | wc -l)
middle=$(echo "$functions" | sed -n "$(((count + 1) / 2))p" | cut -d' ' -f1)
[ "$middle" -le $median ] || complain "functions: the median is $middle lines, at most $median are wanted"
[ "${1:-}" != --list ] || echo "$functions" | tail -20

long=$(echo "$functions" | awk -v max=$longest -v tables="$tables" '
    { split($2, at, ":") } $1 > max && index(" " tables " ", " " at[1] " ") == 0')
[ -z "$long" ] || complain "functions of more than $longest lines:
$long"

for file in $sources; do
    lines=$(wc -l <"$file")
    [ "$lines" -le $file_lines ] || complain "$file: $lines lines, at most $file_lines are wanted"
done

wide=$(LC_ALL=C.UTF-8 awk -v max=$columns 'length > max { print FILENAME ":" FNR ": " length " columns" }' \
    $sources shaders/*.cl shaders/*.glsl shaders/*.h tests/*/*.[ch] tests/*.py tests/*/*.py)
[ -z "$wide" ] || complain "lines of more than $columns columns:
$wide"

for backend in backends/*/; do
    lines=$(cat "$backend"*.[ch] | wc -l)
    [ "$lines" -le $backend_lines ] || complain "$backend: $lines lines of C, at most $backend_lines are wanted"
done

total=$(cat core/*.[ch] core/*/*.[ch] | wc -l)
echo "core: $total lines; $count functions, median $middle lines, longest $(echo "$functions" | tail -1)"
exit $fail
