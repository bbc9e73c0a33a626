// SPDX-License-Identifier: BSL-1.0
/// A process's address space, drawn.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <vmio/memory_map.hpp>
#include <vmio/page_map.hpp>

#include "text.hpp"
#include "tool.hpp"

namespace tool {

/// The kernel's page of zeros belongs to no process.
inline bool is_resident(const vmio::page_run& run) {
    return has(run.state, vmio::page_state::present) && !has(run.state, vmio::page_state::zero_page);
}

/// Rows of blocks. A block is a power of two of pages, as few as let the picture fit a screen or so, and the darker the
/// more of it is resident. A row begins at what is mapped next, so that no row is empty; a mapping that was not touched
/// for longer than a row is drawn no further than that.
class memory_picture {
public:
    struct style {
        std::size_t columns = 80;
        bool unicode = true;
    };

    /// `pages`: the runs of those that are present, zero_page or swapped. Both must outlive the picture.
    memory_picture(const vmio::memory_map& map, const std::vector<vmio::page_run>& pages, style s)
        : map_(map), pages_(pages), style_(s) {
        constexpr std::size_t fixed = label_digits + 1 + 1 + name_columns;
        blocks_ = std::max<std::size_t>(8, s.columns > fixed ? (s.columns - fixed) / 8 * 8 : 0);
        block_ = coarsest;
        const std::size_t screen = rows(all_rows).size() + 24;  // what is far apart takes rows, however coarse
        for (block_ = vmio::page_size(); block_ < coarsest && rows(screen + 1).size() > screen;) block_ *= 2;
    }

    void draw(std::ostream& out) const {
        out << "a block is " << size_text(block_) << ": ";
        for (const std::string_view shade : glyphs().shades) out << shade;
        out << " resident, s swapped, " << glyphs().mapped << " mapped\n";
        vmio::address reached = 0;
        for (const vmio::address start : rows(all_rows)) {
            if (reached != 0 && start - reached >= row_size())
                out << std::string(label_digits + 1, ' ') << glyphs().skipped << ' ' << size_text(start - reached)
                    << (map_.find(reached) != nullptr ? " more of the same\n" : " not mapped\n");
            draw_row(out, start);
            reached = row_end(start);
        }
    }

private:
    static constexpr int label_digits = 12;
    static constexpr std::size_t name_columns = 18;
    static constexpr std::uint64_t coarsest = std::uint64_t{1} << 30;
    static constexpr std::size_t all_rows = std::numeric_limits<std::size_t>::max();

    struct glyph_set {
        std::array<std::string_view, 4> shades;
        std::string_view mapped, skipped;
    };
    const glyph_set& glyphs() const {
        static constexpr glyph_set unicode{{"░", "▒", "▓", "█"}, "·", "⋮"};
        static constexpr glyph_set ascii{{"-", "+", "*", "#"}, ".", ":"};
        return style_.unicode ? unicode : ascii;
    }

    std::uint64_t row_size() const { return blocks_ * block_; }

    vmio::address row_end(vmio::address start) const {
        return start + std::min(row_size(), std::numeric_limits<vmio::address>::max() - start);
    }

    std::vector<vmio::page_run>::const_iterator pages_at_or_above(vmio::address a) const {
        return std::partition_point(pages_.begin(), pages_.end(), [a](const auto& r) { return r.range.end() <= a; });
    }

    /// Where the rows start; the first `most` of them.
    std::vector<vmio::address> rows(std::size_t most) const {
        std::vector<vmio::address> starts;
        vmio::address reached = 0;
        for (auto m = map_.begin(); m != map_.end() && starts.size() < most; m = map_.at_or_above(reached)) {
            starts.push_back(std::max(reached, vmio::align_down(m->range.start(), block_)));
            reached = row_end(starts.back());
            const vmio::mapping* const rest = map_.find(reached);
            if (rest == nullptr) continue;
            const auto pages = pages_at_or_above(reached);
            const vmio::address quiet_until = std::min(
                rest->range.end(), pages == pages_.end() ? rest->range.end() : std::max(reached, pages->range.start()));
            reached += (quiet_until - reached) / row_size() * row_size();
        }
        return starts;
    }

    struct block_content {
        bool mapped = false;
        bool swapped = false;
        std::uint64_t resident = 0;
    };

    /// Calls f(block, bytes) for each block of `row` that has some of `range`.
    template <class F>
    void each_block(std::vector<block_content>& blocks, vmio::address_range row, vmio::address_range range,
                    F&& f) const {
        range = row.intersection(range);
        for (vmio::address at = range.start(); at < range.end();) {
            const std::size_t i = (at - row.start()) / block_;
            const vmio::address next = std::min(range.end() - row.start(), (i + 1) * block_) + row.start();
            f(blocks[i], next - at);
            at = next;
        }
    }

    void draw_row(std::ostream& out, vmio::address start) const {
        const vmio::address_range row(start, row_end(start));
        std::vector<block_content> blocks(blocks_);
        const vmio::mapping* largest = nullptr;
        const auto part = [&](const vmio::mapping& m) { return row.intersection(m.range).size(); };
        for (auto m = map_.at_or_above(start); m != map_.end() && m->range.start() < row.end(); ++m) {
            each_block(blocks, row, m->range, [](block_content& b, std::uint64_t) { b.mapped = true; });
            if (largest == nullptr || part(*m) > part(*largest)) largest = m;
        }
        for (auto r = pages_at_or_above(start); r != pages_.end() && r->range.start() < row.end(); ++r)
            each_block(blocks, row, r->range, [&](block_content& b, std::uint64_t bytes) {
                if (has(r->state, vmio::page_state::swapped)) b.swapped = true;
                if (is_resident(*r)) b.resident += bytes;
            });

        std::string line = hex(start, label_digits) + ' ';
        const std::size_t columns_left = name_columns + label_digits + 1 - line.size();
        for (const block_content& b : blocks) line += glyph(b);
        if (largest != nullptr) {
            std::string_view name = largest->name;
            if (name.starts_with('/')) name.remove_prefix(name.rfind('/') + 1);
            line += ' ' + printable(name, columns_left);
        }
        out << line.erase(line.find_last_not_of(' ') + 1) << '\n';
    }

    std::string_view glyph(const block_content& b) const {
        if (b.resident > 0) return glyphs().shades[(b.resident - 1) * glyphs().shades.size() / block_];
        return b.swapped ? "s" : b.mapped ? glyphs().mapped : " ";
    }

    const vmio::memory_map& map_;
    const std::vector<vmio::page_run>& pages_;
    style style_;
    std::size_t blocks_ = 0;   // in a row
    std::uint64_t block_ = 0;  // in bytes
};

}  // namespace tool
