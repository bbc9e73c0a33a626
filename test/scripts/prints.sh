#!/bin/sh
# prints.sh PROGRAM LINE: the program succeeds, and this is all it prints.
printed=$("$1") || exit 1
[ "$printed" = "$2" ] || { echo "it printed: $printed"; exit 1; }
