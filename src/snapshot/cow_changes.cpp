// SPDX-License-Identifier: BSL-1.0
/// The changed pages of a view, and snapshots of a view.
#include <algorithm>
#include <cstring>

#include "base/range_set.hpp"
#include "snapshot/anon_pages.hpp"
#include "snapshot/cow_mapping.hpp"
#include "snapshot/self_reader.hpp"

namespace vmio {

std::vector<detail::page_interval> cow_view::mapping::changed_pages(change kind) const {
    std::vector<detail::page_interval> found;
    if (size() == 0) return found;
    detail::self_reader own(bytes_.data(), !unreadable_);
    const auto add = [&](detail::page_interval run) {
        if (!found.empty() && found.back().end == run.first)
            found.back().end = run.end;
        else
            found.push_back(run);
    };
    const auto add_different = [&](std::size_t page) {
        const std::size_t start = page * page_size();
        const std::size_t length = std::min(page_size(), size() - start);
        if (std::memcmp(own.get(start, length).data(), content_->page(page), length) != 0) add({page, page + 1});
    };
    // Overlay pages were written by lay_over(), unless madvise(2) has dropped them: then they have the file's bytes.
    const std::span<const detail::cow_pages::entry> overlay = content_->overlay().entries();
    auto laid_over = overlay.begin();
    const auto add_dropped = [&](std::size_t end) {
        for (; laid_over != overlay.end() && laid_over->page < end; ++laid_over) add_different(laid_over->page);
    };
    const detail::walk_result result = detail::for_anon_pages(bytes_.data(), all(), [&](detail::page_interval run) {
        add_dropped(run.first);
        while (laid_over != overlay.end() && laid_over->page < run.end) ++laid_over;
        if (kind == change::written && settled_.empty()) {
            add(run);
            return true;
        }
        for (std::size_t page = run.first; page < run.end; ++page)
            if (kind == change::written && !settled_[page])
                add({page, page + 1});
            else
                add_different(page);
        return true;
    });
    if (result == detail::walk_result::over) return add_dropped(all().end), found;
    found.clear();
    for (std::size_t page = 0; page < content_->pages(); ++page) add_different(page);
    return found;
}

std::vector<changed_run> cow_view::mapping::changed(change kind) const {
    std::vector<changed_run> runs;
    for (const detail::page_interval& pages : changed_pages(kind)) {
        const std::size_t start = pages.first * page_size();
        runs.push_back({start, std::min(pages.end * page_size(), size()) - start});
    }
    return runs;
}

cow_view::mapping::content_pointer cow_view::mapping::take() const {
    const std::vector<detail::page_interval> changed = changed_pages(change::written);
    if (content_->live()) return copied(changed);
    return changed.empty() ? content_ : layered(changed);
}

/// Returns: the same file with the changed pages in its overlay; a new file if there are too many of them.
cow_view::mapping::content_pointer cow_view::mapping::layered(const std::vector<detail::page_interval>& changed) const {
    std::size_t more = 0;
    for (const detail::page_interval& run : changed)
        more += run.end - run.first - content_->overlay().entries(run.first, run.end).size();
    if (!content_->has_room_for(more)) return copied(changed);
    std::vector<std::size_t> pages;
    for (const detail::page_interval& run : changed)
        for (std::size_t page = run.first; page < run.end; ++page) pages.push_back(page);
    detail::self_reader own(bytes_.data(), !unreadable_);
    return content_->with(content_->overlay().with(pages, [&](std::size_t page, std::span<std::byte> to) {
        std::memcpy(to.data(), own.get(page * page_size(), to.size()).data(), to.size());
    }));
}

/// Returns: a new file with the view's bytes. Holes remain holes.
cow_view::mapping::content_pointer cow_view::mapping::copied(const std::vector<detail::page_interval>& changed) const {
    std::vector<address_range> own_extents;
    for (const detail::page_interval& run : changed) {
        const std::uint64_t start = std::uint64_t{run.first} * page_size();
        own_extents.emplace_back(start, std::min<std::uint64_t>(std::uint64_t{run.end} * page_size(), size()));
    }
    detail::self_reader own(bytes_.data(), !unreadable_);
    detail::file_descriptor file = detail::new_memfd(size());
    constexpr std::uint64_t most = std::uint64_t{1} << 20;
    for (const address_range& e : detail::united(content_->data(), own_extents))
        for (std::uint64_t at = e.start(); at < e.end(); at += most)
            detail::write_all(
                file.get(), at,
                own.get(static_cast<std::size_t>(at), static_cast<std::size_t>(std::min(most, e.end() - at))));
    return std::make_shared<const detail::snapshot_data>(
        std::make_shared<const detail::sealed_memfd>(std::move(file), size()));
}

std::string to_string(const changed_run& run) {
    return std::to_string(run.size) + " bytes at offset " + std::to_string(run.offset);
}

}  // namespace vmio
