// SPDX-License-Identifier: BSL-1.0
#include <vmio/write_core.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include <vmio/memory_map.hpp>
#include <vmio/page_map.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/region_reader.hpp>
#include <vmio/smaps.hpp>

#include "base/gap_set.hpp"
#include "base/range_set.hpp"
#include "core/core_writer.hpp"
#include "maps/query_mapping.hpp"
#include "process/check_program.hpp"
#include "process/proc_file.hpp"
#include "process/process_info.hpp"
#include "walk/region_reader_state.hpp"
#include "walk/region_source.hpp"

namespace vmio {
namespace {

constexpr std::size_t chunk_size = std::size_t{1} << 20;

/// Whether a mapping whose protection forbids reading has something to be read; judged as by the kernel and gcore.
/// Others are reserved, or lie between the parts of a library.
bool holds_data(const page_map& pages, const mapping& m) {
    if (m.file_backed() && (m.deleted || m.perms.write || m.perms.execute)) return true;
    if (m.perms.shared) return !m.file_backed();
    const page_state wanted = m.file_backed() ? page_state::changed : page_state::data;
    bool any = false;
    pages.scan(m.range, wanted, [&any](const page_run&) {
        any = true;
        return false;
    });
    return any;
}

class writing {
public:
    writing(const process& target, const core_options& options) : target_(target), options_(options) {
        if (options.pause) pause_.emplace(target, options.pause_limits);
        static_cast<detail::process_info&>(image_) = detail::read_process_info(target, pause_ ? &*pause_ : nullptr);
        choose(memory_map::load(target, options.pause ? memory_map_check::none : memory_map_check::gaps));
    }

    core_summary to(detail::core_sink& out) {
        core_summary summary;
        detail::core_writer writer(image_, out, options_.progress);
        read(writer);
        detail::check_program(target_, "write of a core file");
        summary.size = writer.finish();
        summary.threads = image_.threads.size();
        detail::join(gaps_);
        summary.gaps = std::move(gaps_);
        return summary;
    }

private:
    /// Selects the parts of the mappings whose bytes are written to the file.
    void choose(const memory_map& map) {
        image_.mappings.assign(map.begin(), map.end());
        if (map.empty()) return;
        const address_range all(map.begin()->range.start(), (map.end() - 1)->range.end());
        std::vector<address_range> dontdump;
        for (const smaps_entry& m : read_smaps(target_, all)) {
            if (options_.skip_dontdump && m.flags.has("dd")) dontdump.push_back(m.range);
            if (detail::is_served(m)) served_.push_back(m.range);
        }
        std::error_code ec;
        const page_map pages(target_, ec);
        std::vector<address_range> guards;  // without a page map, the read detects them
        if (!ec) pages.scan(all, page_state::guard, [&](const page_run& run) { guards.push_back(run.range); });
        auto guard = guards.begin();
        source_options sources;
        sources.read_protected = options_.read_protected;
        for (const mapping& m : map) {
            if (!detail::is_region(target_, m, sources) || (!m.perms.read && (ec || !holds_data(pages, m)))) {
                leave_out({m.range, m.perms.read ? gap_reason::input_output : gap_reason::no_permission});
            } else if (detail::overlaps(dontdump, m.range) || (options_.wanted && !options_.wanted(m))) {
                leave_out({m.range, gap_reason::not_dumped});
            } else if (!ec && !m.perms.shared && detail::overlaps(served_, m.range)) {
                dumped_.push_back(m.range);
                leave_out_absent(pages, m.range);
            } else {
                dumped_.push_back(m.range);
                while (guard != guards.end() && guard->end() <= m.range.start()) ++guard;
                for (auto g = guard; g != guards.end() && g->start() < m.range.end(); ++g)
                    leave_out({g->intersection(m.range), gap_reason::guard_page});
            }
        }
    }

    /// Leaves out what a handler of page faults would have to bring, which is not zero.
    void leave_out_absent(const page_map& pages, const address_range& range) {
        address at = range.start();
        pages.scan(range, page_state::data | page_state::guard, [&](const page_run& run) {
            const address_range part = run.range.intersection(range);
            if (at < part.start()) leave_out({{at, part.start()}, gap_reason::input_output});
            if (has(run.state, page_state::guard)) leave_out({part, gap_reason::guard_page});
            at = part.end();
        });
        if (at < range.end()) leave_out({{at, range.end()}, gap_reason::input_output});
    }

    void leave_out(const memory_gap& gap) {
        gaps_.push_back(gap);
        image_.left_out.push_back(gap.range);
    }

    void read(detail::core_writer& to) {
        region_options how;
        how.chunk_size = chunk_size;
        how.read_protected = options_.read_protected;
        how.wanted = [this](const mapping& m) { return detail::overlaps(dumped_, m.range); };
        region_reader reader(target_, how);
        detail::region_reader_access::keep_to_resident(reader, served_);
        std::vector<address_range> passed;
        while (reader.next()) {
            detail::append(passed, reader.range());
            const std::span<const std::byte> bytes = reader.fetch();
            if (pause_) pause_->check();
            const address start = reader.range().start();
            address at = start;
            for (const address_range& zeros : reader.untouched()) {
                if (at < zeros.start()) to.put(at, bytes.subspan(at - start, zeros.start() - at));
                at = zeros.end();
            }
            if (at < reader.range().end()) to.put(at, bytes.subspan(at - start));
            for (const memory_gap& gap : reader.memory_gaps())
                if (gap.reason != gap_reason::guard_page) gaps_.push_back(gap);
        }
        const std::vector<address_range> vanished = detail::without(detail::without(dumped_, image_.left_out), passed);
        if (vanished.empty()) return;
        std::optional<memory_map> list;
        for (const address_range& part : vanished) add_vanished(list, part);
    }

    /// Adds gaps for a range that the reader did not reach, because it was unmapped or made unreadable meanwhile.
    void add_vanished(std::optional<memory_map>& list, const address_range& range) {
        for (address at = range.start(); at < range.end(); at = gaps_.back().range.end()) {
            const auto m = detail::query_mapping(target_, at, list);
            const bool mapped = m && m->range.start() <= at;
            const address end = !m ? range.end() : mapped ? m->range.end() : m->range.start();
            gaps_.push_back(
                {{at, std::min(end, range.end())}, mapped ? gap_reason::no_permission : gap_reason::unmapped});
        }
    }

    const process target_;
    const core_options& options_;
    std::optional<pause_guard> pause_;
    detail::core_image image_;
    std::vector<address_range> dumped_;
    std::vector<address_range> served_;
    std::vector<memory_gap> gaps_;
};

}  // namespace

core_summary write_core(const process& target, std::ostream& out, const core_options& options) {
    detail::stream_core_sink stream(out);
    return detail::told_from_exec(target, [&] { return writing(target, options).to(stream); });
}

core_summary write_core(const process& target, const std::filesystem::path& path, const core_options& options) {
    detail::file_core_sink file(path);
    core_summary summary = detail::told_from_exec(target, [&] { return writing(target, options).to(file); });
    file.finish();
    return summary;
}

}  // namespace vmio
