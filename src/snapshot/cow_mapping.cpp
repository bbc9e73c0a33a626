// SPDX-License-Identifier: BSL-1.0
/// Mapping and restoring a copy-on-write view.
#include "snapshot/cow_mapping.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/mman.h>

#include "base/system_error.hpp"
#include "snapshot/anon_pages.hpp"

namespace vmio {

#ifndef MADV_DONTNEED_LOCKED
constexpr int MADV_DONTNEED_LOCKED = 24;  // since Linux 5.18
#endif

namespace {

/// Errors: EINVAL, it is locked, and the kernel is older than 5.18.
std::error_code discard(std::byte* at, std::size_t size) noexcept {
    if (::madvise(at, size, MADV_DONTNEED) == 0 || ::madvise(at, size, MADV_DONTNEED_LOCKED) == 0) return {};
    return detail::last_system_error();
}

}  // namespace

cow_view::mapping::mapping(std::shared_ptr<snapshot::state> owner, content_pointer content)
    : owner_(std::move(owner)),
      content_(std::move(content)),
      bytes_(content_->file().descriptor(), content_->size(), PROT_READ | PROT_WRITE, MAP_PRIVATE,
             content_->file().offset()) {
    lay_over(all());
}

void cow_view::mapping::settle(std::size_t page) {
    if (settled_.empty()) settled_.resize(content_->pages());
    settled_[page] = true;
}

void cow_view::mapping::lay_over(detail::page_interval pages) {
    for (const detail::cow_pages::entry& e : content_->overlay().entries(pages.first, pages.end)) {
        std::memcpy(bytes_.data() + e.page * page_size(), e.bytes, page_size());
        settle(e.page);
    }
}

void cow_view::mapping::protect(detail::page_interval pages, protection allowed) {
    protected_ = true;
    if ((allowed & protection::read) == protection::none) unreadable_ = true;
    detail::set_protection(bytes_.data(), pages, allowed);
}

void cow_view::mapping::undo_protections(detail::page_interval pages) {
    if (!protected_) return;
    detail::set_protection(bytes_.data(), pages, protection::read_write);
    if (pages.end - pages.first == content_->pages()) protected_ = unreadable_ = false;
}

void cow_view::mapping::restore() {
    if (size() == 0) return;
    if (content_pointer now = owner_->now(); now != content_)
        map(std::move(now));
    else
        restore(all());
}

void cow_view::mapping::restore(detail::page_interval pages) {
    undo_protections(pages);
    // While a mutable_view exists: a page that was copied back would not show its later writes.
    if (content_->live() || !copy_back(pages)) drop(pages);
}

/// Copies back the pages that differ. Each written page costs a comparison; a dropped page costs about ten times as
/// much, since it is mapped again when it is touched and copied by the kernel when it is written to.
/// Returns: false if dropping is better: too many pages are written, or too many comparisons since the last drop found
/// equal pages.
bool cow_view::mapping::copy_back(detail::page_interval pages) {
    const std::size_t overlay = content_->overlay().entries(pages.first, pages.end).size();
    const std::size_t most = (pages.end - pages.first) / 8 + 256 + overlay;
    std::size_t found = 0;
    written_.clear();
    const detail::walk_result result = detail::for_anon_pages(bytes_.data(), pages, [&](detail::page_interval run) {
        written_.push_back(run);
        found += run.end - run.first;
        return found <= most;
    });
    if (result != detail::walk_result::over) return false;
    try {
        content_->file().bytes();
    } catch (const memory_error&) {
        return false;  // the original pages cannot be mapped
    }
    std::size_t copied = 0;
    for (const detail::page_interval& run : written_)
        for (std::size_t page = run.first; page < run.end; ++page) {
            std::byte* const here = bytes_.data() + page * page_size();
            const std::byte* const original = content_->page(page);
            settle(page);
            if (std::memcmp(here, original, page_size()) == 0) continue;
            std::memcpy(here, original, page_size());
            ++copied;
        }
    auto run = written_.begin();
    for (const detail::cow_pages::entry& e : content_->overlay().entries(pages.first, pages.end)) {
        while (run != written_.end() && run->end <= e.page) ++run;
        if (run != written_.end() && run->first <= e.page) continue;
        // Dropped by madvise(2), so it has the bytes of the file instead of the overlay.
        std::memcpy(bytes_.data() + e.page * page_size(), e.bytes, page_size());
    }
    if (const std::size_t same = found - copied; same > overlay) in_vain_ += same - overlay;
    return in_vain_ <= content_->pages() / 8 + 16 * copied;
}

void cow_view::mapping::drop(detail::page_interval pages) {
    const std::size_t start = pages.first * page_size();
    const std::size_t end = std::min(pages.end * page_size(), size());
    std::error_code unlocked;
    if (const std::error_code ec = discard(bytes_.data() + start, end - start); ec.value() == EINVAL)
        unlocked = drop_locked(pages);
    else if (ec)
        map(*content_, pages);
    if (!settled_.empty())
        std::fill(settled_.begin() + static_cast<std::ptrdiff_t>(pages.first),
                  settled_.begin() + static_cast<std::ptrdiff_t>(pages.end), false);
    in_vain_ = 0;
    lay_over(pages);
    if (unlocked) throw memory_error("mlock2 of a view", 0, address_of(bytes_.data() + start), unlocked);
}

/// Before Linux 5.18 madvise(2) drops no memory that is locked with mlock(2). Mapping over it does, but unlocks it.
/// Returns: an error if it could not be locked again.
std::error_code cow_view::mapping::drop_locked(detail::page_interval pages) {
    std::error_code unlocked;
    const auto is_locked = [&](std::size_t page) {
        return page < pages.end && discard(bytes_.data() + page * page_size(), page_size()).value() == EINVAL;
    };
    for (std::size_t page = pages.first; page < pages.end; ++page) {
        if (!is_locked(page)) continue;
        detail::page_interval locked{page, page + 1};
        while (is_locked(locked.end)) ++locked.end;
        map(*content_, locked);
        std::byte* const at = bytes_.data() + locked.first * page_size();
        const std::size_t length = std::min(locked.end * page_size(), size()) - locked.first * page_size();
        // As after MADV_DONTNEED_LOCKED, pages are mapped, and locked, when they are touched.
        if (::mlock2(at, length, MLOCK_ONFAULT) != 0) unlocked = detail::last_system_error();
        page = locked.end;  // which is not locked
    }
    return unlocked;
}

/// Maps pages of a content at the same address, replacing the present mapping.
void cow_view::mapping::map(const detail::snapshot_data& content, detail::page_interval pages) {
    const std::size_t start = pages.first * page_size();
    const std::size_t end = std::min(pages.end * page_size(), size());
    if (::mmap(bytes_.data() + start, end - start, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
               content.file().descriptor(), static_cast<off_t>(content.file().offset() + start)) == MAP_FAILED)
        throw memory_error("mmap of a snapshot", 0, address_of(bytes_.data() + start), detail::last_system_error());
}

/// Maps `content` at the same address, replacing the present mapping.
void cow_view::mapping::map(content_pointer content) {
    map(*content, all());
    content_ = std::move(content);
    protected_ = unreadable_ = false;
    settled_.clear();
    lay_over(all());
}

void cow_view::mapping::follow(std::shared_ptr<snapshot::state> owner) {
    content_pointer now = owner->now();
    if (size() > 0 && &now->file() != &content_->file()) {
        map(std::move(now));
    } else if (size() > 0) {
        if (!now->overlay().empty()) settled_.resize(content_->pages());  // may throw, so before any change
        undo_protections(all());
        content_ = std::move(now);
        for (const detail::cow_pages::entry& e : content_->overlay().entries()) settle(e.page);
    }
    owner_ = std::move(owner);
}

}  // namespace vmio
