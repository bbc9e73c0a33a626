#!/bin/sh
# table.sh DIRECTORY...: prints what units.sh has kept of several machines: a row for each unit, a column for each
# machine, "passed", with "+1 failed" and "+1 skipped" where there are any. Then the cases that failed, and the reasons
# for skips. Exits 0 only if nothing failed, and if every unit has run everywhere.
set -eu
for directory in "$@"; do
    for status in "$directory"/*.status; do
        [ -e "$status" ] || continue
        unit=${status##*/}
        unit=${unit%.status}
        echo "@ $directory $unit $(cat "$status")"
        cat "$directory/$unit.xml" "$directory/$unit.out" 2>/dev/null | tr -d '\r' || true
    done
done | awk -v "machines=$*" '
    function finish(    failed, cell) {
        if (unit == "") return
        failed = errors + failures
        if (!complete || (status != 0 && failed == 0)) {  # it was killed, or ended early
            ++failed
            note(unit " ended with status " status)
        }
        cell = tests - skipped - errors - failures
        if (failed > 0) cell = cell " +" failed " failed"
        if (skipped > 0) cell = cell " +" skipped " skipped"
        cells[unit, machine] = cell
        passed_in[machine] += tests - skipped - errors - failures
        failed_in[machine] += failed
        skipped_in[machine] += skipped
        any_failed += failed
    }
    function note(text) {
        if (!((text, machine) in noted)) {
            noted[text, machine] = 1
            if (!(text in where)) notes[++note_count] = text
            where[text] = where[text] " " short(machine)
        }
    }
    function short(path) { sub(/.*\//, "", path); return path }
    /^@ / {
        finish()
        machine = $2; unit = $3; status = $4
        if (!(unit in known)) { known[unit] = 1; units[++unit_count] = unit }
        tests = skipped = errors = failures = complete = 0
        next
    }
    /<testsuite / {
        for (i = 1; i <= NF; ++i) {
            split($i, part, "\"")
            if ($i ~ /^tests=/) tests += part[2]
            if ($i ~ /^skipped=/) skipped += part[2]
            if ($i ~ /^errors=/) errors += part[2]
            if ($i ~ /^failures=/) failures += part[2]
        }
    }
    /<\/testsuite>/ { complete = 1 }
    /: (fatal )?error: in "/ { sub(/^.*\/test\//, ""); note(substr($0, 1, 200)) }
    /reason: .precondition failed: / {
        sub(/^.*precondition failed: /, ""); sub(/.\]\].*$/, ""); note("skipped: " $0)
    }
    END {
        finish()
        count = split(machines, machine_of, " ")
        width = 5
        for (u = 1; u <= unit_count; ++u) if (length(units[u]) > width) width = length(units[u])
        for (m = 1; m <= count; ++m) {
            columns[m] = length(short(machine_of[m]))
            for (u = 1; u <= unit_count; ++u)
                if (length(cells[units[u], machine_of[m]]) > columns[m])
                    columns[m] = length(cells[units[u], machine_of[m]])
        }
        printf "%-*s", width, "unit"
        for (m = 1; m <= count; ++m) printf "  %-*s", columns[m], short(machine_of[m])
        printf "\n"
        for (u = 1; u <= unit_count; ++u) {
            printf "%-*s", width, units[u]
            for (m = 1; m <= count; ++m) {
                cell = cells[units[u], machine_of[m]]
                if (cell == "") { cell = "not run"; ++missing }
                printf "  %-*s", columns[m], cell
            }
            printf "\n"
        }
        for (m = 1; m <= count; ++m)
            printf "%s: %d passed, %d failed, %d skipped\n", short(machine_of[m]), passed_in[machine_of[m]],
                failed_in[machine_of[m]], skipped_in[machine_of[m]]
        for (n = 1; n <= note_count; ++n) printf "%s:%s\n", notes[n], where[notes[n]]
        exit any_failed > 0 || missing > 0 || unit_count == 0
    }
'
