#!/bin/sh
# heap_blocks.sh HEAP_BLOCKS POKE_TARGET: what the program shows of the target's greeting, and says of a list it cannot use.
set -u
heap_blocks=$1
fail() { echo "$*"; exit 1; }

# The target ends when nobody reads its output any more.
"$2" | {
    read -r pid greeting _ || fail "the target has not said where it is"
    shown=$(printf '# greetings\n\n%s 24 a comment\n0 8\n%s 0\n' "$greeting" "$greeting" | "$heap_blocks" "$pid")
    [ $? = 1 ] || fail "a block that cannot be read is not told by the exit status"
    [ "$(echo "$shown" | wc -l)" = 3 ] || fail "not a line for each block: $shown"
    echo "$shown" | sed -n 1p | grep -q ' 24  48 65 6c 6c 6f 2c 20 49 20 61 6d 20 74 68 65 20  |Hello, I am the |$' ||
        fail "the greeting is not shown: $shown"
    echo "$shown" | sed -n 2p | grep -q '^0x0* *8 *(Bad address)$' || fail "no reason: $shown"
    list=$(mktemp)
    echo "$greeting 5" >"$list"
    "$heap_blocks" "$pid" "$list" | grep -q ' 5  48 65 6c 6c 6f   *|Hello|$' || fail "a list in a file is not read"
    rm "$list"

    echo "$greeting 0x" | "$heap_blocks" "$pid" 2>&1 | grep -q 'line 1 is not an address and a size: ' ||
        fail "a bad line is not named"
    "$heap_blocks" "$pid" /nowhere 2>&1 | grep -q 'cannot open /nowhere' || fail "a missing list is not named"
    "$heap_blocks" 0 </dev/null 2>&1 | grep -q '^heap_blocks: ' || fail "a bad process id is not refused"
    "$heap_blocks" --help | grep -q '^exit status: 0 all blocks could be read' || fail "no help"
    "$heap_blocks" x 2>/dev/null
    [ $? = 2 ] || fail "wrong usage is not told by the exit status"
}
