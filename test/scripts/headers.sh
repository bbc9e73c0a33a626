#!/bin/sh
# headers.sh INCLUDE_DIRECTORY COMPILER...: each public header can stand alone, in C++20 and C++23, without a warning.
set -u
include=$1
shift
failed=0
for header in "$include"/vmio/*.hpp; do
    for standard in c++20 c++2b; do
        echo "#include <vmio/${header##*/}>" | "$@" -fsyntax-only -std=$standard -I "$include" -x c++ - \
            -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror || { echo "${header##*/} with $standard"; failed=1; }
    done
done
exit $failed
