#!/bin/sh
# snapshot_diff.sh SNAPSHOT_DIFF TARGET: what the program shows of changes that the target makes when it is told, and what
# it says when it cannot.
set -u
snapshot_diff=$(realpath "$1")
target=$(realpath "$2")
fail() { echo "$*"; exit 1; }
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory" || exit 1

mkfifo commands answers enter
"$target" <commands >answers &
pid=$!
exec 3>commands 4<answers
read -r start <&4
tell() { printf %s "$1" >&3; read -r answer <&4; }
hex() { printf '%012x' "$1"; }
page=$(getconf PAGESIZE)

# expect STATUS WHAT ...: runs the program, whose output is in `shown` then, without its first line; words in `words`.
expect() {
    expected=$1 what=$2
    shift 2
    "$snapshot_diff" "$@" >out 2>words
    status=$?
    [ $status = "$expected" ] || fail "$what: status $status: $(cat words)"
    shown=$(sed 1d out)
}

expect 0 "a capture that is kept" --save saved -r known "$pid"
[ "$(stat -c %a saved)" = 600 ] || fail "others may read it"
expect 0 "nothing has changed" --from saved -r known "$pid"
[ "$shown" = "runs: 0, bytes: 0, vanished: 0 B, appeared: 0 B" ] || fail "changes from nowhere: $shown"
grep -q "^process $pid, 2.* to 2" out || fail "no times: $(cat out)"

tell c
expect 1 "known bytes have changed" -f saved -r known "$pid"
head=$(printf '%s rw-s' "$(hex $((start + 39)))")
[ "$shown" = "$head 3 bytes  /memfd:known
  $(hex $((start + 32))) - 48 65 6c 6c 6f 2c 20 6f 6c 64 20 77 6f 72 6c 64  |Hello, old world|
               +                      6e 65 77                    |Hello, new world|
$(hex $((start + page))) rw-s 1 byte  /memfd:known
  $(hex $((start + page))) - 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  |................|
               + 01                                               |................|
runs: 2, bytes: 4, vanished: 0 B, appeared: 0 B" ] || fail "changed bytes are not shown: $shown"
expect 1 "no bytes" -f saved -r known -b 0 "$pid"
[ "$(echo "$shown" | wc -l)" = 3 ] || fail "bytes that nobody wants: $shown"
expect 1 "the stack is written to" -f saved "$pid"
echo "$shown" | grep -q '\[stack\]: was rw-p, not captured$' || fail "it is not told what was not compared: $shown"

expect 0 "a second capture" -s later -r known "$pid"
expect 1 "two that were kept" --from saved --to later
echo "$shown" | grep -q '^runs: 2, bytes: 4,' || fail "two files are not compared: $shown"

# It waits for Enter, and is told of a change before.
"$snapshot_diff" -p --region known "$pid" <enter >out 2>words 3>&- &
waiting=$!
exec 5>enter
while ! grep -q Enter words; do sleep 0.01; done
tell c
echo >&5
wait $waiting
[ $? = 1 ] || fail "Enter does not compare: $(cat words)"
grep -q '^  .* - 01 00 ' out || fail "what changed while it waited is not shown: $(cat out)"
exec 5>&-

tell m
size=$((page / 1024))
[ $size -ge 10 ] || size=$size.0
expect 1 "memory comes and goes" -f later -r known -p "$pid"
[ "$shown" = "$(hex $((start + page))) rw-s $page bytes  /memfd:known: vanished
$(hex "$answer") rw-s $page bytes  /memfd:known too: appeared
runs: 0, bytes: 0, vanished: $size KiB, appeared: $size KiB" ] ||
    fail "comings and goings are not told: $shown"

expect 0 "a time to wait" --after 0.01 -r known "$pid"
expect 2 "no Enter" -r known "$pid" </dev/null
grep -q 'without an Enter' words || fail "it is not told how to wait: $(cat words)"
[ "$("$snapshot_diff" -Ra 0 -A "$pid" 2>words | sed 1q | cut -d, -f1)" = "process $pid" ] || fail "it does not repeat"
grep -qv '^captured' words && fail "a reader that goes away makes noise: $(cat words)"

"$snapshot_diff" -f saved "$pid" >/dev/full 2>words
[ $? = 2 ] || fail "a full disk is not told"
grep -q 'No space left on device' words || fail "no reason: $(cat words)"
timeout 60 "$snapshot_diff" "$pid" <&- >out 2>words
[ $? = 2 ] || fail "a closed input is not told"
grep -q 'without an Enter' words || fail "a closed input is not an empty one: $(cat words)"
expect 2 "a place that is not there" -s /nowhere/saved "$pid"
grep -q /nowhere/saved words || fail "the place is not named: $(cat words)"
expect 2 "a file of something else" -f words "$pid"
grep -q 'not a saved process' words || fail "no reason: $(cat words)"
for wrong in '' 0 x '--to saved' "--from saved --to saved $pid" "--after -1 $pid" "--after nan $pid" "--bytes x $pid"; do
    # shellcheck disable=SC2086
    expect 2 "wrong usage: $wrong" $wrong
    grep -q 'Try' words || fail "no hint for $wrong: $(cat words)"
done
exec 3>&-
wait "$pid" || fail "the target was harmed"
expect 2 "a process that is gone" -f saved "$pid"
grep -qi 'process' words || fail "no reason: $(cat words)"
