#!/bin/bash
# completion.sh DIRECTORY_OF_TOOLS: what the completion of bash proposes, and that zsh and fish, if they are there, can
# parse theirs.
set -u
cd "$(dirname "$0")/../../examples/completion" || exit 1
fail() { echo "$*"; exit 1; }
# shellcheck source=/dev/null
. ./vmio.bash || fail "it cannot be sourced"
propose() {  # propose TOOL WORD
    COMP_WORDS=("$1" "$2") COMP_CWORD=1 COMPREPLY=()
    _vmio_tools "$1" "$2" "$1"
    printf '%s\n' "${COMPREPLY[@]}"
}
[ "$(propose "$1/vmgrep" --ig)" = --ignore-case ] || fail "no option: $(propose "$1/vmgrep" --ig)"
propose "$1/vmmap" $$ | grep -qx $$ || fail "no process"
propose "$1/vmmap" co | grep -qx core: || fail "no kind of memory"
propose "$1/vmmap" comm: | grep -qx bash || fail "no name of a process"
mark=$(mktemp -u)
(echo "\$(>$mark)" >/proc/self/comm 2>/dev/null; propose "$1/vmmap" comm: >/dev/null)
[ -e "$mark" ] && fail "the name of a process was executed"
complete -p vmdump vmio-breakpoint >/dev/null || fail "a tool without completion"
if command -v zsh >/dev/null; then zsh -n vmio.zsh || fail "zsh cannot parse it"; fi
if command -v fish >/dev/null; then fish --no-execute vmio.fish || fail "fish cannot parse it"; fi
