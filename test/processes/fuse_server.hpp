// SPDX-License-Identifier: BSL-1.0
/// A file system that is a program, and that can be made to fall silent.
#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "processes/child.hpp"

namespace test {

/// Serves a directory with files of one letter as names, each of 16 pages of that letter. The mount is seen by this
/// process and its children only, which must have mounts of their own: have_own_mounts().
class fuse_server {
public:
    explicit fuse_server(const std::string& where) : where_(where), fd_(::open("/dev/fuse", O_RDWR | O_CLOEXEC)) {
        shared_ = static_cast<state*>(
            ::mmap(nullptr, sizeof(state), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        const std::string options = "fd=" + std::to_string(fd_) + ",rootmode=40000,user_id=0,group_id=0";
        good_ = fd_ >= 0 && ::mount("vmio", where.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) == 0;
        if (!good_) return;
        server_ = ::fork();
        if (server_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            serve();
        }
        ::close(std::exchange(fd_, -1));
    }
    fuse_server(const fuse_server&) = delete;
    fuse_server& operator=(const fuse_server&) = delete;
    ~fuse_server() {
        if (good_) {
            ::kill(server_, SIGKILL);
            ::waitpid(server_, nullptr, 0);
            ::umount2(where_.c_str(), MNT_DETACH);
        }
        if (fd_ >= 0) ::close(fd_);
        ::munmap(shared_, sizeof(state));
    }

    explicit operator bool() const { return good_; }
    static std::size_t file_size() { return 16 * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

    /// From now on no request is answered.
    void fall_silent() { shared_->silent = true; }
    /// The number of requests so far, but for those that need no answer.
    int requests() const { return shared_->requests; }

private:
    struct state {
        std::atomic<bool> silent;
        std::atomic<int> requests;
    };

    static fuse_attr attributes(std::uint64_t node) {
        fuse_attr a{};
        a.ino = node;
        a.mode = node == FUSE_ROOT_ID ? 040755 : 0100644;
        a.nlink = 1;
        a.size = node == FUSE_ROOT_ID ? 0 : file_size();
        a.blksize = 4096;
        return a;
    }

    void reply(std::uint64_t to, int error, std::string_view bytes) const {
        fuse_out_header header{};
        header.unique = to;
        header.error = -error;
        header.len = static_cast<std::uint32_t>(sizeof header + bytes.size());
        std::string message(reinterpret_cast<const char*>(&header), sizeof header);
        message += bytes;
        [[maybe_unused]] const ssize_t n = ::write(fd_, message.data(), message.size());
    }
    template <class T>
    void reply_with(std::uint64_t to, const T& answer) const {
        reply(to, 0, {reinterpret_cast<const char*>(&answer), sizeof answer});
    }

    [[noreturn]] void serve() const {
        std::vector<char> buffer(std::size_t{1} << 18);
        while (true) {
            const ssize_t size = ::read(fd_, buffer.data(), buffer.size());
            if (size < 0 && (errno == EINTR || errno == ENOENT)) continue;
            if (size < static_cast<ssize_t>(sizeof(fuse_in_header))) ::_exit(0);
            answer(buffer.data());
        }
    }

    void answer(const char* request) const {
        fuse_in_header header;
        std::memcpy(&header, request, sizeof header);
        const char* const argument = request + sizeof header;
        if (header.opcode == FUSE_FORGET || header.opcode == FUSE_BATCH_FORGET || header.opcode == FUSE_INTERRUPT)
            return;
        ++shared_->requests;
        if (shared_->silent) return;
        switch (header.opcode) {
            case FUSE_INIT: {
                fuse_init_in asked;
                std::memcpy(&asked, argument, sizeof asked);
                fuse_init_out init{};
                init.major = FUSE_KERNEL_VERSION;
                init.minor = std::min<std::uint32_t>(asked.minor, 31);
                init.max_readahead = 65536;
                init.max_write = 65536;
                return reply_with(header.unique, init);
            }
            case FUSE_LOOKUP: {
                fuse_entry_out entry{};
                entry.nodeid = static_cast<unsigned char>(argument[0]);
                entry.attr = attributes(entry.nodeid);
                return std::strlen(argument) == 1 ? reply_with(header.unique, entry) : reply(header.unique, ENOENT, {});
            }
            case FUSE_GETATTR: {
                fuse_attr_out all{};
                all.attr = attributes(header.nodeid);
                return reply_with(header.unique, all);
            }
            case FUSE_OPEN:
            case FUSE_OPENDIR: {
                fuse_open_out open{};
                open.open_flags = FOPEN_KEEP_CACHE;
                return reply_with(header.unique, open);
            }
            case FUSE_READ: {
                fuse_read_in read;
                std::memcpy(&read, argument, sizeof read);
                const std::size_t left = read.offset < file_size() ? file_size() - read.offset : 0;
                return reply(header.unique, 0,
                             std::string(std::min<std::size_t>(read.size, left), static_cast<char>(header.nodeid)));
            }
            case FUSE_RELEASE:
            case FUSE_RELEASEDIR:
            case FUSE_FLUSH: return reply(header.unique, 0, {});
            default: return reply(header.unique, ENOSYS, {});
        }
    }

    std::string where_;
    int fd_;
    state* shared_ = nullptr;
    pid_t server_ = -1;
    bool good_ = false;
};

}  // namespace test
