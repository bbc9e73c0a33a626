// SPDX-License-Identifier: BSL-1.0
/// Writing a captured process as a core file.
#include <algorithm>
#include <ostream>

#include <vmio/process_snapshot.hpp>

#include "base/gap_set.hpp"
#include "base/range_set.hpp"
#include "capture/process_snapshot_state.hpp"
#include "core/core_writer.hpp"
#include "walk/region_source.hpp"

namespace vmio {
namespace {

constexpr std::size_t core_buffer_size = std::size_t{1} << 18;

gap_reason why_not_captured(const mapping& m) {
    return !m.perms.read           ? gap_reason::no_permission
           : !detail::is_region(m) ? gap_reason::input_output
                                   : gap_reason::not_dumped;
}

/// The ranges that are mapped and were not captured. `known`: the gaps of the capture.
std::vector<memory_gap> gaps_of(const memory_map& map, detail::range_span captured, std::span<const memory_gap> known) {
    std::vector<memory_gap> gaps;
    auto next = known.begin();
    for (const mapping& m : map)
        for (address_range rest : detail::without({&m.range, 1}, captured)) {
            while (next != known.end() && next->range.end() <= rest.start()) ++next;
            for (auto gap = next; gap != known.end() && gap->range.start() < rest.end(); ++gap) {
                const address_range part = rest.intersection(gap->range);
                if (rest.start() < part.start()) gaps.push_back({{rest.start(), part.start()}, why_not_captured(m)});
                gaps.push_back({part, gap->reason});
                rest = {part.end(), rest.end()};
            }
            if (!rest.empty()) gaps.push_back({rest, why_not_captured(m)});
        }
    detail::join(gaps);
    return gaps;
}

core_summary write(const process_snapshot& from, const detail::process_info& info, detail::core_sink& out,
                   const core_progress& progress) {
    detail::core_image image{info, {from.map().begin(), from.map().end()}, {}};
    core_summary summary;
    summary.threads = image.threads.size();
    summary.gaps = gaps_of(from.map(), from.ranges(), from.gaps());
    for (const memory_gap& gap : summary.gaps) image.left_out.push_back(gap.range);
    detail::core_writer writer(image, out, progress);
    std::vector<std::byte> buffer(core_buffer_size);
    for (address_range rest : from.stored())
        while (!rest.empty()) {
            const address_range step = rest.part(0, std::min<std::uint64_t>(rest.size(), buffer.size()));
            const std::span<std::byte> bytes = std::span(buffer).first(static_cast<std::size_t>(step.size()));
            from.read(step.start(), bytes);
            writer.put(step.start(), bytes);
            rest = {step.end(), rest.end()};
        }
    summary.size = writer.finish();
    return summary;
}

}  // namespace

core_summary process_snapshot::save_core(std::ostream& out, const core_progress& progress) const {
    detail::stream_core_sink stream(out);
    return write(*this, state_->record, stream, progress);
}

core_summary process_snapshot::save_core(const std::filesystem::path& path, const core_progress& progress) const {
    detail::file_core_sink file(path);
    core_summary summary = write(*this, state_->record, file, progress);
    file.finish();
    return summary;
}

}  // namespace vmio
