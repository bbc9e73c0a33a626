#!/usr/bin/env python3
"""weight.py INCLUDE_DIRECTORY [COMPILER...]: what it costs to include and use vmio/process_vm_stream.hpp.

Prints the compile time relative to a program that includes and uses <fstream> (median of interleaved compilations, in
processor time), and the bytes of text of the object file. The exit status is 1 if one is over its limit."""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROUNDS = int(os.environ.get('VMIO_REPETITIONS', '9'))
MOST_TIME = 3.0  # times that of <fstream>
MOST_TEXT = 6 * 1024  # bytes

FILE_STREAM = '''#include <fstream>
int main() {
    std::fstream memory("/proc/self/mem");
    int value = 0;
    memory.read(reinterpret_cast<char*>(&value), sizeof value);
    memory.write(reinterpret_cast<const char*>(&value), sizeof value);
    return value;
}
'''
MEMORY_STREAM = '''#include <vmio/process_vm_stream.hpp>
#include <unistd.h>
int main() {
    int value = 6;
    vmio::process_vm_stream memory(getpid(), reinterpret_cast<vmio::address>(&value));
    memory.write_value(memory.read_value<int>());
    return value;
}
'''


def compiled(command, source, result):
    """Compiles; returns the seconds of processor time."""
    process = subprocess.Popen(command + ['-c', source, '-o', result], env={**os.environ, 'CCACHE_DISABLE': '1'})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f'weight: {source} does not compile')
    return usage.ru_utime + usage.ru_stime


def main():
    include, *compiler = sys.argv[1:]
    command = (compiler or ['c++']) + ['-std=c++20', '-O2', '-I', include]
    with tempfile.TemporaryDirectory() as work:
        programs = {}
        for name, text in (('fstream', FILE_STREAM), ('process_vm_stream', MEMORY_STREAM)):
            path = pathlib.Path(work) / f'{name}.cpp'
            path.write_text(text)
            programs[name] = path
        times = {name: [] for name in programs}
        for _ in range(ROUNDS):
            for name, path in programs.items():
                times[name].append(compiled(command, path, path.with_suffix('.o')))
        text = int(subprocess.run(['size', programs['process_vm_stream'].with_suffix('.o')], check=True, text=True,
                                  stdout=subprocess.PIPE).stdout.splitlines()[1].split()[0])
    median = {name: statistics.median(taken) for name, taken in times.items()}
    ratio = median['process_vm_stream'] / median['fstream']
    print(f'process_vm_stream.hpp: compiles in {ratio:.1f} x the time of <fstream> '
          f'({median["process_vm_stream"]:.2f} s, {median["fstream"]:.2f} s; at most {MOST_TIME:.0f} x)')
    print(f'process_vm_stream.hpp: {text} bytes of text in a file that reads and writes a value (at most {MOST_TEXT})')
    return ratio > MOST_TIME or text > MOST_TEXT


if __name__ == '__main__':
    sys.exit(main())
