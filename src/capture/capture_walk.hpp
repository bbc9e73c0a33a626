// SPDX-License-Identifier: BSL-1.0
/// Going over the mappings of a process for a capture.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <vmio/capture_options.hpp>
#include <vmio/error.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/page_map.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/smaps.hpp>

#include "base/file_descriptor.hpp"
#include "base/gap_set.hpp"
#include "base/range_set.hpp"
#include "base/system_error.hpp"
#include "capture/capture_record.hpp"
#include "capture/page_copier.hpp"
#include "capture/region_layout.hpp"
#include "freeze/held_pages.hpp"
#include "maps/build_id_reader.hpp"
#include "maps/query_mapping.hpp"
#include "process/check_program.hpp"
#include "process/opening_error.hpp"
#include "snapshot/sealed_memfd.hpp"
#include "walk/region_source.hpp"

namespace vmio::detail {

/// The ranges to capture, rounded outwards to whole pages.
inline std::vector<address_range> chosen_ranges(const capture_options& options) {
    std::vector<address_range> pages;
    const address last_page = align_down(std::numeric_limits<address>::max(), page_size());
    const auto rounded = [&](const address_range& r) {
        const address end = r.end() > last_page ? last_page : align_up(r.end(), page_size());
        return address_range(std::min(align_down(r.start(), page_size()), end), end);
    };
    for (const address_range& r : options.ranges)
        if (!r.empty()) pages.push_back(rounded(r));
    const address_range within = rounded(options.regions.within);
    return intersected(options.ranges.empty() ? std::vector{within} : made_set(std::move(pages)), {&within, 1});
}

struct captured {
    capture_record record;
    region_layout layout;
    file_descriptor file;
};

/// Visits the mappings by address and captures the selected ones.
class capture_walk {
public:
    /// `memory`: the target's, or that of a frozen copy; `held`: memory that the copy lacks.
    /// `served`: ranges in which reading a page that is not resident may wait for the target.
    capture_walk(const process_memory& memory, const capture_options& options, const pause_guard* pause,
                 const held_pages& held, std::vector<address_range> served)
        : target_(memory.target()),
          options_(options),
          chosen_(chosen_ranges(options)),
          pause_(pause),
          held_(held),
          served_(std::move(served)),
          file_(new_memfd(0)),
          copier_(memory, file_.get(), options.max_stored, [this](const capture_progress& now) {
              if (pause_ != nullptr) pause_->check();
              if (options_.progress) options_.progress(now);
          }) {}

    void run() {
        start();
        while (std::optional<mapping> m = next_mapping()) {
            visit(std::move(*m));
            if (pause_ != nullptr) pause_->check();
        }
        check_program(target_, "capture of a process");
    }

    /// To be called once, after run(). `record`: what is not of the memory.
    captured finish(capture_record record) {
        std::vector<address_range> mapped;
        for (const mapping& m : mappings_) append(mapped, m.range);
        if (!options_.ranges.empty())
            for (const address_range& hole : without(chosen_, mapped)) add_gap_if_chosen(hole, gap_reason::unmapped);
        for (const mapping& m : mappings_) record.build_ids.push_back(known_build_id(m));
        record.map = memory_map::from_mappings(std::move(mappings_));
        record.gaps = std::move(copier_.done().gaps);
        join(record.gaps);
        record.stored = made_set(std::move(copier_.done().stored));
        return {std::move(record), std::move(layout_), std::move(file_)};
    }

private:
    void start() {
        std::error_code ec;
        pages_.emplace(target_, ec);
        if (ec == errc::no_such_process || is_exhaustion(ec))
            throw opening_error("open of /proc/PID/pagemap", target_.id(), 0, ec);
        if (ec) pages_.reset();  // not supported by this kernel; the page map is optional
        if (options_.regions.skip_dontdump) dontdump_ = dontdump_ranges(target_, options_.regions.within);
    }

    /// Queries one mapping at a time: a list would be out of date before its end is reached.
    std::optional<mapping> next_mapping() {
        std::optional<mapping> m = query_mapping(target_, beyond_, list_);
        while (next_held_ < held_.mappings().size() && held_.mappings()[next_held_].range.end() <= beyond_)
            ++next_held_;
        if (next_held_ < held_.mappings().size()) {
            const mapping& h = held_.mappings()[next_held_];
            if (!m || h.range.end() <= m->range.start()) m = h;  // the copy lacks it
        }
        if (!m || m->range.end() <= beyond_) return std::nullopt;
        if (m->range.start() < beyond_) {
            // It was merged with the mapping before it.
            if (m->file_backed()) m->offset += beyond_ - m->range.start();
            m->range = {beyond_, m->range.end()};
        }
        beyond_ = m->range.end();
        return m;
    }

    bool is_wanted(const mapping& m) const {
        if (options_.regions.wanted && !options_.regions.wanted(m)) return false;
        return !overlaps(dontdump_, m.range) && !overlaps(held_.dontdump(), m.range);
    }

    void visit(mapping m) {
        learn_build_id(m);
        const std::vector<address_range> parts = intersected(chosen_, {&m.range, 1});
        if (!parts.empty() && !is_region(target_, m, options_.regions)) {
            const gap_reason why = m.perms.read ? gap_reason::input_output : gap_reason::no_permission;
            for (const address_range& part : parts) add_gap_if_chosen(part, why);
        } else if (!parts.empty() && is_wanted(m)) {
            if (overlaps(held_.ranges(), m.range)) {
                capture_held(m, parts);
            } else {
                const region_source source = source_of(m);
                for (const address_range& part : parts) capture_part(source, part);
            }
        }
        mappings_.push_back(std::move(m));
    }

    region_source source_of(const mapping& m) const {
        return {target_, pages_ ? &*pages_ : nullptr, m, options_.regions, overlaps(served_, m.range)};
    }

    /// Captures a mapping of which at least a part is held.
    void capture_held(const mapping& m, const std::vector<address_range>& parts) {
        const std::vector<address_range> held = intersected(parts, held_.ranges());
        std::vector<address_range> pieces = without(parts, held);
        const std::optional<region_source> source = pieces.empty() ? std::nullopt : std::optional(source_of(m));
        pieces.insert(pieces.end(), held.begin(), held.end());
        std::sort(pieces.begin(), pieces.end(), [](const auto& a, const auto& b) { return a.start() < b.start(); });
        for (const address_range& piece : pieces) {
            if (!overlaps(held, piece)) {
                capture_part(*source, piece);
                continue;
            }
            const std::uint64_t offset = add_to_layout(piece);
            held_.bytes_of(piece, [&](address at, std::span<const std::byte> bytes) {
                copier_.put(at, bytes, offset + (at - piece.start()));
            });
            for (const memory_gap& gap : held_.gaps())
                if (const address_range lost = gap.range.intersection(piece); !lost.empty())
                    copier_.done().gaps.push_back({lost, gap.reason});
        }
    }

    std::uint64_t add_to_layout(const address_range& part) {
        const std::optional<std::uint64_t> offset = layout_.add(part);
        if (!offset) throw memory_error("capture of a process", target_.id(), part.start(), system_error_of(EFBIG));
        return *offset;
    }

    void capture_part(const region_source& source, const address_range& part) {
        copier_.copy(source, part, add_to_layout(part));
    }

    void add_gap_if_chosen(const address_range& range, gap_reason reason) {
        if (!options_.ranges.empty()) copier_.done().gaps.push_back({range, reason});
    }

    /// Includes the name: two subvolumes of btrfs have the same device number, and can have equal inode numbers.
    using file_key = std::tuple<std::uint32_t, std::uint32_t, std::uint64_t, std::string>;
    static file_key key_of(const mapping& m) { return {m.device_major, m.device_minor, m.inode, m.name}; }

    /// Reads the build ID once for each file, while it is mapped. Executable mappings only: other files are seldom ELF
    /// files, and reading may touch memory that was never touched before.
    void learn_build_id(const mapping& m) {
        if (m.name != "[vdso]" && !(m.file_backed() && m.perms.execute)) return;
        const auto [known, is_new] = build_ids_.try_emplace(key_of(m));
        if (is_new) known->second = build_id_reader_.read_permitted(m);
    }

    std::vector<std::byte> known_build_id(const mapping& m) const {
        const auto known = m.file_backed() || m.name == "[vdso]" ? build_ids_.find(key_of(m)) : build_ids_.end();
        return known == build_ids_.end() ? std::vector<std::byte>() : known->second;
    }

    const process& target_;
    const capture_options& options_;
    const std::vector<address_range> chosen_;
    const pause_guard* const pause_;
    const held_pages& held_;
    std::size_t next_held_ = 0;
    const std::vector<address_range> served_;
    std::optional<page_map> pages_;
    std::optional<memory_map> list_;  // used where single mappings cannot be queried
    std::vector<address_range> dontdump_;
    address beyond_ = 0;

    file_descriptor file_;
    page_copier copier_;
    region_layout layout_;
    std::vector<mapping> mappings_;
    std::map<file_key, std::vector<std::byte>> build_ids_;
    build_id_reader build_id_reader_{target_};
};

}  // namespace vmio::detail
