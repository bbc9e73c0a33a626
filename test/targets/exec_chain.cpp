// SPDX-License-Identifier: BSL-1.0
/// Writes its argument, a number, all over some pages at the same addresses each time, some times over, and then
/// replaces itself by itself with the next number. Ends if there is no memory at these addresses.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <sys/mman.h>
#include <unistd.h>

int main(int count, char** arguments) {
    if (count != 4) return 1;
    const std::uint64_t number = std::strtoull(arguments[1], nullptr, 10);
    const std::size_t size = std::strtoull(arguments[2], nullptr, 10);
    const std::uint64_t apart = std::strtoull(arguments[3], nullptr, 10);
    volatile std::uint64_t* parts[4];
    for (std::size_t i = 0; i < 4; ++i) {
        auto* const place = reinterpret_cast<void*>(static_cast<std::uintptr_t>((i + 1) * apart));
        void* const p = ::mmap(place, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p != place) return 1;
        parts[i] = static_cast<std::uint64_t*>(p);
    }
    for (std::size_t round = 0; round < 1 + number % 5 * 50; ++round)
        for (volatile std::uint64_t* const part : parts)
            for (std::size_t i = 0; i < size / sizeof *part; ++i) part[i] = number;
    char next[24];
    std::snprintf(next, sizeof next, "%lu", static_cast<unsigned long>(number + 1));
    ::execl("/proc/self/exe", "exec_chain", next, arguments[2], arguments[3], nullptr);
    return 1;
}
