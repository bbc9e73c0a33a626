# SPDX-License-Identifier: BSL-1.0
# Completion of vmio's tools for bash: options as --help lists them, ids and names of processes, files.
_vmio_tools() {
    local word=$2 names
    local -r harmless='[A-Za-z0-9._/-]+'  # compgen -W expands: a process must not choose what
    if [[ $word == -* ]]; then
        names=$("$1" --help 2>/dev/null | grep -oE -- '--[a-z0-9][a-z0-9-]*' | sort -u)
        mapfile -t COMPREPLY < <(compgen -W "$names" -- "$word")
    elif [[ $word == comm:* || ( $word == : && ${COMP_WORDS[COMP_CWORD - 1]} == comm ) ]]; then
        names=$(cat /proc/[0-9]*/comm 2>/dev/null | grep -xE "$harmless" | sort -u)
        mapfile -t COMPREPLY < <(compgen -W "$names" -- "${word#*:}")
    else
        names=$(cd /proc && printf '%s\n' [0-9]*)
        mapfile -t COMPREPLY < <(compgen -W "$names comm: core: snapshot: raw: gdb:" -- "$word"; compgen -f -- "$word")
    fi
}
complete -o filenames -o bashdefault -F _vmio_tools \
    vmmap vmgrep vmcat vmdump vmio-snapshot-diff vmio-heap-blocks vmio-breakpoint
