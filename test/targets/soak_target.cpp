// SPDX-License-Identifier: BSL-1.0
/// Maps, unmaps, protects and rewrites the pages of soak.hpp, forks, makes processes that share its memory, calls exec
/// and dies. Arguments: the number of the program, which each exec raises, or "end". Built without sanitizers, which
/// map things of their own.
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes/soak.hpp"
#include "support/pages.hpp"

namespace {

namespace soak = test::soak;

const std::size_t page = vmio::page_size();
const std::size_t arena_size = soak::page_count * page;
std::byte* const arena = reinterpret_cast<std::byte*>(soak::start);

/// A file of what the pages hold; each is mapped at its place again and again.
int make_arena(std::uint64_t program) {
    const int file = ::memfd_create("soak", MFD_CLOEXEC);
    test::must(file >= 0, "memfd_create");
    std::vector<std::byte> bytes(page);
    for (std::size_t i = 0; i < soak::page_count; ++i) {
        soak::fill(soak::start + i * page, bytes, program);
        test::must(::write(file, bytes.data(), page) == static_cast<ssize_t>(page), "write");
    }
    constexpr int flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE;
    test::must(::mmap(arena, arena_size, PROT_READ | PROT_WRITE, flags, file, 0) == arena, "mmap");
    return file;
}

/// Something happens to some pages. Makes system calls only: a process that shares this memory has no other right.
void disturb(int file, std::minstd_rand& random) {
    const std::size_t first = random() % soak::page_count;
    const std::size_t most = soak::page_count - first;
    const std::size_t count = 1 + random() % (most < 8 ? most : 8);
    std::byte* const at = arena + first * page;
    const auto offset = static_cast<off_t>(first * page);
    constexpr int flags = MAP_PRIVATE | MAP_FIXED;
    switch (random() % 5) {
        case 0: ::mprotect(at, count * page, PROT_NONE); break;
        case 1: ::mprotect(at, count * page, PROT_READ); break;
        case 2:  // as good as unmapped: a place behind the end of the file
            ::mmap(at, count * page, PROT_NONE, flags, file, static_cast<off_t>(arena_size));
            break;
        case 3: {  // the same bytes again, by the kernel: a page of its own
            [[maybe_unused]] const ssize_t n = ::pread(file, at, count * page, offset);
            break;
        }
        default: ::mmap(at, count * page, PROT_READ | PROT_WRITE, flags, file, offset);
    }
}

struct sharer {
    int file;
    unsigned seed;
    char* self;
};

/// A process in this memory, which may outlive the program that made it.
int share(void* argument) {
    const sharer what = *static_cast<sharer*>(argument);
    std::minstd_rand random(what.seed);
    for (int i = 0; i < 300; ++i) disturb(what.file, random);
    if (what.seed % 2 == 0) ::execl(what.self, "soak_target", "end", nullptr);
    ::_exit(0);
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 2 || std::strcmp(arguments[1], "end") == 0) return 0;
    const std::uint64_t program = std::strtoull(arguments[1], nullptr, 10);
    const int file = make_arena(program);
    std::thread([&] {
        std::minstd_rand random(static_cast<unsigned>(program));
        for (;;) disturb(file, random);
    }).detach();

    std::string self = "/proc/self/exe";
    std::string end = "end";
    char* const to_end[]{self.data(), end.data(), nullptr};
    static char stack[4][1 << 14];
    static sharer sharers[4];
    std::minstd_rand random(static_cast<unsigned>(program ^ static_cast<std::uint64_t>(::getpid()) << 16));
    for (static unsigned round = 0;; ++round) {  // static: vfork() returns twice
        for (int i = 0; i < 50; ++i) disturb(file, random);
        while (::waitpid(-1, nullptr, WNOHANG | __WALL) > 0) {
        }
        switch (random() % 64) {
            case 0:
            case 1:
            case 2:
                if (::fork() == 0) {
                    for (int i = 0; i < 200; ++i) disturb(file, random);
                    ::_exit(0);
                }
                break;
            case 3:
            case 4:
            case 5:
                if (const pid_t child = ::vfork(); child == 0) {
                    ::execv(self.c_str(), to_end);
                    ::_exit(127);
                }
                break;
            case 6:
            case 7: {
                pid_t child;
                char* environment[]{nullptr};
                ::posix_spawn(&child, self.c_str(), nullptr, nullptr, to_end, environment);
                break;
            }
            case 8:
            case 9:
            case 10: {
                // One a place: the memory of its stack is in use until it ends, which is before this program does.
                static unsigned made = 0;
                if (made == 4) break;
                sharers[made] = {file, round, self.data()};
                ::clone(share, stack[made] + sizeof stack[made], CLONE_VM | SIGCHLD, &sharers[made]);
                ++made;
                break;
            }
            case 11: {
                const std::string next = std::to_string(program + 1);
                ::execl(self.c_str(), "soak_target", next.c_str(), nullptr);
                return 1;
            }
            case 12:
                if (random() % 8 == 0) ::kill(::getpid(), SIGKILL);
                if (random() % 8 == 0) ::_exit(0);
                break;
            default: break;
        }
    }
}
