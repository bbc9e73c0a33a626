// SPDX-License-Identifier: BSL-1.0
/// What is kept of a process, with a failure at each place where that can fail.
#include <cerrno>
#include <cstring>
#include <sstream>

#include <sys/mman.h>

#include <boost/test/unit_test.hpp>

#include <vmio/core_memory.hpp>
#include <vmio/memory_stream.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/snapshot.hpp>
#include <vmio/snapshot_diff.hpp>
#include <vmio/write_core.hpp>

#include "faults/fault_trials.hpp"
#include "support/files.hpp"
#include "support/snapshots.hpp"

using namespace vmio;
using namespace test;

namespace {

const std::size_t page = page_size();

// ---- snapshots ----

/// Five pages and a bit.
const std::vector<std::byte>& some_bytes() {
    static const std::vector<std::byte> bytes = pattern_bytes(5 * page + 100);
    return bytes;
}

outcome make_zeros(const fault_scene&) {
    const snapshot made = with_faults([] { return snapshot::zeroed(3 * page + 1); });
    expect(bytes_of(made) == std::vector<std::byte>(3 * page + 1), "zeros");
    return outcome::done;
}

outcome copy_bytes(const fault_scene&) {
    const snapshot made = with_faults([] { return snapshot::from_bytes(some_bytes()); });
    expect(bytes_of(made) == some_bytes(), "the bytes");
    return outcome::done;
}

outcome copy_a_file(const fault_scene& s) {
    const snapshot made = with_faults([&] { return snapshot::from_file(s.saved); });
    expect(bytes_of(made) == read_file(s.saved), "the file");
    const snapshot endless = with_faults([&] { return snapshot::from_file("/proc/self/cmdline"); });
    expect(bytes_of(endless) == read_file("/proc/self/cmdline"), "the file that does not tell its size");
    return outcome::done;
}

outcome clone(const fault_scene&) {
    snapshot original = snapshot::from_bytes(some_bytes());
    const snapshot shared = with_faults([&] { return original.clone(); });
    mutable_view writer = original.view_mutable();
    const snapshot copied = with_faults([&] { return original.clone(); });
    writer[0] = ~writer[0];
    expect(bytes_of(shared) == some_bytes() && bytes_of(copied) == some_bytes(), "independent");
    return outcome::done;
}

outcome save(const fault_scene& s) {
    const snapshot original = snapshot::from_bytes(some_bytes());
    with_faults([&] { original.save(s.saved); });
    expect(bytes_of(snapshot::load(s.saved)) == some_bytes(), "the bytes");
    return outcome::done;
}

outcome load(const fault_scene& s) {
    const std::string path = s.other / "snapshot";
    snapshot::from_bytes(some_bytes()).save(path);
    const snapshot loaded = with_faults([&] { return snapshot::load(path); });
    expect(bytes_of(loaded) == some_bytes(), "the bytes");
    return outcome::done;
}

outcome read_by_a_stream(const fault_scene&) {
    const snapshot original = snapshot::from_bytes(some_bytes());
    std::vector<std::byte> bytes(original.size());
    const bool good = with_faults([&] {
        memory_istream<snapshot> stream(original, address_range(0, original.size()));
        stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        return stream.good();
    });
    if (!good) return outcome::told;
    expect(bytes == some_bytes(), "the bytes");
    return outcome::done;
}

// ---- views ----

using runs = std::vector<changed_run>;

/// A view with changes on pages 1 and 2, and what it must be like until something has changed it with success.
struct changed_view {
    snapshot original = snapshot::from_bytes(some_bytes());
    cow_view view = original.view();
    std::vector<std::byte> bytes = some_bytes();
    const runs changes{{page, 2 * page}};

    changed_view() {
        for (const std::size_t at : {page, 2 * page + 5}) view[at] = bytes[at] = ~bytes[at];
    }

    bool holds_changes() const {
        return equal(view.bytes(), bytes) && view.changed() == changes && view.changed(change::different) == changes;
    }
    bool holds_original() const { return equal(view.bytes(), some_bytes()) && view.changed(change::different).empty(); }

    /// What fails must leave the view as it was.
    template <class F>
    auto with_faults(F&& f) {
        try {
            return test::with_faults(f);
        } catch (...) {
            expect(holds_changes(), "as it was, after a failure");
            throw;
        }
    }
};

outcome see_changes(const fault_scene&) {
    changed_view v;
    const auto [written, different] =
        v.with_faults([&] { return std::pair(v.view.changed(), v.view.changed(change::different)); });
    expect(written == v.changes && different == v.changes, "the changes");
    return outcome::done;
}

outcome restore(const fault_scene&) {
    changed_view v;
    try {
        with_faults([&] { v.view.restore(); });
    } catch (...) {
        v.view.restore();
        expect(v.holds_original(), "restored by a second try");
        throw;
    }
    expect(v.holds_original() && v.view.changed().empty(), "the original");
    return outcome::done;
}

/// Of many pages, which are not copied back one by one.
outcome restore_all(const fault_scene&) {
    const snapshot original = snapshot::zeroed(600 * page);
    cow_view view = original.view();
    for (std::size_t at = 0; at < view.size(); at += page) view[at] = std::byte{1};
    with_faults([&] { view.restore(); });
    expect(all_equal(view.bytes(), std::byte{0}) && view.changed().empty(), "the original");
    return outcome::done;
}

outcome restore_a_part(const fault_scene&) {
    changed_view v;
    with_faults([&] { v.view.restore(page, page); });
    expect(v.view.changed(change::different) == runs{{2 * page, page}}, "one change less");
    return outcome::done;
}

outcome take_snapshot(const fault_scene&) {
    changed_view v;
    const snapshot first = v.with_faults([&] { return v.view.take_snapshot(); });
    expect(bytes_of(first) == v.bytes && v.holds_changes(), "the bytes of the view");
    // Of bytes that are not for reading.
    v.view.protect(0, page, protection::none);
    const snapshot second = with_faults([&] { return v.view.take_snapshot(); });
    expect(bytes_of(second) == v.bytes, "the bytes of the view");
    return outcome::done;
}

outcome commit(const fault_scene&) {
    changed_view v;
    const snapshot taken = v.with_faults([&] { return v.view.commit(); });
    expect(bytes_of(taken) == v.bytes && equal(v.view.bytes(), v.bytes) && v.view.changed().empty(), "committed");
    // Once more, and back to there.
    v.view[0] = ~v.view[0];
    with_faults([&] { v.view.restore(); });
    expect(equal(v.view.bytes(), v.bytes), "restored");
    return outcome::done;
}

outcome commit_many(const fault_scene&) {
    const snapshot original = snapshot::zeroed(100 * page);
    cow_view view = original.view();
    for (std::size_t at = 0; at < view.size(); at += page) view[at] = std::byte{1};
    const std::vector<std::byte> bytes(view.bytes().begin(), view.bytes().end());
    try {
        const snapshot taken = with_faults([&] { return view.commit(); });
        expect(bytes_of(taken) == bytes && view.changed().empty(), "committed");
    } catch (const wrong_result&) {
        throw;
    } catch (...) {
        expect(equal(view.bytes(), bytes) && view.changed() == runs{{0, 100 * page}}, "as it was, after a failure");
        throw;
    }
    expect(equal(view.bytes(), bytes), "the same bytes");
    return outcome::done;
}

outcome protect(const fault_scene&) {
    changed_view v;
    with_faults([&] { v.view.protect(page, page, protection::read); });
    v.view.restore();
    expect(v.holds_original(), "the original");
    v.view[page] = std::byte{1};
    return outcome::done;
}

outcome change_by_a_mutable_view(const fault_scene&) {
    snapshot original = snapshot::from_bytes(some_bytes());
    const cow_view before = original.view();
    std::vector<std::byte> bytes = some_bytes();
    bytes[7] = std::byte{1};
    {
        mutable_view writer = [&] {
            try {
                return with_faults([&] { return original.view_mutable(); });
            } catch (...) {
                original.view_mutable();  // not EBUSY
                expect(bytes_of(original) == some_bytes(), "as it was, after a failure");
                throw;
            }
        }();
        writer[7] = std::byte{1};
        const snapshot copy = with_faults([&] { return writer.take_snapshot(); });
        expect(bytes_of(copy) == bytes, "a copy");
    }
    expect(bytes_of(original) == bytes && equal(before.bytes(), some_bytes()), "changed from now on");
    return outcome::done;
}

// ---- captures ----

capture_options what_to_capture(const fault_scene& s, bool pause) {
    capture_options options;
    options.ranges = {s.constant.range(), s.file_bytes.range()};
    options.pause = pause;
    return options;
}

process_snapshot captured(const fault_scene& s) {
    return process_snapshot::capture(s.target(), what_to_capture(s, false));
}

/// Whether it holds what was to be captured, all of it.
bool is_complete(const fault_scene& s, const process_snapshot& kept) {
    std::vector<std::byte> bytes(s.file_bytes.size());
    kept.read(s.file_bytes.start(), bytes);
    if (std::memcmp(bytes.data(), s.file_bytes.data(), bytes.size()) != 0) return false;
    bytes.resize(s.constant.size());
    kept.read(s.constant.start(), bytes);
    return is_pattern(s.constant.start(), bytes) && kept.gaps().empty() && kept.process_id() == s.child.id() &&
           kept.map().find(s.constant.start()) != nullptr && !kept.program().empty() && !kept.arguments().empty() &&
           !kept.auxiliary_vector().empty();
}

outcome capture(const fault_scene& s) {
    const process target = s.target();
    const process_snapshot kept =
        with_faults([&] { return process_snapshot::capture(target, what_to_capture(s, false)); });
    expect(is_complete(s, kept) && !kept.paused(), "a capture");
    // The build ids that an unhindered capture has.
    static const process_snapshot other = captured(s);
    expect(kept.map().size() == other.map().size(), "all mappings");
    for (const mapping& m : kept.map())
        expect(equal(kept.build_id(m), other.build_id(*other.map().find(m.range.start()))), "all build ids");
    return outcome::done;
}

outcome capture_paused(const fault_scene& s) {
    const process target = s.target();
    const process_snapshot kept =
        with_faults([&] { return process_snapshot::capture(target, what_to_capture(s, true)); });
    expect(is_complete(s, kept) && kept.paused() && kept.threads().size() == 1, "a capture under a pause");
    return outcome::done;
}

outcome save_a_capture(const fault_scene& s) {
    const process_snapshot kept = captured(s);
    with_faults([&] { kept.save(s.saved); });
    expect(is_complete(s, process_snapshot::load(s.saved)), "a saved capture");
    return outcome::done;
}

outcome load_a_capture(const fault_scene& s) {
    const std::string path = s.other / "capture";
    captured(s).save(path);
    const process_snapshot loaded = with_faults([&] { return process_snapshot::load(path); });
    expect(is_complete(s, loaded), "a loaded capture");
    return outcome::done;
}

outcome view_a_capture(const fault_scene& s) {
    const process_snapshot kept = captured(s);
    const cow_view view = with_faults([&] { return kept.view(s.constant.range()); });
    expect(equal(view.bytes(), s.constant.bytes()), "the bytes");
    return outcome::done;
}

/// Everything that is captured is there; gaps are allowed.
bool is_core(const fault_scene& s, const core_memory& core) {
    std::vector<std::byte> bytes(s.constant.size());
    std::error_code ec;
    const std::size_t got = core.read_some(s.constant.start(), bytes, ec);
    return got == bytes.size() && is_pattern(s.constant.start(), bytes) && !core.cut_off() &&
           core.process_id() == s.child.id() && !core.program().empty() && core.mappings().size() > 10;
}

outcome save_a_core(const fault_scene& s) {
    const process_snapshot kept = captured(s);
    with_faults([&] { kept.save_core(s.saved); });
    expect(is_core(s, core_memory::open(s.saved)), "a core file");
    return outcome::done;
}

/// The outcome of writing a core file into a stream: all of it, or an exception.
template <class F>
outcome stream_a_core(const fault_scene& s, F&& write) {
    std::ostringstream out;
    with_faults([&] { write(out); });
    const std::string text = std::move(out).str();
    const std::string path = s.other / "core";
    write_file(path, std::as_bytes(std::span(text.data(), text.size())));
    expect(is_core(s, core_memory::open(path)), "a core file");
    return outcome::done;
}

outcome stream_a_core_of_a_capture(const fault_scene& s) {
    const process_snapshot kept = captured(s);
    return stream_a_core(s, [&](std::ostream& out) { kept.save_core(out); });
}

outcome write_back(const fault_scene& s) {
    capture_options options;
    options.ranges = {s.written.range()};
    const process_snapshot kept = process_snapshot::capture(s.target(), options);
    const process_memory memory = s.memory();
    const auto before = peek(s.child.id(), s.written.start(), s.written.size());
    memory.write_value(s.written.page(1) + 9, ~before[page + 9]);
    const write_back_result result = with_faults([&] { return kept.write_back(memory); });
    expect(result.failed.empty() && result.written > 0, "no failure");
    expect(peek(s.child.id(), s.written.start(), s.written.size()) == before, "all of it put back");
    return outcome::done;
}

outcome differ(const fault_scene& s) {
    capture_options options;
    options.ranges = {s.written.range()};
    const process_snapshot before = process_snapshot::capture(s.target(), options);
    const process_memory memory = s.memory();
    const address where = s.written.page(1) + 9;
    memory.write_value(where, ~memory.read_value<std::byte>(where));
    const process_snapshot after = process_snapshot::capture(s.target(), options);
    const std::vector<address_range> expected{address_range::of_size(where, 1)};
    expect(with_faults([&] { return diff(before, after); }) == expected, "the difference");
    expect(with_faults([&] { return diff(before, memory); }) == expected, "the difference");
    return outcome::done;
}

// ---- core files ----

core_options what_to_dump(const fault_scene& s, bool pause) {
    core_options options;
    options.pause = pause;
    options.wanted = [&](const mapping& m) {
        return m.range.overlaps(s.constant.range()) || m.range.overlaps(s.file_bytes.range());
    };
    return options;
}

outcome dump(const fault_scene& s) {
    const process target = s.target();
    const core_summary summary = with_faults([&] { return write_core(target, s.saved, what_to_dump(s, true)); });
    const core_memory core = core_memory::open(s.saved);
    expect(is_core(s, core) && summary.threads == 1 && core.threads().size() == 1, "a core file");
    return outcome::done;
}

outcome dump_into_a_stream(const fault_scene& s) {
    const process target = s.target();
    return stream_a_core(s, [&](std::ostream& out) { write_core(target, out, what_to_dump(s, false)); });
}

outcome open_a_core(const fault_scene& s) {
    const std::string path = s.other / "core";
    write_core(s.target(), path, what_to_dump(s, true));
    const core_memory core = with_faults([&] { return core_memory::open(path); });
    expect(is_core(s, core) && core.threads().size() == 1, "a core file");
    return outcome::done;
}

}  // namespace

const std::vector<test::fault_operation> test::fault_operations{
    {"snapshot::zeroed", make_zeros},
    {"snapshot::from_bytes", copy_bytes},
    {"snapshot::from_file", copy_a_file},
    {"snapshot::clone", clone},
    {"snapshot::save", save},
    {"snapshot::load", load},
    {"memory_istream over a snapshot", read_by_a_stream},
    {"cow_view::changed", see_changes},
    {"cow_view::restore", restore},
    {"cow_view::restore of many pages", restore_all},
    {"cow_view::restore of a part", restore_a_part},
    {"cow_view::take_snapshot", take_snapshot},
    {"cow_view::commit", commit},
    {"cow_view::commit of many pages", commit_many},
    {"cow_view::protect", protect},
    {"mutable_view", change_by_a_mutable_view},
    {"process_snapshot::capture", capture},
    {"process_snapshot::capture, queries forbidden", capture, without_queries},
    {"process_snapshot::capture under a pause", capture_paused},
    {"process_snapshot::save", save_a_capture},
    {"process_snapshot::load", load_a_capture},
    {"process_snapshot::view", view_a_capture},
    {"process_snapshot::save_core", save_a_core},
    {"process_snapshot::save_core into a stream", stream_a_core_of_a_capture},
    {"process_snapshot::write_back", write_back},
    {"diff", differ},
    {"write_core", dump},
    {"write_core into a stream", dump_into_a_stream},
    {"core_memory::open", open_a_core}};
