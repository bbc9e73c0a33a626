#!/bin/sh
# exports.sh LIBRARY LIST: the shared library shows the names of the list, and no other.
# exports.sh LIBRARY LIST VERSION: makes the list so; names that are new in it are there since VERSION.
set -eu
library=$1
list=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

nm -D --defined-only "$library" | awk '{ print $3 }' >"$work/symbols"
foreign=$(grep -vE '^_Z(T[VISThv][0-9n_]*)?NK?R?4vmio' "$work/symbols" | c++filt)
[ -z "$foreign" ] || { echo "not vmio's, but shown by $library, which src/exports.map forbids:"; echo "$foreign"; exit 1; }
c++filt <"$work/symbols" | LC_ALL=C sort -u >"$work/shown"

if [ $# = 3 ]; then
    awk -v version="$3" '
        FNR == NR { if (!/^ /) print; split($0, part, "\""); known[part[2]] = $0; next }
        { name = $0 "@Base"; print name in known ? known[name] : " (c++)\"" name "\" " version }
    ' "$list" "$work/shown" >"$work/list"
    cp "$work/list" "$list"
    exit
fi

sed -n 's/^ (c++)"\(.*\)@Base" .*/\1/p' "$list" | LC_ALL=C sort >"$work/listed"
diff -U0 "$work/listed" "$work/shown" | sed '1,2d; /^@@/d' >"$work/difference"
[ -s "$work/difference" ] || exit 0
cat "$work/difference"
echo "These names are gone (-) from the library, or new (+) in it. If that is meant, './dev exports' renews $list."
echo "Programs that were built against a name that is gone will not start: let soversion in src/meson.build go up."
exit 1
