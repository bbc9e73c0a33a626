#!/bin/sh
# snippets.sh README N OUTPUT: the Nth C++ program of a page.
awk -v wanted="$2" '/^```cpp/ { ++n; on = n == wanted; next } /^```/ { on = 0 } on' "$1" >"$3"
[ -s "$3" ]
