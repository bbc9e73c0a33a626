#!/bin/sh
# vmdump.sh VMDUMP TARGET: core files of a target in all the ways that the program offers, and what it says when it cannot.
set -u
vmdump=$(realpath "$1")
target=$(realpath "$2")
fail() { echo "$*"; exit 1; }
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory" || exit 1

mkfifo commands
GLIBC_TUNABLES=glibc.pthread.rseq=0 "$target" <commands >said &
pid=$!
exec 3>commands
while ! [ -s said ]; do sleep 0.01; done

is_core() { [ "$(head -c 4 "$1" | tail -c 3)" = ELF ] || fail "$1 is no core file"; }

"$vmdump" "$pid" 2>words || fail "it failed: $(cat words)"
is_core "core.$pid"
grep -Eq "^core.$pid: .* [0-9]+ threads, [0-9]+ gaps, paused for [0-9.]+ ms$" words || fail "no summary: $(cat words)"
[ "$(stat -c %a "core.$pid")" = 600 ] || fail "others may read it"
[ "$(du -k "core.$pid" | cut -f1)" -lt "$(($(stat -c %s "core.$pid") / 1024))" ] || fail "zeros take room"
"$vmdump" --frozen "$pid" frozen 2>words || fail "no frozen copy: $(cat words)"
is_core frozen
grep -Eq "^frozen: .* [0-9]+ threads, [0-9]+ gaps, a frozen copy, paused for [0-9.]+ ms$" words || fail "no summary: $(cat words)"
rm frozen
"$vmdump" -qfr "$pid" never 2>words && fail "a frozen copy that runs"
[ -e never ] && fail "a file for a wrong usage"
"$vmdump" -q "$pid" - >streamed 2>words || fail "no stream: $(cat words)"
[ -s words ] && fail "it is not quiet: $(cat words)"
"$vmdump" --gzip -q "$pid" || fail "cannot pack"
[ "$(stat -c %a "core.$pid.gz")" = 600 ] || fail "others may read it"
gunzip -t "core.$pid.gz" || fail "badly packed"
echo old >over.gz
chmod 644 over.gz
"$vmdump" -qz "$pid" over.gz 2>words && fail "a file is replaced without a word"
grep -q 'over.gz exists: --force replaces it' words || fail "no reason: $(cat words)"
[ "$(cat over.gz)" = old ] || fail "the old file is lost"
"$vmdump" -qz --force "$pid" over.gz || fail "cannot pack over a file"
[ "$(stat -c %a over.gz)" = 600 ] || fail "others may read what was packed over a file"
echo old >kept.gz
"$vmdump" -qz 2147483647 kept.gz 2>/dev/null && fail "no error for a process that is not there"
[ "$(cat kept.gz)" = old ] || fail "the old file is lost"
gunzip -c "core.$pid.gz" >unpacked
is_core unpacked
[ "$(stat -c %s unpacked)" = "$(stat -c %s streamed)" ] || fail "packed is not the same as streamed"
"$vmdump" -qz "$pid" - | gunzip -t || fail "a packed stream is bad"
if "$vmdump" --pack -q "$pid" 2>words; then
    [ "$(stat -c %a "core.$pid.zst")" = 600 ] || fail "others may read the frames"
    zstd -qt "core.$pid.zst" || fail "frames that zstd does not read"
    zstd -qdc "core.$pid.zst" | cmp - streamed || fail "what is unpacked is not the same as streamed"
    zstd -lv "core.$pid.zst" 2>/dev/null | grep -q 'Skippable Frames: 1' || fail "there is no table of the frames"
    "$vmdump" -qp "$pid" - | zstd -qt || fail "a stream of frames is bad"
    "$vmdump" -qp "$pid" /dev/full 2>words && fail "a full disk is not told when frames are written"
    grep -q '^vmdump: ' words || fail "no reason: $(cat words)"
    rm "core.$pid.zst"
else
    grep -q 'built without zstd' words || fail "no frames: $(cat words)"
fi
"$vmdump" -qpz "$pid" 2>/dev/null
[ $? = 2 ] || fail "two ways to pack are not refused"
"$vmdump" -qra "$pid" small || fail "cannot write while it runs"
[ "$(stat -c %s small)" -lt "$(stat -c %s streamed)" ] || fail "files are not left out"

"$vmdump" -q "$pid" - >/dev/full 2>words && fail "a full disk is not told"
grep -q '^vmdump: ' words || fail "no reason: $(cat words)"
"$vmdump" -qz "$pid" /dev/full 2>words && fail "a full disk is not told when packing"
"$vmdump" -q "$pid" /nowhere/core 2>words && fail "no error for a place that is not there"
grep -q '/nowhere/core' words || fail "the place is not named: $(cat words)"
"$vmdump" 2>/dev/null
[ $? = 2 ] || fail "wrong usage is not told by the exit status"
"$vmdump" 0 2>/dev/null
[ $? = 2 ] || fail "a bad process id is not refused"
exec 3>&-
wait "$pid" || fail "the target was harmed"
"$vmdump" "$pid" 2>words && fail "no error for a process that is gone"
grep -qi 'process' words || fail "no reason: $(cat words)"
[ "$(find . -name "core.*" -o -name ".vmdump*" | wc -l)" = 2 ] || fail "something was left behind: $(ls)"
