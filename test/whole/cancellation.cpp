// SPDX-License-Identifier: BSL-1.0
/// A thread that is cancelled in the middle of any operation does not end the program: no noexcept function of the
/// library is unwound.
#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>

#include <boost/test/unit_test.hpp>

#include <vmio/access.hpp>
#include <vmio/backing_file.hpp>
#include <vmio/block_scanner.hpp>
#include <vmio/build_id.hpp>
#include <vmio/core_memory.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/page_map.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/process_vm_stream.hpp>
#include <vmio/query_mapping.hpp>
#include <vmio/read_past_gaps.hpp>
#include <vmio/search.hpp>
#include <vmio/smaps.hpp>
#include <vmio/snapshot.hpp>
#include <vmio/snapshot_diff.hpp>
#include <vmio/write_core.hpp>

#include "processes/child.hpp"
#include "support/mapped.hpp"
#include "support/scratch.hpp"

using vmio::process;
using vmio::process_memory;

namespace {

struct looping {
    std::function<void()> operation;
    std::atomic<unsigned long> done{0};
    std::atomic<bool> over{false};
    std::atomic<bool> ended{false};
};

/// Its destructor runs when the thread finishes, and when a cancellation unwinds it.
struct end_mark {
    looping& loop;
    ~end_mark() { loop.ended = true; }
};

void* run(void* argument) {
    auto& loop = *static_cast<looping*>(argument);
    const end_mark mark{loop};
    while (!loop.over) {
        loop.operation();
        ++loop.done;
    }
    return nullptr;
}

/// Cancels threads that do nothing else; each ends by the cancellation or, where there is no cancellation point,
/// carries on. What ends the program is seen by whoever waits for it.
void cancel_in(const std::function<void()>& operation) {
    for (int round = 0; round < 5; ++round) {
        looping loop{operation};
        pthread_t thread;
        test::must(::pthread_create(&thread, nullptr, run, &loop) == 0, "pthread_create");
        while (loop.done == 0) std::this_thread::yield();
        test::must(::pthread_cancel(thread) == 0, "pthread_cancel");
        for (const unsigned long before = loop.done; !loop.ended && loop.done < before + 2;) std::this_thread::yield();
        loop.over = true;
        test::must(::pthread_join(thread, nullptr) == 0, "pthread_join");
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_cancelled_thread_does_not_end_the_program) {
    static const test::mapped area(64);
    static const vmio::address start = vmio::address_of(area.data());
    const vmio::address_range range(start, start + 4 * vmio::page_size());
    static const test::scratch_directory directory;
    const std::filesystem::path saved = std::filesystem::path(directory.path()) / "saved";
    const std::filesystem::path core = std::filesystem::path(directory.path()) / "core";
    const test::child_process child;
    const process target(child.id());
    const process_memory memory(target);
    const process_memory by_mem(target, {.method = vmio::transfer_method::proc_mem});
    const vmio::memory_map map = vmio::memory_map::load(target);
    const vmio::mapping code = *map.find(vmio::address_of(reinterpret_cast<const void*>(&run)));
    const vmio::snapshot bytes = vmio::snapshot::zeroed(3 * vmio::page_size());
    vmio::capture_options little;
    little.ranges = {range};
    vmio::capture_options paused = little;
    paused.pause = true;
    const auto frozen = vmio::process_snapshot::capture(target, little);
    const vmio::source_options few{.within = range};
    std::vector<vmio::memory_block> blocks(20000, vmio::memory_block{start, 16});
    const process_memory with_threads(target, {.threads = 2});
    vmio::search_options by_threads;
    by_threads.threads = 3;
    by_threads.regions = few;
    vmio::search_options alone;
    alone.regions = few;
    vmio::core_options only_code;
    only_code.wanted = [&](const vmio::mapping& m) { return m.range == code.range; };
    vmio::write_core(target, core, only_code);
    bytes.save(saved);
    const vmio::byte_pattern pattern = vmio::byte_pattern::text("not there");

    const std::map<std::string, std::function<void()>> operations{
        {"open", [&] { const process again(child.id()); }},
        {"alive", [&] { (void)(target.alive() && target.same_program()); }},
        {"diagnosis", [&] { vmio::diagnose_access(child.id()); }},
        {"read", [&] { (void)memory.read_value<long>(start); }},
        {"write", [&] { memory.write_value(start, 1L); }},
        {"read by mem", [&] { (void)by_mem.read_value<long>(start); }},
        {"write by mem", [&] { by_mem.write_value(start, 1L); }},
        {"read by threads",
         [&] {
             static std::vector<std::byte> to(std::size_t{32} << 20);
             std::error_code ec;
             with_threads.read_some(start, to, ec);
         }},
        {"stream",
         [&] {
             vmio::process_vm_stream stream(memory, start);
             stream.write_value(stream.read_value<long>());
             stream.flush();
         }},
        {"map", [&] { vmio::memory_map::load(target); }},
        {"query", [&] { vmio::query_mapping(target, start); }},
        {"pages", [&] { vmio::scan_pages(target, range); }},
        {"smaps", [&] { vmio::read_smaps(target); }},
        {"build id", [&] { vmio::build_id(target, code); }},
        {"backing file", [&] { vmio::backing_file(target, code); }},
        {"search", [&] { vmio::search(memory, pattern, alone); }},
        {"search by threads", [&] { vmio::search(memory, pattern, by_threads); }},
        {"blocks", [&] { vmio::scan_blocks(with_threads, blocks); }},
        {"pause", [&] { vmio::pause_guard(target).registers(); }},
        {"capture", [&] { vmio::process_snapshot::capture(target, little); }},
        {"paused capture", [&] { vmio::process_snapshot::capture(target, paused); }},
        {"difference", [&] { vmio::diff(frozen, memory); }},
        {"core", [&] { vmio::write_core(target, core, only_code); }},
        {"core to a stream",
         [&] {
             std::ostringstream to;
             vmio::write_core(target, to, only_code);
         }},
        {"opened core", [&] { vmio::core_memory::open(core); }},
        {"snapshot", [&] { vmio::snapshot::from_bytes(std::as_bytes(std::span("bytes"))); }},
        {"view", [&] { bytes.view().restore(); }},
        {"saved", [&] { bytes.save(saved); }},
        {"loaded", [&] { vmio::snapshot::load(saved); }},
        {"from a file", [&] { vmio::snapshot::from_file(saved); }},
    };
    for (const auto& [name, operation] : operations)
        BOOST_TEST(test::in_a_process([&operation = operation] {
                       cancel_in(operation);
                       return 0;
                   }) == 0,
                   name);
}
