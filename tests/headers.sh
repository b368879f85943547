#!/bin/sh
# SPDX-License-Identifier: MIT
# Every header compiles alone: all as C11, the public ones also as strict C99 and as C++.
#     headers.sh CC [CXX]
set -eu
cd "$(dirname "$0")/.."
cc=$1 cxx=${2:-}
strict="-Wall -Wextra -Wshadow -Wconversion -Wno-unused-function -Wno-unused-macros -pedantic -Werror -fsyntax-only"
failed=0

# try DESCRIPTION HEADER COMPILER FLAGS...: compiles a file that includes the header, twice.
try()
{
    what=$1 header=$2
    shift 2
    if ! printf '#include "%s"\n#include "%s"\n' "$header" "$header" | "$@" $strict -; then
        echo "FAILED: $header as $what"
        failed=1
    fi
}

for header in core/*.h core/*/*.h; do
    ! grep -q '^X(' "$header" || continue # a list for an X macro, not a header
    try C11 "${header#core/}" "$cc" -x c -std=c11 -D_POSIX_C_SOURCE=200809L -Icore -I.
done
for header in pt2gpu.h pt2gpu_custom.h; do
    try C99 $header "$cc" -x c -std=c99 -Icore
done
if [ -n "$cxx" ] && command -v "$cxx" >/dev/null; then
    for header in pt2gpu.h pt2gpu_custom.h; do
        try C++11 $header "$cxx" -x c++ -std=c++11 -Icore
        try C++17 $header "$cxx" -x c++ -std=c++17 -Icore
    done
else
    echo "no C++ compiler: the public headers were not tried as C++"
fi
exit $failed
