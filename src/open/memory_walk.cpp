// SPDX-License-Identifier: BSL-1.0
#include <vmio/memory_walk.hpp>

#include <algorithm>
#include <limits>
#include <utility>

#include <vmio/error.hpp>
#include <vmio/region_reader.hpp>

#include "base/range_set.hpp"

namespace vmio {
namespace {

constexpr std::size_t buffer_size = std::size_t{512} << 10;  // fits into the second-level cache

/// A part of a memory; it has no bytes if it is known to be zero.
struct walk_piece {
    address_range range;
    bool is_zero;
};

/// Returns: `readable` by address, divided where `zeros` begin and end.
std::vector<walk_piece> pieces_of(detail::range_span readable, detail::range_span zeros) {
    std::vector<walk_piece> pieces;
    for (const address_range& r : detail::without(readable, zeros)) pieces.push_back({r, false});
    const std::size_t read = pieces.size();
    for (const address_range& r : detail::intersected(readable, zeros)) pieces.push_back({r, true});
    std::inplace_merge(pieces.begin(), pieces.begin() + static_cast<std::ptrdiff_t>(read), pieces.end(),
                       [](const walk_piece& a, const walk_piece& b) { return a.range.start() < b.range.start(); });
    return pieces;
}

}  // namespace

namespace detail {

struct walk_source {
    walk_source() = default;
    walk_source(const walk_source&) = delete;
    walk_source& operator=(const walk_source&) = delete;
    virtual ~walk_source() = default;

    /// Returns: false at the end. `bytes` are empty if the range is known to be zero.
    virtual bool next(address_range& range, std::span<const std::byte>& bytes) = 0;
};

}  // namespace detail

namespace {

class process_walk final : public detail::walk_source {
public:
    process_walk(const process_memory& memory, std::vector<address_range> parts)
        : parts_(std::move(parts)), reader_(memory, options()) {}

    bool next(address_range& range, std::span<const std::byte>& bytes) override {
        for (; at_ == pieces_.size(); at_ = 0) {
            if (!reader_.next()) return false;
            pieces_.clear();
            const address_range chunk = reader_.range();
            if (!detail::overlaps(parts_, chunk)) continue;
            bytes_ = reader_.fetch();
            pieces_ = pieces_of(detail::intersected(detail::without({&chunk, 1}, reader_.gaps()), parts_),
                                reader_.untouched());
        }
        const walk_piece& piece = pieces_[at_++];
        range = piece.range;
        bytes = piece.is_zero ? std::span<const std::byte>()
                              : bytes_.subspan(static_cast<std::size_t>(range.start() - reader_.range().start()),
                                               static_cast<std::size_t>(range.size()));
        return true;
    }

private:
    region_options options() const {
        region_options o;
        o.chunk_size = buffer_size;
        o.within = parts_.empty() ? address_range() : address_range(parts_.front().start(), parts_.back().end());
        o.wanted = [this](const mapping& m) { return detail::overlaps(parts_, m.range); };
        return o;
    }

    const std::vector<address_range> parts_;
    region_reader reader_;
    std::span<const std::byte> bytes_;  // of the reader's chunk
    std::vector<walk_piece> pieces_;    // of the same
    std::size_t at_ = 0;
};

class ranges_walk final : public detail::walk_source {
public:
    ranges_walk(any_memory memory, detail::range_span parts) : memory_(std::move(memory)) {
        const std::vector<address_range> ranges = detail::intersected(memory_.ranges(), parts);
        pieces_ = pieces_of(ranges, detail::without(ranges, memory_.stored()));
    }

    bool next(address_range& range, std::span<const std::byte>& bytes) override {
        for (; at_ < pieces_.size(); ++at_) {
            address_range& rest = pieces_[at_].range;
            if (pieces_[at_].is_zero) {
                range = rest;
                bytes = {};
                ++at_;
                return true;
            }
            while (!rest.empty()) {
                const std::size_t got = read(rest);
                if (got == 0) continue;
                range = rest.part(0, got);
                bytes = std::span(buffer_).first(got);
                rest = {range.end(), rest.end()};
                return true;
            }
        }
        return false;
    }

private:
    /// Returns: how many bytes were read; 0 if `rest` begins behind a page that cannot be read.
    std::size_t read(address_range& rest) {
        const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), rest.size()));
        std::error_code ec;
        const std::size_t got = memory_.read_some(rest.start(), std::span(buffer_).first(most), ec);
        if (got > 0) return got;
        if (ec && ec != errc::bad_address)
            throw memory_error(memory_.read_operation(), memory_.process_id(), rest.start(), ec);
        rest = {std::min(rest.end(), next_boundary(rest.start(), page_size())), rest.end()};
        return 0;
    }

    const any_memory memory_;
    std::vector<walk_piece> pieces_;
    std::size_t at_ = 0;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(buffer_size);
};

constexpr address_range everywhere(0, std::numeric_limits<address>::max());

}  // namespace

memory_walk::memory_walk(const any_memory& memory) : memory_walk(memory, std::span(&everywhere, 1)) {}

memory_walk::memory_walk(const any_memory& memory, std::span<const address_range> parts) {
    const address_range& window = memory.window();
    auto inside = detail::intersected(detail::made_set({parts.begin(), parts.end()}), {&window, 1});
    if (const auto* const live = memory.as<process_memory>())
        source_ = std::make_unique<process_walk>(*live, std::move(inside));
    else
        source_ = std::make_unique<ranges_walk>(memory, inside);
}

memory_walk::memory_walk(memory_walk&&) noexcept = default;
memory_walk& memory_walk::operator=(memory_walk&&) noexcept = default;
memory_walk::~memory_walk() = default;

bool memory_walk::next() {
    if (source_->next(range_, bytes_)) return true;
    range_ = {};
    bytes_ = {};
    return false;
}

}  // namespace vmio
