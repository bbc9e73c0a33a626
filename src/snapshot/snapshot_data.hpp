// SPDX-License-Identifier: BSL-1.0
/// The content of a snapshot.
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

/// A file, and an overlay of pages that replace some of its pages. Immutable, except while `live`; a snapshot_data that
/// shares its file is never live. All members are thread-safe.
///
///     file     |   0   |   1   |   2   |   3 |    pages of a memfd, the last one cut off by the end
///     overlay          |   1'  |       |   3'|
///     content  |   0   |   1'  |   2   |   3'|
class snapshot_data {
public:
    explicit snapshot_data(std::shared_ptr<const sealed_memfd> file, cow_pages overlay = {}, bool live = false)
        : live_(live), file_(std::move(file)), overlay_(std::move(overlay)) {}

    std::size_t size() const noexcept { return file_->size(); }
    /// Returns: the number of pages, including a partial last page.
    std::size_t pages() const noexcept { return size() / page_size() + (size() % page_size() != 0 ? 1 : 0); }
    const sealed_memfd& file() const noexcept { return *file_; }
    const std::shared_ptr<const sealed_memfd>& shared_file() const noexcept { return file_; }
    const cow_pages& overlay() const noexcept { return overlay_; }

    /// Whether a mutable_view can write to the file.
    bool live() const noexcept { return live_; }
    void freeze() const noexcept { live_ = !file_->freeze(); }

    /// Returns: the bytes of a page, zero past the end. Errors: memory_error.
    const std::byte* page(std::size_t number) const {
        const std::byte* const own = overlay_.empty() ? nullptr : overlay_.find(number);
        return own != nullptr ? own : file_->bytes() + number * page_size();
    }

    /// See snapshot::read_some().
    std::size_t read_some(std::uint64_t offset, std::span<std::byte> to, std::error_code& ec) const noexcept;

    /// Returns: the ranges that are not holes.
    std::vector<address_range> data() const;

    std::uint64_t memory_used() const noexcept { return file_->memory_used() + overlay_.size() * page_size(); }

    /// Whether `more` pages should be added to the overlay; otherwise a new file without an overlay is better. Every
    /// view copies the pages of the overlay, so their number is kept small relative to the pages of the file.
    bool has_room_for(std::size_t more) const noexcept;

    /// Returns: the same file with this overlay.
    std::shared_ptr<const snapshot_data> with(cow_pages overlay) const {
        return std::make_shared<const snapshot_data>(file_, std::move(overlay));
    }

    /// Returns: a memfd of the same bytes, not sealed yet. Holes remain holes. Errors: memory_error.
    file_descriptor copy() const;

private:
    mutable std::atomic<bool> live_;
    const std::shared_ptr<const sealed_memfd> file_;
    const cow_pages overlay_;
};

}  // namespace vmio::detail
