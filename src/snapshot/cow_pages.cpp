// SPDX-License-Identifier: BSL-1.0
#include "snapshot/cow_pages.hpp"

#include <algorithm>
#include <cstring>

#include <vmio/address.hpp>

namespace vmio::detail {

std::span<const cow_pages::entry> cow_pages::entries(std::size_t first_page, std::size_t end_page) const noexcept {
    const auto before = [](const entry& e, std::size_t page) { return e.page < page; };
    const auto first = std::lower_bound(entries_.begin(), entries_.end(), first_page, before);
    return {first, std::lower_bound(first, entries_.end(), end_page, before)};
}

const std::byte* cow_pages::find(std::size_t page) const noexcept {
    const std::span<const entry> found = entries(page, page + 1);
    return found.empty() ? nullptr : found.front().bytes;
}

cow_pages::layer cow_pages::new_layer(std::size_t pages) {
    return layer(new std::byte[pages * page_size()]);
}

std::span<std::byte> cow_pages::bytes_of(const layer& l, std::size_t index) noexcept {
    return {l.get() + index * page_size(), page_size()};
}

cow_pages cow_pages::with(std::span<const std::size_t> pages, const layer& fresh) const {
    cow_pages result;
    result.entries_.reserve(entries_.size() + pages.size());
    auto old = entries_.begin();
    for (std::size_t i = 0; i < pages.size(); ++i) {
        for (; old != entries_.end() && old->page < pages[i]; ++old) result.entries_.push_back(*old);
        if (old != entries_.end() && old->page == pages[i]) ++old;
        result.entries_.push_back({pages[i], bytes_of(fresh, i).data()});
    }
    result.entries_.insert(result.entries_.end(), old, entries_.end());
    result.layers_ = layers_;
    result.layers_.push_back(fresh);
    if (result.layers_.size() > most_layers) result.join_layers();
    return result;
}

void cow_pages::join_layers() {
    const layer all = new_layer(entries_.size());
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const std::span<std::byte> to = bytes_of(all, i);
        std::memcpy(to.data(), entries_[i].bytes, to.size());
        entries_[i].bytes = to.data();
    }
    layers_.assign(1, all);
}

}  // namespace vmio::detail
