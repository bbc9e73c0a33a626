#!/usr/bin/env python3
"""layers.py [TREE]: checks the includes and the sizes of a source tree against the table of rooms in src/meson.build.
layers.py --link NM ARCHIVE...: checks what the objects of each room, libvmio_ROOM.a, need from other rooms.

Prints each violation on a line of its own; the exit status is 1 if there is one."""
import ast
import pathlib
import re
import subprocess
import sys

MOST_LINES = 300
MOST_FILES = 25
UMBRELLA = 'vmio'  # <vmio/vmio.hpp> includes every public header, and nothing includes it


class Table:
    """The rooms, the rooms that each may use, and the public headers that have no source file."""

    def __init__(self, tree):
        text = (tree / 'src' / 'meson.build').read_text()

        def variable(name):
            found = re.search(rf'^{name} = ({{.*?^}})', text, re.MULTILINE | re.DOTALL)
            if not found:
                sys.exit(f'layers: src/meson.build has no {name}')
            return ast.literal_eval(found[1])

        self.uses = variable('room_uses')
        self.room_of_header = {header: room for room, headers in variable('room_headers').items() for header in headers}

    def permits(self, room, used):
        return room == used or used in self.uses[room]


def circles(graph, what):
    """Yields each circle of a graph {node: {node: why}} once."""
    done, path = set(), []

    def visit(node):
        if node in path:
            yield f'{what}: ' + ' -> '.join(path[path.index(node):] + [node])
        elif node not in done:
            path.append(node)
            for following in sorted(graph.get(node, {})):
                yield from visit(following)
            path.pop()
            done.add(node)

    for node in sorted(graph):
        yield from visit(node)


def files_below(directory):
    return sorted(f for f in directory.rglob('*')
                  if f.is_file() and '__pycache__' not in f.parts and not f.name.startswith('.'))


def check_includes(tree, table):
    sources, public = tree / 'src', tree / 'include' / 'vmio'
    rooms = {}  # a file's name as an #include spells it, or its path: its room
    for file in files_below(sources):
        if file.suffix in ('.hpp', '.cpp'):
            rooms[str(file.relative_to(sources))] = file.relative_to(sources).parts[0]
    for header in files_below(public):
        stem = str(header.relative_to(public).with_suffix(''))
        beside = [f.parent.name for f in sources.glob(f'*/{stem}.cpp')]
        room = beside[0] if len(beside) == 1 else table.room_of_header.get(stem)
        if stem == UMBRELLA:
            continue
        if room is None:
            yield f'include/vmio/{stem}.hpp: in no room: neither src/*/{stem}.cpp nor room_headers of src/meson.build has it'
        else:
            rooms[f'vmio/{stem}.hpp'] = room
    for stem in table.room_of_header:
        if f'vmio/{stem}.hpp' not in rooms:
            yield f'src/meson.build: room_headers has {stem}, which is no header'

    graph, room_graph = {}, {}
    for name, room in rooms.items():
        path = (tree / 'include' if name.startswith('vmio/') else sources) / name
        shown = path.relative_to(tree)
        if room not in table.uses:
            yield f'{shown}: room {room} is not in room_uses of src/meson.build'
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r'\s*#\s*include\s*(?:<(vmio/[^>]*)>|"([^"]*)")', line)
            if not found:
                continue
            included = found[1] or found[2]
            if included not in rooms or (found[2] and included.startswith('vmio/')):
                yield f'{shown}:{number}: {included} is neither "ROOM/FILE.hpp" nor <vmio/FILE.hpp>'
                continue
            if name.startswith('vmio/') and found[2]:
                yield f'{shown}:{number}: a public header includes an internal one: {included}'
            if not table.permits(room, rooms[included]):
                yield f'{shown}:{number}: {room} may not use {rooms[included]}: {included}'
            graph.setdefault(name, {})[included] = number
            if room != rooms[included]:
                room_graph.setdefault(room, {})[rooms[included]] = name
    yield from circles(graph, 'files include each other')
    yield from circles(room_graph, 'rooms include each other')


def check_table(table):
    yield from circles({room: dict.fromkeys(used) for room, used in table.uses.items()}, 'rooms may use each other')


def check_sizes(tree):
    counts = {}
    for top in ('src', 'include', 'examples', 'test'):
        for file in files_below(tree / top):
            folder = file.parent.relative_to(tree)
            if folder.parts[:2] != ('test', 'fuzz') or len(folder.parts) == 2:  # below are inputs, as many as there are
                counts[folder] = counts.get(folder, 0) + 1
            if top != 'test' and file.suffix in ('.hpp', '.cpp'):
                lines = len(file.read_text().splitlines())
                if lines > MOST_LINES:
                    yield f'{file.relative_to(tree)}: {lines} lines, more than {MOST_LINES}'
    for folder, count in counts.items():
        if count > MOST_FILES and str(folder) != 'include/vmio':
            yield f'{folder}: {count} files, more than {MOST_FILES}'


def check_links(table, nm, archives):
    defined, needed = {}, {}
    for archive in archives:
        room = re.fullmatch(r'libvmio_(\w+)\.a', pathlib.Path(archive).name)[1]
        listing = subprocess.run([nm, '-P', '-A', archive], check=True, capture_output=True, text=True).stdout
        for line in listing.splitlines():
            where, symbol, kind = line.split()[:3]
            if kind == 'U':
                needed.setdefault((room, symbol), where.rstrip(':'))
            elif kind in 'TDBR':  # an inline function belongs to whoever uses it
                defined[symbol] = room
    for (room, symbol), where in needed.items():
        if symbol in defined and not table.permits(room, defined[symbol]):
            name = subprocess.run(['c++filt', symbol], check=True, capture_output=True, text=True).stdout.strip()
            yield f'{where}: {room} may not use {defined[symbol]}: {name}'


def main(arguments):
    root = pathlib.Path(__file__).resolve().parents[2]
    if arguments[:1] == ['--link']:
        violations = list(check_links(Table(root), arguments[1], arguments[2:]))
    else:
        tree = pathlib.Path(arguments[0]).resolve() if arguments else root
        table = Table(tree)
        violations = [*check_table(table), *check_includes(tree, table), *check_sizes(tree)]
    print(*violations, sep='\n', end='\n' if violations else '')
    return 1 if violations else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
