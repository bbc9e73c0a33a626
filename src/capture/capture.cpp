// SPDX-License-Identifier: BSL-1.0
/// process_snapshot::capture().
#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <tuple>

#include <vmio/page_map.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/smaps.hpp>

#include "base/gap_set.hpp"
#include "base/range_set.hpp"
#include "base/system_error.hpp"
#include "capture/page_copier.hpp"
#include "capture/process_snapshot_state.hpp"
#include "maps/build_id_reader.hpp"
#include "maps/query_mapping.hpp"
#include "process/check_program.hpp"
#include "process/opening_error.hpp"
#include "process/proc_file.hpp"
#include "walk/region_source.hpp"

namespace vmio {
namespace {

constexpr address top = std::numeric_limits<address>::max();

/// The ranges to capture, rounded outwards to whole pages.
std::vector<address_range> chosen_ranges(const capture_options& options) {
    std::vector<address_range> pages;
    const address last_page = align_down(top, page_size());
    const auto rounded = [&](const address_range& r) {
        const address end = r.end() > last_page ? last_page : align_up(r.end(), page_size());
        return address_range(std::min(align_down(r.start(), page_size()), end), end);
    };
    for (const address_range& r : options.ranges)
        if (!r.empty()) pages.push_back(rounded(r));
    const address_range within = rounded(options.regions.within);
    return detail::intersected(options.ranges.empty() ? std::vector{within} : detail::made_set(std::move(pages)),
                               {&within, 1});
}

struct captured {
    detail::capture_record record;
    detail::region_layout layout;
    detail::file_descriptor file;
};

/// Visits the mappings by address and captures the selected ones.
class capture_walk {
public:
    /// `served`: ranges in which reading a page that is not resident may wait for the target.
    capture_walk(const process_memory& memory, const capture_options& options, std::vector<address_range> served)
        : target_(memory.target()),
          options_(options),
          chosen_(chosen_ranges(options)),
          served_(std::move(served)),
          file_(detail::new_memfd(0)),
          copier_(memory, file_.get(), options.max_stored, [this](const capture_progress& now) {
              if (pause_) pause_->check();
              if (options_.progress) options_.progress(now);
          }) {}

    captured run() {
        if (options_.pause) pause_.emplace(target_, options_.pause_limits);
        record_.time = std::chrono::system_clock::now();
        record_.paused = options_.pause;
        static_cast<detail::process_info&>(record_) = detail::read_process_info(target_, pause_ ? &*pause_ : nullptr);
        start();
        while (std::optional<mapping> m = next_mapping()) {
            visit(std::move(*m));
            if (pause_) pause_->check();
        }
        detail::check_program(target_, "capture of a process");
        pause_.reset();
        return finish();
    }

private:
    void start() {
        std::error_code ec;
        pages_.emplace(target_, ec);
        if (ec == errc::no_such_process || detail::is_exhaustion(ec))
            throw detail::opening_error("open of /proc/PID/pagemap", target_.id(), 0, ec);
        if (ec) pages_.reset();  // not supported by this kernel; the page map is optional
        if (options_.regions.skip_dontdump) dontdump_ = dontdump_ranges(target_, options_.regions.within);
    }

    /// Queries one mapping at a time: a list would be out of date before its end is reached.
    std::optional<mapping> next_mapping() {
        std::optional<mapping> m = detail::query_mapping(target_, beyond_, list_);
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
        return !detail::overlaps(dontdump_, m.range);
    }

    void visit(mapping m) {
        learn_build_id(m);
        const std::vector<address_range> parts = detail::intersected(chosen_, {&m.range, 1});
        if (!parts.empty() && !detail::is_region(target_, m, options_.regions)) {
            const gap_reason why = m.perms.read ? gap_reason::input_output : gap_reason::no_permission;
            for (const address_range& part : parts) add_gap_if_chosen(part, why);
        } else if (!parts.empty() && is_wanted(m)) {
            const detail::region_source source(target_, pages_ ? &*pages_ : nullptr, m, options_.regions,
                                               detail::overlaps(served_, m.range));
            for (const address_range& part : parts) capture_part(source, part);
        }
        mappings_.push_back(std::move(m));
    }

    void capture_part(const detail::region_source& source, const address_range& part) {
        const std::optional<std::uint64_t> offset = layout_.add(part);
        if (!offset)
            throw memory_error("capture of a process", target_.id(), part.start(), detail::system_error_of(EFBIG));
        copier_.copy(source, part, *offset);
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

    captured finish() {
        std::vector<address_range> mapped;
        for (const mapping& m : mappings_) detail::append(mapped, m.range);
        if (!options_.ranges.empty())
            for (const address_range& hole : detail::without(chosen_, mapped))
                add_gap_if_chosen(hole, gap_reason::unmapped);
        for (const mapping& m : mappings_) record_.build_ids.push_back(known_build_id(m));
        record_.map = memory_map::from_mappings(std::move(mappings_));
        record_.gaps = std::move(copier_.done().gaps);
        detail::join(record_.gaps);
        record_.stored = detail::made_set(std::move(copier_.done().stored));
        return {std::move(record_), std::move(layout_), std::move(file_)};
    }

    const process& target_;
    const capture_options& options_;
    const std::vector<address_range> chosen_;
    const std::vector<address_range> served_;
    std::optional<pause_guard> pause_;
    std::optional<page_map> pages_;
    std::optional<memory_map> list_;  // used where single mappings cannot be queried
    std::vector<address_range> dontdump_;
    address beyond_ = 0;

    detail::file_descriptor file_;
    detail::page_copier copier_;
    detail::region_layout layout_;
    std::vector<mapping> mappings_;
    std::map<file_key, std::vector<std::byte>> build_ids_;
    detail::build_id_reader build_id_reader_{target_};
    detail::capture_record record_;
};

std::vector<address_range> served_ranges(const process& target) {
    std::vector<address_range> served;
    for (const smaps_entry& m : read_smaps(target))
        if (detail::is_served(m)) served.push_back(m.range);
    return served;
}

captured capture_once_or_twice(const process_memory& memory, const capture_options& options) {
    try {
        return capture_walk(memory, options, {}).run();
    } catch (const memory_error& e) {
        if (!options.pause || e.code().value() != EDEADLK) throw;
        std::vector<address_range> served = served_ranges(memory.target());
        if (served.empty()) throw;
        return capture_walk(memory, options, std::move(served)).run();
    }
}

}  // namespace

process_snapshot process_snapshot::capture(const process& target, const capture_options& options) {
    return capture(detail::told_from_exec(target, [&] { return process_memory(target); }), options);
}

process_snapshot process_snapshot::capture(const process_memory& memory, const capture_options& options) {
    captured all = detail::told_from_exec(memory.target(), [&] { return capture_once_or_twice(memory, options); });
    return state::holding(std::move(all.record), std::move(all.layout), std::move(all.file));
}

}  // namespace vmio
