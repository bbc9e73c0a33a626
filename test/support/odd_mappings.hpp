// SPDX-License-Identifier: BSL-1.0
/// Everything that a mapping may be of, and every name that it may have.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vmio/mapping.hpp>

#include "processes/child.hpp"
#include "support/mapped.hpp"
#include "support/scratch.hpp"

namespace test {

/// Mapped in this process, one page each, with a page between them; a child that is forked has them too.
class odd_mappings {
public:
    struct odd {
        vmio::address at;
        std::string name;
        bool deleted;
    };

    odd_mappings() {
        void* const arena = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        must(arena != MAP_FAILED, "mmap");
        arena_ = static_cast<char*>(arena);
        files_that_stay();
        files_that_go();
        files_without_a_directory();
        memory_without_a_file();
        long_paths();
    }
    odd_mappings(const odd_mappings&) = delete;
    odd_mappings& operator=(const odd_mappings&) = delete;
    ~odd_mappings() { ::munmap(arena_, size); }

    const std::vector<odd>& all() const { return all_; }

private:
    static constexpr std::size_t size = std::size_t{16} << 20;

    void files_that_stay() {
        for (const std::string name : {"plain", "a b", " leading", "trailing  ", "new\nline", "typed\\012",
                                       "\x80\xff\xc3\x28", "both\n\\012\n", "\\0\\01212", "real (deleted)",
                                       "real\n\\012 (deleted)", "twice (deleted) (deleted)", "[heap]", "(deleted)"})
            add(file(directory_ / name), directory_ / name, false);
        if (::access("/dev/shm", W_OK) == 0) {
            on_tmpfs_.emplace("/dev/shm");
            add(file(*on_tmpfs_ / "shared (deleted)"), *on_tmpfs_ / "shared (deleted)", false, MAP_SHARED);
        }
    }

    void files_that_go() {
        for (const std::string name : {"gone", "gone (deleted)", "gone\nline", "gone\\012"}) {
            add(file(directory_ / name), directory_ / name, true);
            must(::unlink((directory_ / name).c_str()) == 0, "unlink");
        }

        add(file(directory_ / "lost"), directory_ / "lost", true);
        must(::unlink((directory_ / "lost").c_str()) == 0, "unlink");
        ::close(file(directory_ / "lost (deleted)"));  // a decoy

        add(file(directory_ / "old"), directory_ / "old", true);
        ::close(file(directory_ / "new"));
        must(::rename((directory_ / "new").c_str(), (directory_ / "old").c_str()) == 0, "rename");
    }

    void files_without_a_directory() {
        for (const std::string name : {"jit", "x (deleted)", "new\nline"})
            add(sized(::memfd_create(name.c_str(), MFD_CLOEXEC)), "/memfd:" + name, true, MAP_SHARED);
        add(-1, "/dev/zero", true, MAP_SHARED | MAP_ANONYMOUS);
        constexpr std::size_t huge = std::size_t{2} << 20;
        void* const p =
            ::mmap(nullptr, huge, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, -1, 0);
        if (p != MAP_FAILED) all_.push_back({vmio::address_of(p), "/anon_hugepage", true});
    }

    void memory_without_a_file() {
        add(-1, "", false, MAP_PRIVATE | MAP_ANONYMOUS, PROT_EXEC);
        add(-1, "", false, MAP_PRIVATE | MAP_ANONYMOUS, PROT_WRITE);
        add(-1, "", false, MAP_PRIVATE | MAP_ANONYMOUS, PROT_READ | PROT_WRITE);
        install_guards(reinterpret_cast<void*>(all_.back().at), vmio::page_size());
        constexpr int set_vma = 0x53564d41;
        add(-1, "[anon:a  b (deleted)]", false, MAP_PRIVATE | MAP_ANONYMOUS);
        if (::prctl(set_vma, 0, all_.back().at, vmio::page_size(), "a  b (deleted)") != 0) all_.pop_back();
    }

    /// One as long as a path may be for the kernel to give it by PROCMAP_QUERY, one that only a text can hold, and one
    /// of those with a name that leaves something open.
    void long_paths() {
        const std::string level(199, 'd');
        int at = ::open(directory_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        std::string path = directory_.path();
        const auto add_here = [&](const std::string& name) {
            add(sized(::openat(at, name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)), path + '/' + name, false);
        };
        while (path.size() < 9000) {
            if (path.size() > 200 && path.size() < 250)  // as long as the room for usual names, and about
                for (const std::size_t length : {254, 255, 256, 257})
                    add_here(std::string(length - path.size() - 1, 'u'));
            if (path.size() > 3700 && path.size() <= 3900) add_here(std::string(4000 - path.size() - 1, 'f'));
            must(::mkdirat(at, level.c_str(), 0700) == 0, "mkdirat");
            const int next = ::openat(at, level.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            must(next >= 0, "openat");
            ::close(at);
            at = next;
            path += '/' + level;
        }
        add_here("far away");
        add_here("line\nbreak");
        ::close(at);
    }

    static int sized(int fd) {
        must(fd >= 0, "open");
        must(::ftruncate(fd, static_cast<off_t>(vmio::page_size())) == 0, "ftruncate");
        return fd;
    }
    static int file(const std::string& path) { return sized(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)); }

    /// Maps a page of `fd`, and closes it.
    void add(int fd, const std::string& name, bool deleted, int flags = MAP_PRIVATE, int protection = PROT_READ) {
        void* const at = arena_ + (2 * all_.size() + 1) * vmio::page_size();
        must(::mmap(at, vmio::page_size(), protection, flags | MAP_FIXED, fd, 0) == at, "mmap");
        if (fd >= 0) ::close(fd);
        all_.push_back({vmio::address_of(at), name, deleted});
    }

    scratch_directory directory_;
    std::optional<scratch_directory> on_tmpfs_;
    char* arena_ = nullptr;
    std::vector<odd> all_;
};

}  // namespace test
