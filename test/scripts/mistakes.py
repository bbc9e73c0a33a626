#!/usr/bin/env python3
"""mistakes.py INCLUDE COMPILER...: compiles common mistakes. Each is an error of no more than 20 lines that names the
remedy; what is no mistake compiles."""
import concurrent.futures
import os
import subprocess
import sys
import tempfile

MOST_LINES = 20
MOST_LINES_OF_A_MEMBER = 30  # with the struct, the member and the function that reads it

# What is written, and words of the message; None: it compiles.
MISTAKES = [
    ('process_vm_istream s(pid); s.read_value<std::string>();', 'only the bytes of a value can be moved'),
    ('process_vm_istream s(pid, p);', 'address_of(pointer)'),
    ('process_vm_istream s("python3");', 'open_process("comm:NAME")'),
    ('process_vm_istream s(pid, p, 4096);', 'address_of(pointer)'),
    ('process_vm_device d(pid, p);', 'address_of(pointer)'),
    ('process_vm_istream s(pid, std::ios::in);', 'deleted'),
    ('process_vm_istream s(pid, {4096, 8192});', 'address_range(start, end)'),
    ('memory_istream<Foo> s(Foo{});', 'read_some'),
    ('process_vm_istream s(pid); s.write_value(3);', 'process_vm_ostream'),
    ('process_vm_ostream s(pid); s.read_value<int>();', 'process_vm_istream'),
    ('process_vm_istream s(pid); s.seekg(p);', 'void'),
    ('process_memory m(pid); m.read_value<std::vector<int>>(1);', 'only the bytes of a value can be moved'),
    ('process_memory m(pid); std::vector<int> v(4); m.read(1, v);', 'std::byte'),
    ('process_memory m(pid); m.read(p, std::span<std::byte>());', 'address'),
    ('process_memory m(process(pid)); m.read_value<int>(1);', 'm'),
    ('cached_memory c(process(pid));', 'cached_memory'),
    ('read_object<const int>(process_memory(pid), 1);', 'name a type without const'),
    ('read_object<std::unique_ptr<int[]>>(process_memory(pid), 1);', 'is not known'),
    ('read_object<View>(process_memory(pid), 1);', 'owns nothing'),
    ('read_object<Closed>(process_memory(pid), 1);', 'declare a struct with the members'),
    ('process_memory m(pid);', None),
    ('auto m = process_memory(pid, {.force_write = true});', None),
    ('for (auto a : search(pid, "text")) (void)a;', None),
    ('for (auto& m : memory_map::load(pid)) (void)m;', None),
    ('std::cout << address_range(1, 2);', None),
    ('pause_guard g(pid);', None),
    ('address a = 4096; process_vm_istream s(pid, {a, a + 4096});', None),
]

PROGRAM = '''
#include <iostream>
#include <memory>
#include <string>
#include <vector>
#include <unistd.h>
#include <vmio/cached_memory.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/memory_stream.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process_vm_device.hpp>
#include <vmio/process_vm_stream.hpp>
#include <vmio/read_object.hpp>
#include <vmio/search.hpp>
using namespace vmio;
struct Foo { int x; };
struct View { std::string_view text; };
class Closed { public: explicit Closed(int); private: std::string text; };
int main() {
    pid_t pid = getpid();
    void* p = &pid;
    (void)p;
    %s
}
'''


def check(mistake, command, directory):
    text, words = mistake
    file = os.path.join(directory, f'{abs(hash(text))}.cpp')
    with open(file, 'w') as out:
        out.write(PROGRAM % text)
    done = subprocess.run([*command, '-fsyntax-only', file], capture_output=True, text=True)
    said = done.stderr.splitlines()
    if words is None:
        return f'{text}: does not compile: {said[:1]}' if done.returncode else None
    if done.returncode == 0:
        return f'{text}: compiles'
    most = MOST_LINES_OF_A_MEMBER if 'read_object' in text else MOST_LINES
    if len(said) > most:
        return f'{text}: an error of {len(said)} lines'
    if words not in done.stderr:
        return f'{text}: the error does not say "{words}":\n{done.stderr}'
    return None


def main():
    command = [*sys.argv[2:], '-std=c++20', '-I' + sys.argv[1], '-fno-diagnostics-color']
    with tempfile.TemporaryDirectory() as directory, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        wrong = [w for w in pool.map(lambda m: check(m, command, directory), MISTAKES) if w]
    print(*wrong, sep='\n', end='\n' if wrong else '')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
