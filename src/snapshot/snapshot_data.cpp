// SPDX-License-Identifier: BSL-1.0
#include "snapshot/snapshot_data.hpp"

#include <algorithm>
#include <cstring>

#include "base/range_set.hpp"
#include "snapshot/copy_file.hpp"

namespace vmio::detail {

std::size_t snapshot_data::read_some(std::uint64_t offset, std::span<std::byte> to,
                                     std::error_code& ec) const noexcept {
    if (overlay_.empty() || to.empty() || offset >= size()) return file_->read_some(offset, to, ec);
    to = to.first(static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), size() - offset)));
    const std::uint64_t end = offset + to.size();
    const auto first = static_cast<std::size_t>(offset / page_size());
    const auto last = static_cast<std::size_t>((end - 1) / page_size());
    ec.clear();
    std::uint64_t at = offset;
    // Reads the bytes of the file up to `stop`; false if not all could be read.
    const auto up_to = [&](std::uint64_t stop) {
        while (at < stop) {
            const auto done = static_cast<std::size_t>(at - offset);
            const std::size_t step = file_->read_some(at, to.subspan(done, static_cast<std::size_t>(stop - at)), ec);
            if (step == 0) return false;
            at += step;
        }
        return true;
    };
    for (const cow_pages::entry& e : overlay_.entries(first, last + 1)) {
        const std::uint64_t start = std::uint64_t{e.page} * page_size();
        if (!up_to(start)) break;
        const std::uint64_t stop = std::min<std::uint64_t>(start + page_size(), end);
        std::memcpy(to.data() + (at - offset), e.bytes + (at - start), static_cast<std::size_t>(stop - at));
        at = stop;
    }
    if (!ec) up_to(end);
    if (at > offset) ec.clear();
    return static_cast<std::size_t>(at - offset);
}

std::vector<address_range> snapshot_data::data() const {
    std::vector<address_range> own;
    for (const cow_pages::entry& e : overlay_.entries()) {
        const std::uint64_t start = std::uint64_t{e.page} * page_size();
        own.emplace_back(start, std::min<std::uint64_t>(start + page_size(), size()));
    }
    return united(file_->data(), own);
}

bool snapshot_data::has_room_for(std::size_t more) const noexcept {
    constexpr std::uint64_t always = 64;
    return overlay_.size() + more <= std::max(always, file_->memory_used() / page_size() / 8);
}

file_descriptor snapshot_data::copy() const {
    file_descriptor to = new_memfd(size());
    for (const address_range& e : file_->data())
        if (const std::error_code ec = copy_part(file_->descriptor(), to.get(), e, file_->offset()))
            throw memory_error("copy of a snapshot", 0, 0, ec);
    for (const cow_pages::entry& e : overlay_.entries()) {
        const std::uint64_t start = std::uint64_t{e.page} * page_size();
        const auto size_here = static_cast<std::size_t>(std::min<std::uint64_t>(page_size(), size() - start));
        write_all(to.get(), start, {e.bytes, size_here});
    }
    return to;
}

}  // namespace vmio::detail
