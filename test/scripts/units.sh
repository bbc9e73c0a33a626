#!/bin/sh
# units.sh TESTS REPORTS UNIT...: runs programs of tests one by one, and keeps of each its list of cases, in JUnit's form,
# its output and its exit status. TESTS is the directory of the programs, VMIO_LIMIT a time limit for each, in seconds.
set -eu
tests=$1
reports=$2
shift 2
mkdir -p "$reports"
for unit in "$@"; do
    rm -f "$reports/$unit".*
    echo "unfinished" >"$reports/$unit.status"  # unless the machine lives to its turn
done
for unit in "$@"; do
    status=0
    timeout -k 5 "${VMIO_LIMIT:-600}" "$tests/test_$unit" --color_output=no --log_level=warning \
        "--logger=HRF,warning,stdout:JUNIT,error,$reports/$unit.xml" >"$reports/$unit.out" 2>&1 </dev/null || status=$?
    echo "$status" >"$reports/$unit.status"
    echo "$unit: $status"
done
