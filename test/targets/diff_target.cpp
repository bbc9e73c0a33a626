// SPDX-License-Identifier: BSL-1.0
/// A program whose memory changes on command, and nowhere else but on its stack. It maps a file named "known" of
/// two pages, prints where, and then answers each byte of its standard input with a line: 'c' changes three bytes of a
/// text, and a number in the other page; 'm' maps another page, whose address is the answer, and unmaps the second one;
/// the end of it makes it end.
#include <cstdint>
#include <cstdio>
#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

int main() {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const auto map = [page](const char* name, std::size_t pages) {
        const int file = ::memfd_create(name, MFD_CLOEXEC);
        if (file < 0 || ::ftruncate(file, static_cast<off_t>(pages * page)) != 0) return static_cast<char*>(MAP_FAILED);
        return static_cast<char*>(::mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
    };
    char* const known = map("known", 2);
    if (known == MAP_FAILED) return 1;
    std::strcpy(known + 32, "Hello, old world");
    ::dprintf(STDOUT_FILENO, "%p\n", static_cast<void*>(known));
    for (char command; ::read(STDIN_FILENO, &command, 1) == 1;) {
        const char* answer = known;
        if (command == 'c') {
            std::memcpy(known + 39, "new", 3);
            ++known[page];
        } else if (command == 'm') {
            answer = map("known too", 1);  // elsewhere
            ::munmap(known + page, page);
        }
        ::dprintf(STDOUT_FILENO, "%p\n", static_cast<const void*>(answer));
    }
    return 0;
}
