#!/bin/sh
# headers.sh INCLUDE_DIRECTORY COMPILER...: each public header can be included alone, in C++20 and C++23, without a
# warning; vmio.hpp includes all of them; and each class of fwd.hpp exists.
set -eu
include=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

for header in "$include"/vmio/*.hpp; do
    name=${header##*/}
    echo "#include <vmio/$name>" >"$work/$name.cpp"
    [ "$name" = vmio.hpp ] || grep -q "^#include <vmio/$name>" "$include/vmio/vmio.hpp" ||
        { echo "vmio.hpp does not include $name"; failed=1; }
done
{
    printf '#include <vmio/fwd.hpp>\n#include <vmio/vmio.hpp>\n'
    sed -n 's/^\(class\|struct\|enum class\) \([a-z_]*\)\( : .*\)\{0,1\};$/static_assert(sizeof(vmio::\2) > 0);/p' \
        "$include/vmio/fwd.hpp"
} >"$work/fwd.hpp, all of it.cpp"

# One compilation a processor at a time, and the output of each in one piece.
cat >"$work/compile" <<EOF
#!/bin/sh
output=\$($* -fsyntax-only -std="\$1" -I "$include" -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror "\$2" 2>&1) && exit 0
name=\${2##*/}
printf '== %s with %s\n%s\n' "\${name%.cpp}" "\$1" "\$output"
exit 1
EOF
for file in "$work"/*.cpp; do
    printf 'c++20\0%s\0c++2b\0%s\0' "$file" "$file"
done | xargs -0 -n 2 -P "$(nproc)" sh "$work/compile" || failed=1
exit $failed
