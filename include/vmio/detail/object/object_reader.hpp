// SPDX-License-Identifier: BSL-1.0
/// The reads of one read_object(): collected, limited, and made many at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/object_limits.hpp>
#include <vmio/process_memory.hpp>

namespace vmio::detail {

/// Something to be done with bytes when they have been read.
struct VMIO_EXPORT object_task {
    object_task() = default;
    object_task(const object_task&) = delete;
    object_task& operator=(const object_task&) = delete;
    virtual ~object_task();
    virtual void run(std::span<const std::byte> bytes) = 0;

    address start = 0;
    std::size_t size = 0;
    std::size_t depth = 0;
};

/// Reads what an object refers to: each piece is asked for when the one that refers to it is there, and all pieces that
/// are known by then are read by one call.
class VMIO_EXPORT object_reader {
public:
    /// Reads all blocks of `memory`. Errors: memory_error.
    using read_function = void (*)(const void* memory, std::span<const remote_block> blocks);

    /// `layout`: not native.
    object_reader(const void* memory, read_function read, pid_t process, object_layout layout,
                  const object_limits& limits) noexcept;
    object_reader(const object_reader&) = delete;
    object_reader& operator=(const object_reader&) = delete;
    ~object_reader();

    object_layout layout() const noexcept { return layout_; }

    /// Takes `count` values of `size` bytes from the limits.
    void charge(address at, std::uint64_t count, std::size_t size);

    /// Will call then(span of const byte) with `size` bytes.
    template <class F>
    void read_then(address at, std::uint64_t size, F then) {
        struct task final : object_task {
            explicit task(F f) : then(std::move(f)) {}
            void run(std::span<const std::byte> bytes) override { then(bytes); }
            F then;
        };
        add(std::make_unique<task>(std::move(then)), at, size);
    }

    /// Fills a contiguous container, which stays where it is, with `count` elements, some of them now, others by
    /// finish().
    template <class Container>
    void fill(address at, std::uint64_t count, Container& to) {
        constexpr std::size_t size = sizeof(to[0]);
        charge(at, count, size);
        const auto n = static_cast<std::size_t>(count);
        if (n * size <= small) {
            make_room(n * size);
            to.resize(n);
            read_into(at, std::as_writable_bytes(std::span(to)));
            return;
        }
        while (to.size() < n) {
            const std::size_t done = to.size();
            to.resize(done + std::min(n - done, std::max(done, small / size + 1)));
            read_now(at + done * size, std::as_writable_bytes(std::span(to).subspan(done)));
        }
    }

    /// Will call f() when all bytes have been read; what was asked for last is called first.
    template <class F>
    void finally(F f) {
        struct task final : object_task {
            explicit task(F last) : then(std::move(last)) {}
            void run(std::span<const std::byte>) override { then(); }
            F then;
        };
        last_.push_back(std::make_unique<task>(std::move(f)));
    }

    /// Notes that an object has one owner. Will call then(bytes) with its `size` bytes, one level deeper.
    /// Errors: memory_error if it has another owner, of the same type, or lies too deep.
    template <class F>
    void read_owned(address at, std::size_t size, const void* type, const char* what, F then) {
        own(at, type, what);
        ++depth_;
        read_then(at, size, std::move(then));
        --depth_;
    }

    /// Reads until nothing is left.
    void finish();

    /// Errors: memory_error: what is at `at` is no `type`, since `why`.
    [[noreturn]] void fail(address at, const char* type, const std::string& why) const;

private:
    static constexpr std::size_t small = 65536;

    void add(std::unique_ptr<object_task> task, address at, std::uint64_t size);
    void own(address at, const void* type, const char* what);
    void make_room(std::size_t size);
    void read_into(address at, std::span<std::byte> to);
    void read_now(address at, std::span<std::byte> to);
    void read_direct();
    void read_batch();
    void read_large(object_task& task);
    void check_range(address at, std::uint64_t size) const;

    const void* memory_;
    read_function read_;
    pid_t process_;
    object_layout layout_;
    object_limits limits_;
    std::uint64_t charged_ = 0;
    std::uint64_t done_ = 0;  // bytes that were read
    std::size_t depth_ = 0;
    std::deque<std::unique_ptr<object_task>> tasks_;
    std::vector<std::unique_ptr<object_task>> last_;
    std::vector<remote_block> direct_;
    std::size_t direct_size_ = 0;
    std::vector<std::byte> buffer_;
    std::set<std::pair<address, const void*>> owned_;
};

}  // namespace vmio::detail
