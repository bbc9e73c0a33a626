#!/bin/sh
# fuzz.sh BUILD_DIRECTORY SECONDS: runs each fuzzer of test/fuzz over the inputs that are kept, and then for so many seconds
# on. An input that fails, or takes more than 5 seconds, is left among those that are kept, where it belongs.
set -u
build=$1
seconds=$2
root=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fixed=
# The address sanitizer has no room for its own memory where the kernel chooses addresses at random with more bits.
[ "$(cat /proc/sys/vm/mmap_rnd_bits)" -le 28 ] || fixed="setarch --addr-no-randomize"

fuzzer() {
    name=$1
    shift
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 $fixed "$build/test/fuzz/fuzz_$name" -timeout=5 "$@"
}

# Whether an input that took long takes as long again, alone: the machine may only have been busy.
is_slow_again() {
    again=1
    for input in "$2"/slow-unit-*; do
        [ -e "$input" ] || continue
        milliseconds=$(fuzzer "$1" "$input" 2>&1 | sed -n 's/^Executed .* in \([0-9]*\) ms$/\1/p')
        if [ "${milliseconds:-5000}" -ge 2000 ]; then again=0; else rm "$input"; fi
    done
    return $again
}

run() {
    kept=$root/test/fuzz/$1
    mkdir -p "$work/$1" "$kept"
    # -report_slow_units: an input that takes longer, in seconds, is a finding as well.
    fuzzer "$1" -max_total_time="$seconds" -max_len=2048 -report_slow_units=2 -artifact_prefix="$kept/" "$work/$1" \
        "$kept" 2>"$work/$1.log" && ! is_slow_again "$1" "$kept"
}

failed=0
running=
finish() {
    for one in $running; do
        if wait "${one%:*}"; then
            echo "${one#*:}: $(tail -n 1 "$work/${one#*:}.log")"
        else
            cat "$work/${one#*:}.log"
            failed=1
        fi
    done
    running=
}
for fuzzer in "$root"/test/fuzz/*.cpp; do
    name=$(basename "$fuzzer" .cpp)
    run "$name" &
    running="$running $!:$name"
    [ "$(echo "$running" | wc -w)" -lt "$(nproc)" ] || finish
done
finish
exit $failed
