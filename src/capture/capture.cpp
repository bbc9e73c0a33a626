// SPDX-License-Identifier: BSL-1.0
/// process_snapshot::capture().
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <vmio/pause_guard.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/smaps.hpp>

#include "base/range_set.hpp"
#include "capture/capture_access.hpp"
#include "capture/capture_walk.hpp"
#include "capture/process_snapshot_state.hpp"
#include "freeze/frozen_target.hpp"
#include "process/opening_error.hpp"
#include "process/pause_access.hpp"
#include "process/proc_file.hpp"
#include "process/process_info.hpp"

namespace vmio {
namespace {

using detail::capture_walk;
using detail::captured;

std::vector<address_range> served_ranges(const process& target) {
    std::vector<address_range> served;
    for (const smaps_entry& m : read_smaps(target))
        if (detail::is_served(m)) served.push_back(m.range);
    return served;
}

/// `pause`: null without one.
detail::capture_record begun(const process& target, const pause_guard* pause) {
    detail::capture_record record;
    record.time = std::chrono::system_clock::now();
    record.paused = pause != nullptr;
    static_cast<detail::process_info&>(record) = detail::read_process_info(target, pause);
    return record;
}

/// Captures the target itself, under a pause if that is asked for.
captured capture_once(const process_memory& memory, const capture_options& options, std::vector<address_range> served) {
    const detail::held_pages none;
    std::optional<pause_guard> pause;
    if (options.pause) pause.emplace(memory.target(), options.pause_limits);
    const pause_guard* const held = pause ? &*pause : nullptr;
    detail::capture_record record = begun(memory.target(), held);
    capture_walk walk(memory, options, held, none, std::move(served));
    walk.run();
    if (pause) {
        pause->resume();
        record.pause_time = detail::pause_access::duration(*pause);
    }
    return walk.finish(std::move(record));
}

captured capture_once_or_twice(const process_memory& memory, const capture_options& options) {
    try {
        return capture_once(memory, options, {});
    } catch (const memory_error& e) {
        if (!options.pause || e.code().value() != EDEADLK) throw;
        std::vector<address_range> served = served_ranges(memory.target());
        if (served.empty()) throw;
        return capture_once(memory, options, std::move(served));
    }
}

captured capture_frozen(const process_memory& memory, const capture_options& options) {
    source_options sources = options.regions;
    if (!options.ranges.empty())
        sources.wanted = [&, chosen = detail::chosen_ranges(options)](const mapping& m) {
            return detail::overlaps(chosen, m.range) && (!options.regions.wanted || options.regions.wanted(m));
        };
    std::string refusal;
    const auto frozen =
        detail::frozen_target::make(memory.target(), options.pause_limits, options.frozen_shared, sources, refusal);
    if (!frozen) {
        capture_options paused = options;
        paused.pause = true;
        captured all = capture_once_or_twice(memory, paused);
        all.record.refusal = std::move(refusal);
        return all;
    }
    detail::capture_record record;
    static_cast<detail::process_info&>(record) = frozen->info();
    record.time = frozen->time();
    record.paused = true;
    record.frozen_copy = true;
    const process_memory copy = frozen->reading([&] { return process_memory(frozen->copy(), memory.options()); });
    capture_walk walk(copy, options, nullptr, frozen->held(), {});
    frozen->reading([&] { walk.run(); });
    record.pause_time = frozen->end();
    return walk.finish(std::move(record));
}

}  // namespace

process_snapshot process_snapshot::capture(const process& target, const capture_options& options) {
    return capture(detail::told_from_exec(target, [&] { return process_memory(target); }), options);
}

process_snapshot process_snapshot::capture(const process_memory& memory, const capture_options& options) {
    captured all = detail::told_from_exec(memory.target(), [&] {
        return options.frozen_copy ? capture_frozen(memory, options) : capture_once_or_twice(memory, options);
    });
    return state::holding(std::move(all.record), std::move(all.layout), std::move(all.file));
}

process_snapshot detail::capture_access::capture_under(const pause_guard& pause, const process_memory& memory,
                                                       const capture_options& options) {
    const held_pages none;
    capture_record record = begun(memory.target(), &pause);
    capture_walk walk(memory, options, &pause, none, {});
    walk.run();
    captured all = walk.finish(std::move(record));
    return process_snapshot::state::holding(std::move(all.record), std::move(all.layout), std::move(all.file));
}

}  // namespace vmio
