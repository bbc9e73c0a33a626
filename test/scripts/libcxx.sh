#!/bin/sh
# libcxx.sh BUILD_DIRECTORY OUTPUT_DIRECTORY: tests against the library that BUILD_DIRECTORY has from clang and libc++.
# Debian has Boost's libraries for libstdc++ only, so these are tests that do with the headers of Boost.
set -eu
root=$(dirname "$0")/../..
library=$1/src
output=$2
mkdir -p "$output"
cat >"$output/main.hpp" <<'X'
#define BOOST_TEST_MODULE vmio
#include <boost/test/included/unit_test.hpp>
X
build() {
    clang++ -stdlib=libc++ -std=c++20 -O0 -g1 -I"$root/include" -I"$root/src" -I"$root/test" -include "$output/main.hpp" \
        "$root/test/$1.cpp" -o "$output/${1##*/}" -L"$library" -Wl,-rpath,"$(realpath "$library")" -lvmio -pthread
}
running=
for test in base/address snapshot/snapshot snapshot/cow_view process/process transfer/process_memory stream/memory_streambuf \
    stream/process_vm_stream walk/region_reader walk/search; do
    build "$test" &
    running="$running $!"
    if [ "$(echo "$running" | wc -w)" -ge "$(nproc)" ]; then
        for one in $running; do wait "$one"; done
        running=
    fi
done
for one in $running; do wait "$one"; done
failed=
for test in "$output"/*; do
    [ -x "$test" ] || continue
    echo "${test##*/}"
    "$test" --log_level=warning || failed="$failed ${test##*/}"
done
[ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
