#!/bin/sh
# absent_needs.sh: prints the needs of tests that this machine does not meet, for VMIO_MAY_SKIP, and why on the error
# output. It asks the machine by other means than the tests do.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
absent=

# need NAME
need() { absent="${absent:+$absent;}$1"; }

# A kernel without IA-32 emulation, or on a hypervisor that has none for it, refuses the program with ENOEXEC.
if [ "$(uname -m)" = x86_64 ]; then
    printf '.globl _start\n_start: mov $1, %%eax\nxor %%ebx, %%ebx\nint $0x80\n' | as --32 -o "$work/exit.o"
    ld -m elf_i386 -o "$work/exit" "$work/exit.o"
    if ! "$work/exit" 2>/dev/null; then
        need "a kernel that runs programs of 32 bits"
        { dmesg 2>/dev/null || true; } | grep -iE 'ia-?32|32-bit emulation' >&2 || true
    fi
fi
# What only later kernels have.
"$(dirname "$0")/absent_features.py" >"$work/features"
while read -r feature; do need "$feature"; done <"$work/features"
[ -z "$absent" ] || echo "absent_needs.sh: $absent" >&2
printf '%s\n' "$absent"
