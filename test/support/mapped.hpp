// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include <vmio/address.hpp>

#include "processes/child.hpp"
#include "support/apart.hpp"

namespace test {

/// madvise(2) with MADV_GUARD_INSTALL, for which the headers of the C library may be too old.
inline bool install_guards(void* start, std::size_t size) {
    constexpr int guard_install = 102;
    return ::madvise(start, size, guard_install) == 0;
}

/// Returns: a new T that this process shares with the processes which it forks; it is never unmapped.
template <class T>
T* shared() {
    void* const place = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(place != MAP_FAILED, "mmap");
    return new (place) T();
}

/// A mapping of its own that nobody has touched yet.
class mapped {
public:
    explicit mapped(std::size_t count, int flags = MAP_PRIVATE | MAP_ANONYMOUS, int file = -1)
        : size_(count * vmio::page_size()),
          data_(reinterpret_cast<char*>(map_apart(size_, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, file))) {}
    mapped(const mapped&) = delete;
    mapped& operator=(const mapped&) = delete;
    ~mapped() { unmap_apart(data_, size_); }

    char* data() const { return data_; }
    char* data(std::size_t page) const { return data_ + page * vmio::page_size(); }
    std::size_t size() const { return size_; }
    vmio::address start() const { return reinterpret_cast<std::uintptr_t>(data_); }
    vmio::address page(std::size_t i) const { return start() + i * vmio::page_size(); }
    vmio::address_range range() const { return vmio::address_range::of_size(start(), size_); }

    void write(std::size_t page, char value = 1) const { *const_cast<volatile char*>(data(page)) = value; }
    char read(std::size_t page) const { return *const_cast<volatile char*>(data(page)); }

private:
    std::size_t size_;
    char* data_;
};

/// A file without a name of so many pages, each full of its number and 'a'.
class unnamed_file {
public:
    explicit unnamed_file(std::size_t count) {
        char name[] = "/var/tmp/vmio-XXXXXX";
        fd_ = ::mkstemp(name);
        must(fd_ >= 0 && ::unlink(name) == 0, "mkstemp");
        for (std::size_t i = 0; i < count; ++i) {
            const std::string page(vmio::page_size(), static_cast<char>('a' + i));
            must(::write(fd_, page.data(), page.size()) == static_cast<ssize_t>(page.size()), "write");
        }
    }
    unnamed_file(const unnamed_file&) = delete;
    unnamed_file& operator=(const unnamed_file&) = delete;
    ~unnamed_file() { ::close(fd_); }

    int get() const { return fd_; }

private:
    int fd_;
};

}  // namespace test
