#!/usr/bin/env python3
"""layers_test.py NM ARCHIVE... -- COMPILER...: the tree and its objects keep to the table of rooms, and each kind of
violation is found in a copy that has one.

Each ARCHIVE has the objects of a room."""
import contextlib
import io
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import layers  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


# What is appended to files of a copy of the tree, and what the check must say then.
FAULTS = {
    'an internal header of a room above':
        ({'src/proc/thread_list.cpp': '#include "process/register_sets.hpp"'},
         'proc may not use process: process/register_sets.hpp'),
    'a public header of a room above':
        ({'src/base/range_set.cpp': '#include <vmio/process.hpp>'}, 'base may not use process: vmio/process.hpp'),
    'a room beside, from a public header':
        ({'include/vmio/snapshot.hpp': '#  include <vmio/memory_map.hpp>'},
         'snapshot may not use maps: vmio/memory_map.hpp'),
    'an internal header in a public one':
        ({'include/vmio/process.hpp': '#include "process/register_sets.hpp"'},
         'a public header includes an internal one: process/register_sets.hpp'),
    'a name without its room':
        ({'src/maps/smaps.cpp': '#include "maps_cursor.hpp"'}, 'maps_cursor.hpp is neither'),
    'the header of all headers':
        ({'src/maps/smaps.cpp': '#include <vmio/vmio.hpp>'}, 'vmio/vmio.hpp is neither'),
    'a circle of files':
        ({'src/base/one.hpp': '#include "base/other.hpp"', 'src/base/other.hpp': '#include "base/one.hpp"'},
         'files include each other: base/one.hpp -> base/other.hpp -> base/one.hpp'),
    'a circle of rooms':
        ({'src/base/range_set.cpp': '#include <vmio/memory_map.hpp>'}, 'rooms include each other: base -> maps'),
    'a room without a row': ({'src/attic/old.cpp': ''}, 'room attic is not in room_uses'),
    'a public header in no room': ({'include/vmio/unknown.hpp': ''}, 'include/vmio/unknown.hpp: in no room'),
    'a folder of many files': ({f'src/base/extra_{i}.hpp': '' for i in range(26)}, 'files, more than 25'),
    'a long file': ({'examples/long.cpp': '\n' * 300}, '301 lines, more than 300'),
}


def spoiled(tree, appended):
    """Appends to files of a tree, and gives a function that makes it undone."""
    before = {}
    for name, text in appended.items():
        path = tree / name
        before[path] = path.read_text() if path.exists() else None
        path.parent.mkdir(exist_ok=True)
        path.write_text((before[path] or '') + text + '\n')

    def undo():
        for path, text in before.items():
            path.unlink() if text is None else path.write_text(text)
    return undo


def output_of(arguments):
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        status = layers.main(arguments)
    return status, output.getvalue()


def main(arguments):
    separator = arguments.index('--')
    link_check = ['--link', *arguments[:separator]]
    compiler = arguments[separator + 1:]
    failures = []

    def expect(what, arguments, message):
        status, output = output_of(arguments)
        if status != (1 if message else 0) or (message or '') not in output:
            failures.append(f'{what}: exit status {status}, output:\n{output}')

    expect('this tree', [], None)
    expect('the objects of this tree', link_check, None)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        tree = scratch / 'tree'
        for top in ('src', 'include', 'examples'):
            shutil.copytree(ROOT / top, tree / top)
        for what, (appended, message) in FAULTS.items():
            undo = spoiled(tree, appended)
            expect(what, [str(tree)], message)
            undo()

        # An object that needs a room above without an #include.
        source, object_file = scratch / 'up.cpp', scratch / 'up.o'
        source.write_text('namespace vmio { class process { public: bool alive() const; }; }\n'
                          'bool up(const vmio::process& p) { return p.alive(); }\n')
        subprocess.run([*compiler, '-c', source, '-o', object_file], check=True)
        archive = scratch / 'libvmio_proc.a'
        subprocess.run(['ar', 'cr', archive, object_file], check=True)
        expect('an object that needs a room above', [*link_check, str(archive)],
               'proc may not use process: vmio::process::alive() const')

    print(*failures, sep='\n', end='\n' if failures else '')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
