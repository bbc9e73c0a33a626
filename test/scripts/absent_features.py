#!/usr/bin/env python3
"""Prints the needs of test/support/kernel_features.hpp and others, as named there, that this kernel does not meet: found
by its calls alone, so that a test's own probe is checked by another."""
import ctypes
import fcntl
import mmap
import os
import struct

libc = ctypes.CDLL(None, use_errno=True)
page = mmap.PAGESIZE


def advised(pages, advice, touch):
    area = mmap.mmap(-1, pages * page, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    for i in range(pages if touch else 0):
        area[i * page] = 1
    # Errors but EINVAL, such as a lack of free pages, are not those of a kernel that does not know it.
    return libc.madvise(ctypes.c_void_p(start), pages * page, advice) == 0 or ctypes.get_errno() != 22


def answers(path, request, argument):
    with open(path, "rb") as file:
        try:
            fcntl.ioctl(file, request, argument)
        except OSError as e:
            return e.errno != 25  # ENOTTY
    return True


def scan(categories):
    room = bytearray(24 * 8)
    place = ctypes.addressof(ctypes.c_char.from_buffer(room))
    question = struct.pack("=12Q", 96, 0, page, page, 0, place, 8, 0, 0, 0, 8, categories)
    with open("/proc/self/pagemap", "rb") as file:
        try:
            fcntl.ioctl(file, 0xC0606610, bytearray(question))
        except OSError:
            return False
    return True


def tells_file_ids():
    room = (ctypes.c_char * 136)(*struct.pack("=I", 128))
    mount = ctypes.c_int()
    refused = libc.name_to_handle_at(-100, b"/proc", room, ctypes.byref(mount), 0x200) != 0  # AT_HANDLE_FID
    return not refused or ctypes.get_errno() != 22


def machine_call(names):
    return names.get(os.uname().machine)


def opens_threads():
    fd = libc.syscall(434, os.getpid(), os.O_EXCL)  # pidfd_open
    if fd >= 0:
        os.close(fd)
    return fd >= 0


def marks_untouched_pages():
    number = machine_call({"x86_64": 323, "aarch64": 282})
    fd = libc.syscall(number, os.O_CLOEXEC | os.O_NONBLOCK) if number else -1
    if fd < 0 or os.geteuid() != 0:
        return False
    try:
        fcntl.ioctl(fd, 0xC018AA3F, bytearray(struct.pack("=3Q", 0xAA, 1 << 13 | 1 << 14 | 1 << 15, 0)))
        try:
            fcntl.ioctl(fd, 0xC020AA08, bytearray(struct.pack("=4Q", page, page, 0, 0)))  # of what is not registered
        except OSError as e:
            return e.errno == 2
        return True
    except OSError:
        return False
    finally:
        os.close(fd)


guards = advised(1, 102, False)
needs = {
    "MADV_GUARD_INSTALL (Linux 6.13)": guards,
    "guard pages that can be seen (Linux 6.15)": guards and scan(0x100),
    "MADV_COLLAPSE (Linux 6.1)": advised(1024, 25, True),
    "PAGEMAP_SCAN (Linux 6.7)": scan(8),
    "PROCMAP_QUERY (Linux 6.11)": answers("/proc/self/maps", 0xC0686611, bytearray(struct.pack("=13Q", 104, 16, *[0] * 11))),
    "PIDFD_THREAD (Linux 6.9)": opens_threads(),
    "overlayfs that has file handles (Linux 6.6)": tells_file_ids(),
    "root, and userfaultfd with write protection of untouched pages (Linux 6.7)": marks_untouched_pages(),
}
for need, met in needs.items():
    if not met:
        print(need)
