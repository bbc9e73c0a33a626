// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include <vmio/address.hpp>

namespace vmio::detail {

inline std::size_t first_difference(std::span<const std::byte> a, std::span<const std::byte> b, std::size_t at) {
    constexpr std::size_t step = 256;  // memcmp(3) is fast, but does not return the position
    while (a.size() - at >= step && std::memcmp(&a[at], &b[at], step) == 0) at += step;
    while (at < a.size() && a[at] == b[at]) ++at;
    return at;
}

/// Compares the bytes at `start` and calls run(range) for each run that differs. Precondition: `a` and `b` have the
/// same size.
template <class F>
void for_each_difference(address start, std::span<const std::byte> a, std::span<const std::byte> b, F&& run) {
    const std::size_t size = a.size();
    for (std::size_t at = first_difference(a, b, 0); at < size;) {
        std::size_t end = at + 1;
        while (end < size && a[end] != b[end]) ++end;
        run(address_range(start + at, start + end));
        at = first_difference(a, b, end);
    }
}

/// Collects the runs of bytes that differ, in the order of their addresses.
class diff_runs {
public:
    explicit diff_runs(std::uint64_t join_within) : join_within_(join_within) {}

    /// Compares the bytes at `start`. Precondition: `a` and `b` have the same size.
    void compare(address start, std::span<const std::byte> a, std::span<const std::byte> b) {
        for_each_difference(start, a, b, [this](const address_range& run) { add(run); });
    }

    /// Appends a run, which lies above all others.
    void add(const address_range& run) {
        if (joinable_ && !runs_.empty() && run.start() - runs_.back().end() <= join_within_)
            runs_.back() = {runs_.back().start(), run.end()};
        else
            runs_.push_back(run);
        joinable_ = true;
    }

    /// Bytes between the last comparison and the next are unknown: runs are not joined across them.
    void interrupt() noexcept { joinable_ = false; }

    std::vector<address_range> take() noexcept { return std::move(runs_); }

private:
    const std::uint64_t join_within_;
    std::vector<address_range> runs_;
    bool joinable_ = true;
};

}  // namespace vmio::detail
