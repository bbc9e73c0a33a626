# SPDX-License-Identifier: BSL-1.0
# Completion of vmio's tools for fish: options as --help lists them, ids and names of processes, files.
set -l tool (basename (status filename) .fish)
complete -c $tool -n 'string match -q -- "-*" (commandline -ct)' -f \
    -a "($tool --help 2>/dev/null | string match -ra -- '--[a-z0-9][a-z0-9-]*' | sort -u)"
complete -c $tool -a '(__fish_complete_pids)'
complete -c $tool -a '(cat /proc/[0-9]*/comm 2>/dev/null | sort -u | string replace -r "^" comm:)'
complete -c $tool -a 'core: snapshot: raw: gdb:'
