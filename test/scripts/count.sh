#!/bin/sh
# Reads the JUnit reports of all tests and says how many cases passed, failed and were skipped.
awk '
    /<testsuite / {
        for (i = 1; i <= NF; ++i) {
            split($i, part, "\"")
            if ($i ~ /^tests=/) tests += part[2]
            if ($i ~ /^skipped=/) skipped += part[2]
            if ($i ~ /^errors=/) errors += part[2]
            if ($i ~ /^failures=/) failures += part[2]
        }
    }
    END {
        failed = errors + failures
        printf "%d passed, %d failed, %d skipped\n", tests - failed - skipped, failed, skipped
        exit failed > 0 || tests == 0
    }
'
