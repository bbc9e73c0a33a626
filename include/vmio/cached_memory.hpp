// SPDX-License-Identifier: BSL-1.0
/// A page cache over a memory, for a target that is stopped.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <system_error>
#include <unordered_map>
#include <utility>

#include <vmio/address.hpp>
#include <vmio/detail/memory_naming.hpp>
#include <vmio/memory.hpp>

namespace vmio {

/// A memory that reads another one page by page and caches the pages, so that many small reads on few pages cost one
/// call per page; the least recently used page is evicted first. Only pages that were read completely are cached,
/// failures are not. Writes are write-through. Reads of 16 pages or more that are not cached bypass the cache.
///
/// Copies share the pages; all members are thread-safe and exclude each other. A moved-from object can only be assigned
/// to and destroyed.
///
/// **Races.** Cached pages are stale once the memory is changed by other means: call invalidate() when the target has
/// run.
template <memory_reader M>
class cached_memory {
public:
    static constexpr std::size_t default_size = std::size_t{4} << 20;  ///< in bytes

    /// Constructs an empty cache of at most `max_bytes` bytes, but at least one page.
    explicit cached_memory(M memory, std::size_t max_bytes = default_size)
        : shared_(std::make_shared<shared>(std::move(memory), std::max<std::size_t>(max_bytes / page_size(), 1))) {}

    /// Returns: the underlying memory.
    const M& memory() const noexcept { return shared_->memory; }

    /// Returns: the values of the underlying memory: see naming.
    /// @{
    pid_t process_id() const noexcept { return detail::process_id_of(shared_->memory); }
    const char* read_operation() const noexcept { return detail::read_operation_of(shared_->memory); }
    const char* write_operation() const noexcept { return detail::write_operation_of(shared_->memory); }
    /// @}

    /// Reads bytes as a memory_reader does, page by page, until `to` is full, or the memory ends or fails.
    std::size_t read_some(address from, std::span<std::byte> to, std::error_code& ec) const noexcept {
        const std::lock_guard lock(shared_->mutex);
        ec.clear();
        std::size_t done = 0;
        while (done < to.size()) {
            const std::span<std::byte> rest = to.subspan(done);
            const std::size_t step = shared_->read_in_page(from + done, rest, ec);
            done += step;
            if (ec || step == 0 || from + done < from) break;
        }
        if (done > 0) ec.clear();
        return done;
    }

    /// Writes bytes as a memory_writer does, by one write_some() of the memory, and updates the cached pages with the
    /// bytes written.
    std::size_t write_some(address to, std::span<const std::byte> from,
                           std::error_code& ec) const noexcept requires memory_writer<M> {
        const std::lock_guard lock(shared_->mutex);
        const std::size_t done = shared_->memory.write_some(to, from, ec);
        shared_->update(to, from.first(done));
        return done;
    }

    /// Drops all cached pages, or those that overlap `range`.
    /// @{
    void invalidate() noexcept {
        const std::lock_guard lock(shared_->mutex);
        shared_->by_address.clear();
        shared_->pages.clear();
    }
    void invalidate(const address_range& range) noexcept {
        const std::lock_guard lock(shared_->mutex);
        std::erase_if(shared_->by_address, [&](const auto& entry) {
            const bool touched = entry.first < range.end() && entry.first + (page_size() - 1) >= range.start();
            if (touched) shared_->pages.erase(entry.second);
            return touched;
        });
    }
    /// @}

    /// Returns: the number of bytes cached.
    std::size_t size() const noexcept {
        const std::lock_guard lock(shared_->mutex);
        return shared_->pages.size() * page_size();
    }

private:
    struct page {
        address start;
        std::unique_ptr<std::byte[]> bytes;
    };

    struct shared {
        shared(M m, std::size_t pages_at_most) : memory(std::move(m)), most(pages_at_most) {}

        /// Reads bytes at `from`, none beyond its page unless they bypass the cache.
        std::size_t read_in_page(address from, std::span<std::byte> to, std::error_code& ec) noexcept {
            const address start = align_down(from, page_size());
            const auto offset = static_cast<std::size_t>(from - start);
            const std::byte* bytes = find(start);
            if (bytes == nullptr && to.size() < 16 * page_size()) bytes = load(start);
            const std::size_t in_page = std::min(to.size(), page_size() - offset);
            if (bytes == nullptr) {
                const bool large = to.size() >= 16 * page_size();
                return memory.read_some(from, large ? to : to.first(in_page), ec);
            }
            std::memcpy(to.data(), bytes + offset, in_page);
            return in_page;
        }

        const std::byte* find(address start) noexcept {
            const auto found = by_address.find(start);
            if (found == by_address.end()) return nullptr;
            pages.splice(pages.begin(), pages, found->second);
            return found->second->bytes.get();
        }

        /// Returns: null if the page cannot be read completely, or memory is exhausted.
        const std::byte* load(address start) noexcept {
            try {
                if (pages.size() >= most) {
                    by_address.erase(pages.back().start);
                    pages.splice(pages.begin(), pages, std::prev(pages.end()));
                } else {
                    pages.push_front({0, std::unique_ptr<std::byte[]>(new std::byte[page_size()])});
                }
                page& fresh = pages.front();
                fresh.start = start;
                std::error_code ec;
                if (memory.read_some(start, {fresh.bytes.get(), page_size()}, ec) == page_size() &&
                    by_address.emplace(start, pages.begin()).second)
                    return fresh.bytes.get();
            } catch (const std::bad_alloc&) {
                if (pages.empty() || by_address.contains(pages.front().start)) return nullptr;
            }
            pages.pop_front();
            return nullptr;
        }

        void update(address to, std::span<const std::byte> from) noexcept {
            while (!from.empty()) {
                const address start = align_down(to, page_size());
                const auto offset = static_cast<std::size_t>(to - start);
                const std::size_t size = std::min(from.size(), page_size() - offset);
                if (const auto found = by_address.find(start); found != by_address.end())
                    std::memcpy(found->second->bytes.get() + offset, from.data(), size);
                to += size;
                from = from.subspan(size);
            }
        }

        M memory;
        const std::size_t most;
        mutable std::mutex mutex;
        std::list<page> pages;  // the most recently used first
        std::unordered_map<address, typename std::list<page>::iterator> by_address;
    };

    std::shared_ptr<shared> shared_;
};

}  // namespace vmio
