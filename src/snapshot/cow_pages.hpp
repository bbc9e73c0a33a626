// SPDX-License-Identifier: BSL-1.0
/// Pages that stand in place of those of a file.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace vmio::detail {

/// Immutable. The pages come in layers, one for each time that some were added; copies share them. When there would be
/// more than most_layers, they are copied into one, which also drops pages that another has replaced.
class cow_pages {
public:
    struct entry {
        std::size_t page;        // its number in the file
        const std::byte* bytes;  // page_size() of them
    };
    static constexpr std::size_t most_layers = 16;

    /// Sorted by page.
    std::span<const entry> entries() const noexcept { return entries_; }
    std::span<const entry> entries(std::size_t first_page, std::size_t end_page) const noexcept;
    std::size_t size() const noexcept { return entries_.size(); }
    bool empty() const noexcept { return entries_.empty(); }
    std::size_t layers() const noexcept { return layers_.size(); }

    /// Null: the page is the file's.
    const std::byte* find(std::size_t page) const noexcept;

    /// These and, in place of or beside them, `pages` (sorted): fill(page, to) writes the bytes of each.
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
