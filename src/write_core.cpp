// SPDX-License-Identifier: BSL-1.0
#include <vmio/write_core.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include <vmio/memory_map.hpp>
#include <vmio/page_map.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/region_reader.hpp>

#include "core_writer.hpp"
#include "dontdump.hpp"
#include "mapping_lister.hpp"
#include "piece_reader.hpp"
#include "proc_file.hpp"
#include "process_facts.hpp"
#include "range_set.hpp"
#include "region_source.hpp"

namespace vmio {
namespace {

constexpr std::size_t chunk_size = std::size_t{1} << 20;

/// Guard pages of `who`, or none where nobody can tell: then reading them tells.
std::vector<address_range> guard_pages(const process& who, const address_range& within) {
    std::vector<address_range> guards;
    std::error_code ec;
    const page_map pages(who, ec);
    if (!ec) pages.scan(within, page_state::guard, [&](const page_run& run) { guards.push_back(run.range); });
    return guards;
}

class writing {
public:
    writing(const process& who, const core_options& options) : who_(who), options_(options) {
        if (options.pause) pause_.emplace(who);
        static_cast<process_facts&>(image_) = read_facts(who, pause_ ? &*pause_ : nullptr);
        choose(memory_map::load(who));
        image_.read = [this](const core_sink& put) { read(put); };
    }

    core_summary to(core_output& out) {
        core_summary summary;
        summary.size = write_core(image_, out, options_.progress);
        summary.threads = image_.threads.size();
        join(gaps_);
        summary.gaps = std::move(gaps_);
        return summary;
    }

private:
    /// What of the mappings is to be in the file.
    void choose(const memory_map& map) {
        image_.mappings.assign(map.begin(), map.end());
        if (map.empty()) return;
        const address_range all(map.begin()->range.start(), (map.end() - 1)->range.end());
        std::vector<address_range> dontdump;
        if (options_.skip_dontdump) dontdump = dontdump_ranges(who_, all);
        const std::vector<address_range> guards = guard_pages(who_, all);
        auto guard = guards.begin();
        for (const mapping& m : map) {
            if (!m.perms.read) {
                leave_out({m.range, gap_reason::no_permission});
            } else if (!is_region(m)) {
                leave_out({m.range, gap_reason::input_output});
            } else if (overlaps(dontdump, m.range) || (options_.wanted && !options_.wanted(m))) {
                leave_out({m.range, gap_reason::not_dumped});
            } else {
                dumped_.push_back(m.range);
                while (guard != guards.end() && guard->end() <= m.range.start()) ++guard;
                for (auto g = guard; g != guards.end() && g->start() < m.range.end(); ++g)
                    leave_out({g->intersection(m.range), gap_reason::guard_page});
            }
        }
    }

    void leave_out(const memory_gap& gap) {
        gaps_.push_back(gap);
        image_.left_out.push_back(gap.range);
    }

    void read(const core_sink& put) {
        region_options how;
        how.chunk_size = chunk_size;
        how.wanted = [this](const mapping& m) { return overlaps(dumped_, m.range); };
        region_reader reader(who_, how);
        std::vector<address_range> passed;
        while (reader.next()) {
            append(passed, reader.range());
            const std::span<const std::byte> bytes = reader.fetch();
            const address start = reader.range().start();
            address at = start;
            for (const address_range& zeros : reader.untouched()) {
                if (at < zeros.start()) put(at, bytes.subspan(at - start, zeros.start() - at));
                at = zeros.end();
            }
            if (at < reader.range().end()) put(at, bytes.subspan(at - start));
            for (const memory_gap& gap : reader.memory_gaps())
                if (gap.reason != gap_reason::guard_page) gaps_.push_back(gap);
        }
        const std::vector<address_range> vanished = without(without(dumped_, image_.left_out), passed);
        if (vanished.empty()) return;
        const mapping_lister mappings(who_);
        for (const address_range& part : vanished) add_vanished(mappings, part);
    }

    /// The reader has not met it any more.
    void add_vanished(const mapping_lister& mappings, const address_range& range) {
        for (address at = range.start(); at < range.end(); at = gaps_.back().range.end()) {
            const auto m = mappings.at_or_above(at);
            const bool mapped = m && m->range.start() <= at;
            const address end = !m ? range.end() : mapped ? m->range.end() : m->range.start();
            gaps_.push_back(
                {{at, std::min(end, range.end())}, mapped ? gap_reason::no_permission : gap_reason::unmapped});
        }
    }

    const process who_;
    const core_options& options_;
    std::optional<pause_guard> pause_;
    core_image image_;
    std::vector<address_range> dumped_;
    std::vector<memory_gap> gaps_;
};

}  // namespace

core_summary write_core(const process& who, std::ostream& out, const core_options& options) {
    core_stream stream(out);
    return told_from_exec(who, [&] { return writing(who, options).to(stream); });
}

core_summary write_core(const process& who, const std::filesystem::path& path, const core_options& options) {
    core_sparse_file file(path);
    core_summary summary = told_from_exec(who, [&] { return writing(who, options).to(file); });
    file.finish();
    return summary;
}

}  // namespace vmio
