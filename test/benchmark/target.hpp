// SPDX-License-Identifier: BSL-1.0
/// The process that every benchmark reads and writes: a child with its memory touched, and room for it here.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>

#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <vmio/process_memory.hpp>

#include "processes/child.hpp"

namespace bench {

/// Anonymous memory.
class buffer {
public:
    /// `ours` is touched, and unknown to children: they would keep the pages of it that this process writes anew.
    enum content { touched, untouched, ours };

    explicit buffer(std::size_t size, content c = touched) : size_(size) {
        void* const p = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        test::must(p != MAP_FAILED, "mmap");
        data_ = static_cast<char*>(p);
        if (c == ours) test::must(::madvise(p, size, MADV_DONTFORK) == 0, "madvise");
        if (c != untouched) touch();
    }
    buffer(const buffer&) = delete;
    buffer& operator=(const buffer&) = delete;
    ~buffer() { ::munmap(data_, size_); }

    void touch() const {
        for (std::size_t i = 0; i < size_; i += vmio::page_size()) data_[i] = static_cast<char>(i >> 12 | 1);
    }
    char* data() const { return data_; }
    std::size_t size() const { return size_; }
    std::span<std::byte> bytes(std::size_t n) const { return std::as_writable_bytes(std::span(data_, n)); }
    vmio::address start() const { return reinterpret_cast<std::uintptr_t>(data_); }

private:
    char* data_;
    std::size_t size_;
};

constexpr std::size_t largest = std::size_t{1} << 30;

struct target {
    buffer memory{largest};
    test::child_process child{[this] { memory.touch(); }};  // its own copy
    buffer here{largest, buffer::ours};

    pid_t id() const { return child.id(); }
    vmio::address start() const { return memory.start(); }
    std::string mem_path() const { return "/proc/" + std::to_string(id()) + "/mem"; }
};

inline target& the_target() {
    static target t;
    return t;
}

/// Stops a benchmark that measures something else than it says.
inline void check(benchmark::State& state, bool right, const char* what) {
    if (!right) state.SkipWithError(what);
}

}  // namespace bench
