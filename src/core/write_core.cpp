// SPDX-License-Identifier: BSL-1.0
#include <vmio/write_core.hpp>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include <vmio/memory_map.hpp>
#include <vmio/page_map.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/region_reader.hpp>
#include <vmio/smaps.hpp>

#include "base/gap_set.hpp"
#include "base/range_set.hpp"
#include "core/core_writer.hpp"
#include "freeze/frozen_target.hpp"
#include "freeze/held_pages.hpp"
#include "maps/query_mapping.hpp"
#include "process/check_program.hpp"
#include "process/pause_access.hpp"
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

/// Writes the memory of a process, of which `info` and `held` are known already.
class writing {
public:
    /// `target`: the process or its frozen copy; `held`: memory that the copy lacks.
    writing(const process& target, const core_options& options, const pause_guard* pause, detail::process_info info,
            const detail::held_pages& held)
        : target_(target), options_(options), pause_(pause), image_{std::move(info), {}, {}}, held_(held) {
        const bool steady = pause != nullptr || options.frozen_copy;
        choose(memory_map::load(target, steady ? memory_map_check::none : memory_map_check::gaps));
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
        image_.mappings = detail::united({map.begin(), map.end()}, held_.mappings());
        if (map.empty()) return;
        const address_range all(map.begin()->range.start(), (map.end() - 1)->range.end());
        std::vector<address_range> dontdump = held_.dontdump();
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
        dontdump = detail::made_set(std::move(dontdump));
        for (const mapping& m : image_.mappings) {
            const bool held = detail::overlaps(held_.ranges(), m.range);
            const bool any = m.perms.read || (held ? held_.has_bytes_in(m.range) : !ec && holds_data(pages, m));
            if (!any || !detail::is_region(target_, m, sources)) {
                leave_out({m.range, m.perms.read ? gap_reason::input_output : gap_reason::no_permission});
            } else if (detail::overlaps(dontdump, m.range) || (options_.wanted && !options_.wanted(m))) {
                leave_out({m.range, gap_reason::not_dumped});
            } else if (held) {
                dumped_.push_back(m.range);
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
        how.wanted = [this](const mapping& m) {
            return detail::overlaps(dumped_, m.range) && !detail::overlaps(held_.ranges(), m.range);
        };
        region_reader reader(target_, how);
        detail::region_reader_access::keep_to_resident(reader, served_);
        std::vector<address_range> passed;
        auto held = held_.runs().begin();
        const auto put_held_below = [&](address end) {
            for (; held != held_.runs().end() && held->start < end; ++held) to.put(held->start, held->bytes);
        };
        while (reader.next()) {
            put_held_below(reader.range().start());
            detail::append(passed, reader.range());
            const std::span<const std::byte> bytes = reader.fetch();
            if (pause_ != nullptr) pause_->check();
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
        put_held_below(std::numeric_limits<address>::max());
        gaps_.insert(gaps_.end(), held_.gaps().begin(), held_.gaps().end());
        const std::vector<address_range> vanished =
            detail::without(detail::without(dumped_, image_.left_out), detail::united(passed, held_.ranges()));
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
    const pause_guard* const pause_;
    detail::core_image image_;
    const detail::held_pages& held_;
    std::vector<address_range> dumped_;
    std::vector<address_range> served_;
    std::vector<memory_gap> gaps_;
};

core_summary write_directly(const process& target, detail::core_sink& out, const core_options& options) {
    const detail::held_pages none;
    std::optional<pause_guard> pause;
    if (options.pause) pause.emplace(target, options.pause_limits);
    const pause_guard* const held = pause ? &*pause : nullptr;
    core_summary summary = writing(target, options, held, detail::read_process_info(target, held), none).to(out);
    if (pause) {
        pause->resume();
        summary.pause_time = detail::pause_access::duration(*pause);
    }
    return summary;
}

core_summary write_frozen(const process& target, detail::core_sink& out, core_options options) {
    source_options sources;
    sources.read_protected = options.read_protected;
    sources.skip_dontdump = options.skip_dontdump;
    sources.wanted = options.wanted;
    std::string refusal;
    const auto frozen =
        detail::frozen_target::make(target, options.pause_limits, options.frozen_shared, sources, refusal);
    if (!frozen) {
        options.frozen_copy = false;
        options.pause = true;
        core_summary summary = write_directly(target, out, options);
        summary.frozen_copy_refusal = std::move(refusal);
        return summary;
    }
    core_summary summary = frozen->reading(
        [&] { return writing(frozen->copy(), options, nullptr, frozen->info(), frozen->held()).to(out); });
    summary.pause_time = frozen->end();
    summary.frozen_copy = true;
    return summary;
}

core_summary write_to(const process& target, detail::core_sink& out, const core_options& options) {
    return detail::told_from_exec(target, [&] {
        return options.frozen_copy ? write_frozen(target, out, options) : write_directly(target, out, options);
    });
}

}  // namespace

core_summary write_core(const process& target, std::ostream& out, const core_options& options) {
    detail::stream_core_sink stream(out);
    return write_to(target, stream, options);
}

core_summary write_core(const process& target, const std::filesystem::path& path, const core_options& options) {
    detail::file_core_sink file(path, options.existing);
    core_summary summary = write_to(target, file, options);
    file.finish();
    return summary;
}

}  // namespace vmio
