#!/bin/sh
# room_units.sh DIRECTORY: for each room a source file there that includes all of its sources, so that a check of all reads
# the standard library's headers once a room.
set -eu
for room in "$(dirname "$0")"/../../src/*/; do
    room=$(basename "$room")
    for source in "$(dirname "$0")/../../src/$room"/*.cpp; do
        echo "#include \"$room/$(basename "$source")\""
    done >"$1/$room.cpp"
done
