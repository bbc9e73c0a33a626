// SPDX-License-Identifier: BSL-1.0
/// Pages that replace pages of a file.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace vmio::detail {

/// A sorted set of pages. Immutable. Each with() adds one layer of pages; copies share the layers. More than
/// most_layers layers are merged into one, which also frees the pages that were replaced by later ones.
class cow_pages {
public:
    struct entry {
        std::size_t page;        // page number in the file
        const std::byte* bytes;  // page_size() bytes
    };
    static constexpr std::size_t most_layers = 16;

    /// Returns: the entries, sorted by page.
    std::span<const entry> entries() const noexcept { return entries_; }
    std::span<const entry> entries(std::size_t first_page, std::size_t end_page) const noexcept;
    std::size_t size() const noexcept { return entries_.size(); }
    bool empty() const noexcept { return entries_.empty(); }
    std::size_t layers() const noexcept { return layers_.size(); }

    /// Returns: the bytes of the page; null if it is not replaced.
    const std::byte* find(std::size_t page) const noexcept;

    /// Returns: these pages with `pages` (sorted) added or replaced. fill(page, to) writes the bytes of each.
    template <class Fill>
    cow_pages with(std::span<const std::size_t> pages, Fill&& fill) const {
        const layer fresh = new_layer(pages.size());
        for (std::size_t i = 0; i < pages.size(); ++i) fill(pages[i], bytes_of(fresh, i));
        return with(pages, fresh);
    }

private:
    using layer = std::shared_ptr<std::byte[]>;

    static layer new_layer(std::size_t pages);
    static std::span<std::byte> bytes_of(const layer&, std::size_t index) noexcept;
    cow_pages with(std::span<const std::size_t> pages, const layer& fresh) const;
    void join_layers();

    std::vector<entry> entries_;
    std::vector<layer> layers_;
};

}  // namespace vmio::detail
