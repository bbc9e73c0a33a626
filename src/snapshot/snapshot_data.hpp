// SPDX-License-Identifier: BSL-1.0
/// What a snapshot holds.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

#include <vmio/address.hpp>

#include "snapshot/cow_pages.hpp"
#include "snapshot/sealed_memfd.hpp"

namespace vmio::detail {

/// A file, and pages that stand in place of some of its. Does not change, except while `live`; what has the file in
/// common with others is never live. All members are thread-safe.
///
///     file     |   0   |   1   |   2   |   3 |    pages of a memfd, the last one cut off by the end
///     overlay          |   1'  |       |   3'|
///     content  |   0   |   1'  |   2   |   3'|
class snapshot_data {
public:
    explicit snapshot_data(std::shared_ptr<const sealed_memfd> file, cow_pages overlay = {}, bool live = false)
        : live_(live), file_(std::move(file)), overlay_(std::move(overlay)) {}

    std::size_t size() const noexcept { return file_->size(); }
    /// Those that it has in part count.
    std::size_t pages() const noexcept { return size() / page_size() + (size() % page_size() != 0 ? 1 : 0); }
    const sealed_memfd& file() const noexcept { return *file_; }
    const cow_pages& overlay() const noexcept { return overlay_; }

    /// A mutable_view writes to the file.
    bool live() const noexcept { return live_; }
    void freeze() const noexcept { live_ = !file_->freeze(); }

    /// The bytes of a page; behind the end they are zero. memory_error.
    const std::byte* page(std::size_t number) const {
        const std::byte* const own = overlay_.empty() ? nullptr : overlay_.find(number);
        return own != nullptr ? own : file_->bytes() + number * page_size();
    }

    /// As snapshot::read_some().
    std::size_t read_some(std::uint64_t offset, std::span<std::byte> to, std::error_code& ec) const noexcept;

    /// All but holes.
    std::vector<address_range> data() const;

    std::uint64_t memory_used() const noexcept { return file_->memory_used() + overlay_.size() * page_size(); }

    /// Whether to add `more` pages to the overlay, rather than to make a file without one: every view has to copy the
    /// pages of the overlay, so they must stay few against those of the file.
    bool has_room_for(std::size_t more) const noexcept;

    /// The same file, with this overlay.
    std::shared_ptr<const snapshot_data> with(cow_pages overlay) const {
        return std::make_shared<const snapshot_data>(file_, std::move(overlay));
    }

    /// A memfd of the same bytes, not sealed yet. Holes stay holes. memory_error.
    file_descriptor copy() const;

private:
    mutable std::atomic<bool> live_;
    const std::shared_ptr<const sealed_memfd> file_;
    const cow_pages overlay_;
};

}  // namespace vmio::detail
