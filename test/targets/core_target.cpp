// SPDX-License-Identifier: BSL-1.0
/// A program to write core files of: threads that wait in functions with names, and eight pages of every kind. It
/// prints the address of the pages and "guard" if one is a guard page. A byte on its standard input makes it abort, the
/// end of it makes it end.
#include <cstdio>
#include <cstdlib>
#include <thread>

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

/// Pages 0 and 1 and 5 to 7: letters; 2: a guard page; 3: never touched; 4: not to be read.
int main() {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* const p = ::mmap(nullptr, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || ::pipe(never) != 0) return 1;
    auto* const bytes = static_cast<char*>(p);
    for (std::size_t i = 0; i < 8 * page; ++i)
        if (i / page != 2 && i / page != 3) bytes[i] = static_cast<char>('a' + (i + i / page) % 26);
    const bool guard = ::madvise(bytes + 2 * page, page, 102 /* MADV_GUARD_INSTALL */) == 0;
    ::mprotect(bytes + 4 * page, page, PROT_NONE);
    for (int i = 0; i < 2; ++i) std::thread([i] { wait_for_nothing(3 + i); }).detach();
    std::printf("%p%s\n", p, guard ? " guard" : "");
    std::fflush(stdout);
    return wait_for_command();
}
