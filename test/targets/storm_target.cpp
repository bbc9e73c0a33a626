// SPDX-License-Identifier: BSL-1.0
/// Maps, unmaps, protects and rewrites pages from several threads until its standard input ends. What is there is a
/// function of its address. Prints that of the first page. Built without sanitizers, which map things of their own.
#include <algorithm>
#include <random>
#include <thread>

#include <sys/mman.h>
#include <unistd.h>

#include "processes/storm.hpp"
#include "support/pages.hpp"

namespace {

const std::size_t page = vmio::page_size();

/// A file of the pattern, each page of which is mapped at its place again and again.
class arena {
public:
    arena() : reserved_(test::storm_pages), file_(::memfd_create("arena", MFD_CLOEXEC)) {
        test::must(file_ >= 0, "memfd_create");
        test::must(::pwrite(file_, reserved_.data(), reserved_.size(), 0) == static_cast<ssize_t>(reserved_.size()),
                   "pwrite");
    }

    vmio::address start() const { return reserved_.start(); }

    /// Something happens to some pages.
    void disturb(std::mt19937& random) const {
        const std::size_t first = random() % test::storm_pages;
        const std::size_t count = 1 + random() % std::min<std::size_t>(8, test::storm_pages - first);
        std::byte* const at = reserved_.data() + first * page;
        const auto offset = static_cast<off_t>(first * page);
        switch (random() % 5) {
            case 0: ::mprotect(at, count * page, PROT_NONE); break;
            case 1: ::mprotect(at, count * page, PROT_READ); break;
            case 2:  // as good as unmapped: a place behind the end of the file, where nothing else can move in
                map(at, count * page, PROT_NONE, static_cast<off_t>(reserved_.size()));
                break;
            case 3: {  // the same bytes again, by the kernel: it fails where a store of ours would crash
                [[maybe_unused]] const ssize_t n = ::pread(file_, at, count * page, offset);
                break;
            }
            default: map(at, count * page, PROT_READ | PROT_WRITE, offset);
        }
    }

private:
    void map(void* at, std::size_t size, int protection, off_t offset) const {
        test::must(::mmap(at, size, protection, MAP_PRIVATE | MAP_FIXED, file_, offset) == at, "mmap");
    }

    test::pages reserved_;
    int file_;
};

}  // namespace

int main() {
    static const arena a;
    for (unsigned i = 0; i < 3; ++i)
        std::thread([i] {
            for (std::mt19937 random(i);;) a.disturb(random);
        }).detach();
    const vmio::address start = a.start();
    char byte;
    if (::write(1, &start, sizeof start) != sizeof start) return 1;
    while (::read(0, &byte, 1) > 0) {
    }
    ::_exit(0);
}
