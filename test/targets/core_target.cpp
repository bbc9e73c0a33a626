// SPDX-License-Identifier: BSL-1.0
/// A program to write core files of: threads that wait in functions with names, and fourteen pages of every kind. It
/// prints the address of the pages and "guard" if one is a guard page. A byte on its standard input makes it abort, the
/// end of it makes it end.
#include <cstdio>
#include <cstdlib>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

int never[2];

[[gnu::noinline]] int wait_for_nothing(int depth) {
    char byte;
    if (depth > 0) return wait_for_nothing(depth - 1) + 1;
    return static_cast<int>(::read(never[0], &byte, 1));
}

[[gnu::noinline]] int wait_for_command() {
    char byte;
    if (::read(STDIN_FILENO, &byte, 1) == 1) std::abort();
    return 0;
}

}  // namespace

/// Pages 0 and 1 and 5 to 7: letters; 2: a guard page; 3: never touched; 4: letters, not to be read; 8: letters, to be
/// written only; 9: letters, to be executed only; 10: letters written over a file, not to be read; 11: letters in
/// shared memory, not to be read; 12: never touched, not to be read; 13: a file, not to be read.
int main() {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* const p = ::mmap(nullptr, 14 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || ::pipe(never) != 0) return 1;
    auto* const bytes = static_cast<char*>(p);
    const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    const auto offset = static_cast<off_t>(page);  // not the ELF header, which all dump
    const auto map = [&](std::size_t at, int protection, int flags, int fd, off_t offset) {
        return ::mmap(bytes + at * page, page, protection, flags | MAP_FIXED, fd, offset) != MAP_FAILED;
    };
    if (!map(10, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, offset)) return 1;
    if (!map(11, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) return 1;
    if (!map(13, PROT_NONE, MAP_PRIVATE, file, offset)) return 1;
    ::close(file);
    for (std::size_t i = 0; i < 12 * page; ++i)
        if (i / page != 2 && i / page != 3) bytes[i] = static_cast<char>('a' + (i + i / page) % 26);
    const bool guard = ::madvise(bytes + 2 * page, page, 102 /* MADV_GUARD_INSTALL */) == 0;
    for (const std::size_t i : {4, 10, 11, 12}) ::mprotect(bytes + i * page, page, PROT_NONE);
    ::mprotect(bytes + 8 * page, page, PROT_WRITE);
    ::mprotect(bytes + 9 * page, page, PROT_EXEC);
    for (int i = 0; i < 2; ++i) std::thread([i] { wait_for_nothing(3 + i); }).detach();
    std::printf("%p%s\n", p, guard ? " guard" : "");
    std::fflush(stdout);
    return wait_for_command();
}
