#compdef vmmap vmgrep vmcat vmdump vmio-snapshot-diff vmio-heap-blocks vmio-breakpoint
# SPDX-License-Identifier: BSL-1.0
# Completion of vmio's tools for zsh: options as --help lists them, ids and names of processes, files.
local -a names
if [[ $PREFIX == -* ]]; then
    names=(${(u)${(f)"$($words[1] --help 2>/dev/null | grep -oE -- '--[a-z0-9][a-z0-9-]*')"}})
    compadd -- $names
else
    names=(/proc/[0-9]*(N:t))
    compadd -- $names
    names=(comm:${^${(fu)"$(cat /proc/[0-9]*/comm 2>/dev/null)"}})
    compadd -- $names core: snapshot: raw: gdb:
    _files
fi
