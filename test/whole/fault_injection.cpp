// SPDX-License-Identifier: BSL-1.0
/// Moving bytes of a living process, with a failure at each place where it can fail.
#include <cstring>

#include <boost/test/unit_test.hpp>

#include <vmio/access.hpp>
#include <vmio/block_scanner.hpp>
#include <vmio/cached_memory.hpp>
#include <vmio/error.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process_vm_stream.hpp>
#include <vmio/read_past_gaps.hpp>
#include <vmio/region_reader.hpp>
#include <vmio/search.hpp>

#include "faults/fault_trials.hpp"
#include "faults/seccomp.hpp"

using namespace vmio;
using namespace test;

namespace {

const std::size_t page = page_size();

outcome open_process(const fault_scene& s) {
    const process target = with_faults([&] { return process(s.child.id()); });
    expect(target.id() == s.child.id() && target.alive() && target.same_program(), "a process");
    return outcome::done;
}

outcome open_process_by_code(const fault_scene& s) {
    std::error_code ec;
    const process target = with_faults([&] { return process(s.child.id(), ec); });
    if (!target) return told_by(ec);
    expect(!ec && target.alive() && target.same_program(), "a process");
    return outcome::done;
}

outcome open_in_proc(const fault_scene& s) {
    const process target = with_faults([&] { return process::in_proc("/proc/" + std::to_string(s.child.id())); });
    expect(target.alive() && target.same_program(), "a process");
    return outcome::done;
}

outcome open_self(const fault_scene& s) {
    const process target = with_faults([] { return process::self(); });
    expect(process_memory(target).read_value<std::byte>(s.constant.start()) == pattern(s.constant.start()), "self");
    return outcome::done;
}

/// The constant pages by what `open` makes.
template <class Open>
outcome open_and_read(const fault_scene& s, Open&& open) {
    const process target = s.target();
    std::vector<std::byte> bytes(s.constant.size());
    const process_memory memory = with_faults([&] {
        process_memory m = open(target);
        m.read(s.constant.start(), bytes);
        return m;
    });
    expect(is_pattern(s.constant.start(), bytes), "the bytes that are there");
    return outcome::done;
}

outcome read_memory(const fault_scene& s) {
    return open_and_read(s, [](const process& target) { return process_memory(target); });
}

outcome read_memory_by_mem(const fault_scene& s) {
    return open_and_read(
        s, [](const process& target) { return process_memory(target, {.method = transfer_method::proc_mem}); });
}

outcome open_memory_by_code(const fault_scene& s) {
    const process target = s.target();
    std::error_code ec;
    const process_memory memory = with_faults([&] { return process_memory(target, {.force_write = true}, ec); });
    if (ec) return outcome::told;
    memory.write_value(s.written.start(), 1);
    return outcome::done;
}

outcome write_memory(const fault_scene& s) {
    const process_memory plain = s.memory();
    const process_memory forced(s.target(), {.force_write = true});
    const std::vector<std::byte> bytes(s.written.size(), std::byte{7});
    for (const process_memory& memory : {plain, forced}) {
        with_faults([&] { memory.write(s.written.start(), bytes); });
        expect(peek(s.child.id(), s.written.start(), bytes.size()) == bytes, "all bytes written");
    }
    return outcome::done;
}

outcome share_a_transfer(const fault_scene& s) {
    const process_memory memory(s.target(), {.threads = 3});
    std::vector<std::byte> bytes(s.large.size());
    std::error_code ec;
    const std::size_t got = with_faults([&] { return memory.read_some(s.large.start(), bytes, ec); });
    expect(got == bytes.size() && !ec, "all of it, by fewer threads");
    expect(std::memcmp(bytes.data(), s.large.data(), bytes.size()) == 0, "the bytes that are there");
    return outcome::done;
}

outcome read_string(const fault_scene& s) {
    const process_memory memory = s.memory();
    const std::string text = with_faults([&] { return memory.read_string(s.where_text_is(), 4 * page); });
    expect(text == s.text, "the text");
    return outcome::done;
}

outcome read_blocks(const fault_scene& s) {
    const process_memory memory = s.memory();
    std::vector<std::byte> bytes(20);
    const std::vector<remote_block> blocks{
        {s.constant.start(), std::span(bytes).first(10)}, {0, {}}, {s.constant.page(3), std::span(bytes).last(10)}};
    const std::vector<std::size_t> moved = with_faults([&] { return memory.read_blocks(blocks); });
    expect(moved == std::vector<std::size_t>{10, 0, 10}, "all blocks");
    expect(is_pattern(s.constant.start(), blocks[0].bytes) && is_pattern(s.constant.page(3), blocks[2].bytes),
           "the bytes that are there");
    return outcome::done;
}

outcome read_past_a_gap(const fault_scene& s) {
    const process_memory memory = s.memory();
    const address_range none{0, 2 * page};  // that nobody can map
    std::vector<std::byte> bytes(none.size());
    std::vector<memory_gap> gaps = with_faults([&] { return vmio::read_past_gaps(memory, none.start(), bytes); });
    expect(gaps == std::vector<memory_gap>{{none, gap_reason::unmapped}}, "a gap");
    bytes.resize(s.constant.size());
    gaps = with_faults([&] { return vmio::read_past_gaps(memory, s.constant.start(), bytes); });
    expect(gaps.empty() && is_pattern(s.constant.start(), bytes), "the bytes that are there");
    return outcome::done;
}

outcome use_a_device(const fault_scene& s) {
    char bytes[100];
    with_faults([&] {
        process_vm_device device(s.child.id(), s.constant.start());
        device.read(bytes, sizeof bytes);
        device.seek(static_cast<std::streamoff>(s.written.start()), std::ios::beg);
        device.write(bytes, sizeof bytes);
        device.close();
    });
    expect(is_pattern(s.constant.start(), std::as_bytes(std::span(bytes))), "the bytes that are there");
    expect(is_pattern(s.constant.start(), peek(s.child.id(), s.written.start(), sizeof bytes)), "all bytes written");
    return outcome::done;
}

outcome use_a_stream(const fault_scene& s) {
    char bytes[100];
    std::error_code why;
    const bool good = with_faults([&] {
        process_vm_stream stream(s.child.id(), s.constant.start());
        stream.read(bytes, sizeof bytes);
        stream.seekp(static_cast<std::streamoff>(s.written.start()));
        stream.write(bytes, sizeof bytes);
        stream.close();
        why = stream.last_error();
        return stream.good();
    });
    if (!good) return told_by(why);
    expect(is_pattern(s.constant.start(), std::as_bytes(std::span(bytes))), "the bytes that are there");
    expect(is_pattern(s.constant.start(), peek(s.child.id(), s.written.start(), sizeof bytes)), "all bytes written");
    return outcome::done;
}

outcome read_by_a_cache(const fault_scene& s) {
    const process_memory memory = s.memory();
    std::vector<std::byte> bytes(4 * page);
    std::error_code ec;
    const std::size_t got = with_faults([&] {
        const cached_memory cache(memory, 2 * page);
        std::size_t sum = 0;
        for (const std::size_t offset : {std::size_t{0}, page, std::size_t{10}, 3 * page})
            sum += cache.read_some(s.constant.start() + offset, std::span(bytes).subspan(offset, page), ec);
        return sum;
    });
    expect(got == 4 * page && is_pattern(s.constant.start(), std::span(bytes).first(2 * page)) &&
               is_pattern(s.constant.page(3), std::span(bytes).subspan(3 * page)),
           "the bytes that are there");
    return outcome::done;
}

outcome walk_regions(const fault_scene& s) {
    const process target = s.target();
    std::size_t right = 0;
    with_faults([&] {
        region_options options;
        options.chunk_size = 3 * page;
        options.overlap = 8;
        options.skip_dontdump = true;
        for (const address_range& range : {s.constant.range(), s.file_bytes.range()}) {
            options.within = range;
            for (region_reader& chunk : region_reader(target, options)) {
                const auto bytes = chunk.fetch();
                const bool all = bytes.size() == chunk.range().size() && chunk.gaps().empty();
                const bool same =
                    std::memcmp(bytes.data(), reinterpret_cast<const void*>(chunk.range().start()), bytes.size()) == 0;
                if (all && same) right += bytes.size();
            }
        }
    });
    expect(right == s.constant.size() + 2 * 8 + s.file_bytes.size() + 8, "all chunks");
    return outcome::done;
}

outcome scan_many_blocks(const fault_scene& s) {
    const process_memory memory(s.target(), {.threads = 2});
    std::vector<memory_block> wanted;
    for (std::size_t i = 0; i < 2 * 16384; ++i) wanted.push_back({s.constant.start() + i % s.constant.size(), 1});
    const block_scan results = with_faults([&] { return scan_blocks(memory, wanted, 16); });
    expect(results.size() == wanted.size(), "a result for each");
    for (const block_result& r : results)
        expect(!r.error && r.bytes.size() == 1 && r.bytes[0] == pattern(r.start), "the bytes that are there");
    return outcome::done;
}

outcome search_by(const fault_scene& s, unsigned threads) {
    const process_memory memory = s.memory();
    const byte_pattern wanted = byte_pattern::text(s.text);
    search_options options;
    options.regions.within = s.large.range();
    options.regions.skip_untouched = false;
    options.threads = threads;
    const auto found = with_faults([&] { return search(memory, wanted, options); });
    expect(found == std::vector<address>{s.where_text_is()}, "the place");
    return outcome::done;
}

outcome pause(const fault_scene& s) {
    const process target = s.target();
    std::vector<thread_registers> all;
    with_faults([&] {
        const pause_guard guard(target);
        all = guard.registers();
    });
    expect(all.size() == 1 && all[0].id == s.child.id() && !all[0].sets.empty(), "registers");
    return outcome::done;
}

/// What it finds, or that it cannot look.
outcome diagnose(const fault_scene& s, access_obstacle right) {
    const access_diagnosis found = with_faults([&] { return diagnose_access(s.child.id()); });
    if (found.obstacle != right) {
        expect(found.obstacle == access_obstacle::unknown && !found.text.empty(), "the obstacle");
        return outcome::told;
    }
    return outcome::done;
}

outcome make_an_error(const fault_scene& s) {
    const std::string text = with_faults([&] {
        const memory_error error("test", s.child.id(), 0, {EPERM, std::system_category()});
        const memory_error copy = error;
        return std::string(copy.what());
    });
    expect(text.find("test") != text.npos, "the words");
    return outcome::done;
}

void without_process_vm() {
    forbid_process_vm(EPERM);
}

}  // namespace

const std::vector<test::fault_operation> test::fault_operations{
    {"process", open_process},
    {"process by error_code", open_process_by_code},
    {"process::in_proc", open_in_proc},
    {"process::self", open_self},
    {"process_memory and read", read_memory},
    {"process_memory and read by /proc/PID/mem", read_memory_by_mem},
    {"process_memory and read, process_vm_readv forbidden", read_memory, without_process_vm},
    {"process_memory by error_code", open_memory_by_code},
    {"write", write_memory},
    {"a transfer by several threads", share_a_transfer},
    {"read_string", read_string},
    {"read_blocks", read_blocks},
    {"read_past_gaps", read_past_a_gap},
    {"read_past_gaps, queries forbidden", read_past_a_gap, without_queries},
    {"process_vm_device", use_a_device},
    {"process_vm_stream", use_a_stream},
    {"cached_memory", read_by_a_cache},
    {"region_reader", walk_regions},
    {"region_reader, queries forbidden", walk_regions, without_queries},
    {"scan_blocks by two threads", scan_many_blocks},
    {"search by one thread", [](const fault_scene& s) { return search_by(s, 1); }},
    {"search by two threads", [](const fault_scene& s) { return search_by(s, 2); }},
    {"pause_guard", pause},
    {"diagnose_access", [](const fault_scene& s) { return diagnose(s, access_obstacle::none); }},
    {"diagnose_access, process_vm_readv forbidden",
     [](const fault_scene& s) { return diagnose(s, access_obstacle::forbidden_call); }, without_process_vm},
    {"memory_error", make_an_error},
    {"memory_error, process_vm_readv forbidden", make_an_error, without_process_vm}};
