#!/bin/sh
# masked.sh BUILD [RELEASE...]: runs all units of a build on this kernel, which refuses them what those releases lack.
# VMIO_UNITS: the units to run.
set -eu
scripts=$(realpath "$(dirname "$0")")
build=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- 5.10 6.1 6.12
units=${VMIO_UNITS:-$(find "$build/test" -maxdepth 1 -type f -name 'test_*' -perm -u+x | sed 's/.*\/test_//' | sort)}
directories=
for release in "$@"; do
    reports=$build/masked/$release
    rm -rf "$reports"
    # What that release lacks may be skipped; each need is probed for under the same mask, but not by the test.
    VMIO_MAY_SKIP=$("$build/test/old_kernel" "$release" "$scripts/absent_needs.sh")
    export VMIO_MAY_SKIP
    # shellcheck disable=SC2086  # a list of units
    "$build/test/old_kernel" "$release" sh "$scripts/units.sh" "$build/test" "$reports" $units
    directories="$directories $reports"
done
# shellcheck disable=SC2086
sh "$scripts/table.sh" $directories
