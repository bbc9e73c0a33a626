# SPDX-License-Identifier: BSL-1.0
"""How gdb prints the types of vmio: as to_string() does. gdb loads it with the library where it is installed; elsewhere:
source FILE."""
import gdb
import gdb.printing
import gdb.types


def hexadecimal(value):
    return f'{int(value):#x}'


def text_of_range(value):
    return f'[{hexadecimal(value["start_"])}, {hexadecimal(value["end_"])})'


def text_of_enumerator(value):
    return str(value).rpartition('::')[2]


def text_of_permissions(value):
    letters = [letter if value[name] else '-'
               for letter, name in (('r', 'read'), ('w', 'write'), ('x', 'execute'))]
    return ''.join(letters) + ('s' if value['shared'] else 'p')


class Text:
    """Prints what a function makes of a value."""

    def __init__(self, function, value):
        self.function, self.value = function, value

    def to_string(self):
        return self.function(self.value)


def standard_text(value):
    """The characters of a std::string, by gdb's own printer."""
    shown = gdb.default_visualizer(value)
    text = shown.to_string() if shown else value
    if hasattr(text, 'value'):  # a LazyString
        return text.value().string(length=text.length) if text.length >= 0 else text.value().string()
    return str(text)


PRINTERS = {
    'address_range': text_of_range,
    'permissions': text_of_permissions,
    'mapping': lambda v: f'{text_of_range(v["range"])} {text_of_permissions(v["perms"])} {standard_text(v["name"])}'.rstrip(),
    'memory_gap': lambda v: f'{text_of_range(v["range"])}: {text_of_enumerator(v["reason"])}',
    'page_run': lambda v: f'{text_of_range(v["range"])}: {str(v["state"])}',
    'memory_block': lambda v: f'{int(v["size"])} bytes at {hexadecimal(v["start"])}',
    'memory_difference': lambda v: f'{text_of_range(v["range"])}: {text_of_enumerator(v["kind"])}',
    'symbol': lambda v: f'{standard_text(v["name"])} at {hexadecimal(v["start"])}, {int(v["size"])} bytes',
}


class Printers(gdb.printing.PrettyPrinter):
    def __init__(self):
        super().__init__('vmio')

    def __call__(self, value):
        name = gdb.types.get_basic_type(value.type).tag or ''
        if not name.startswith('vmio::'):
            return None
        name = name[len('vmio::'):]
        if name.startswith('remote_ptr<'):
            pointed = name[len('remote_ptr<'):].partition(',')[0].rstrip('> ')
            return Text(lambda v: f'({pointed} *) {hexadecimal(v["address_"])}', value)
        return Text(PRINTERS[name], value) if name in PRINTERS else None


gdb.printing.register_pretty_printer(gdb.current_objfile(), Printers(), replace=True)
