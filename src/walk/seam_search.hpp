// SPDX-License-Identifier: BSL-1.0
/// Finds a pattern in bytes that arrive in pieces.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/byte_pattern.hpp>

namespace vmio::detail {

/// Neighbouring pieces are searched as if they were one, whatever their sizes:
///
///     | piece           | piece |piece              |
///                  carry|carry+head                      both sides of a seam, put together, are searched too
///
class seam_search {
public:
    /// Only matches at multiples of `alignment` are reported.
    explicit seam_search(const byte_pattern& pattern, std::size_t alignment = 1)
        : pattern_(pattern), reach_(pattern.size() - 1), alignment_(alignment) {
        carry_.reserve(2 * reach_);
    }

    /// Calls found(address) for each match that ends in the piece, until it returns false; returns false then.
    template <class F>
    bool add(address start, std::span<const std::byte> bytes, F&& found) {
        if (start != end_) carry_.clear();
        end_ = start + bytes.size();
        if (!carry_.empty()) {
            const std::size_t carried = carry_.size();
            const std::size_t head = std::min(reach_, bytes.size());
            carry_.insert(carry_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(head));
            if (!each_match(start - carried, carry_, carried, found)) return false;
            carry_.resize(carried);
        }
        if (!each_match(start, bytes, bytes.size(), found)) return false;
        keep(bytes);
        return true;
    }

private:
    /// Reports matches that begin before `limit`.
    template <class F>
    bool each_match(address start, std::span<const std::byte> bytes, std::size_t limit, F& found) const {
        std::size_t at = pattern_.find(bytes);
        while (at < limit) {
            const std::uint64_t off = (start + at) % alignment_;
            if (off == 0 && !found(start + at)) return false;
            at = pattern_.find(bytes, at + (alignment_ - off));
        }
        return true;
    }

    void keep(std::span<const std::byte> bytes) {
        if (bytes.size() >= reach_) {
            carry_.assign(bytes.end() - static_cast<std::ptrdiff_t>(reach_), bytes.end());
            return;
        }
        carry_.insert(carry_.end(), bytes.begin(), bytes.end());
        if (carry_.size() > reach_) carry_.erase(carry_.begin(), carry_.end() - static_cast<std::ptrdiff_t>(reach_));
    }

    const byte_pattern& pattern_;
    std::size_t reach_;
    std::size_t alignment_;
    address end_ = 0;
    std::vector<std::byte> carry_;  // the last `reach_` bytes before end_, or as many as there were
};

}  // namespace vmio::detail
