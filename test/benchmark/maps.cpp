// SPDX-License-Identifier: BSL-1.0
/// The maps of a process that has 10,000 mappings, every fourth from a file.
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include <fcntl.h>
#include <vmio/memory_map.hpp>
#include <vmio/query_mapping.hpp>

#include "target.hpp"

namespace {

constexpr std::size_t count = 10000;

void map_many() {
    const std::size_t page = vmio::page_size();
    const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    auto* const start =
        static_cast<char*>(::mmap(nullptr, count * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    test::must(file >= 0 && start != MAP_FAILED, "mmap");
    for (std::size_t i = 0; i < count; ++i) {
        char* const at = start + i * page;
        if (i % 4 == 0)
            test::must(::mmap(at, page, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0) == at, "mmap");
        else if (i % 2 == 1)
            test::must(::mprotect(at, page, PROT_READ | PROT_WRITE) == 0, "mprotect");
    }
}

const vmio::process& mapped_target() {
    static const test::child_process child(map_many);
    static const vmio::process target(child.id());
    return target;
}

/// The whole text, by whoever wants nothing but the text.
std::string_view read_text(std::vector<char>& buffer) {
    const int maps = ::openat(mapped_target().proc_directory(), "maps", O_RDONLY | O_CLOEXEC);
    std::size_t used = 0;
    while (const ssize_t got = ::read(maps, buffer.data() + used, buffer.size() - used)) {
        if (got < 0) break;
        used += static_cast<std::size_t>(got);
    }
    ::close(maps);
    return {buffer.data(), used};
}

std::vector<char> room() {
    return std::vector<char>(std::size_t{4} << 20);
}

void reading_alone(benchmark::State& state) {
    std::vector<char> buffer = room();
    for (auto _ : state) bench::check(state, read_text(buffer).size() > 40 * count, "short");
}

void load(benchmark::State& state) {
    for (auto _ : state) bench::check(state, vmio::memory_map::load(mapped_target()).size() > count, "short");
}

void parse(benchmark::State& state) {
    std::vector<char> buffer = room();
    const std::string_view text = read_text(buffer);
    for (auto _ : state) bench::check(state, vmio::memory_map::from_text(text).size() > count, "short");
}

/// What anybody would write first, into the same mappings.
void parse_by_sscanf(benchmark::State& state) {
    std::vector<char> buffer = room();
    const std::string text(read_text(buffer));
    for (auto _ : state) {
        std::vector<vmio::mapping> list;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t newline = text.find('\n', at);
            const std::string line = text.substr(at, newline - at);
            unsigned long start, end, offset, inode;
            unsigned device_major, device_minor;
            char perms[5];
            int name = 0;
            if (std::sscanf(line.c_str(), "%lx-%lx %4s %lx %x:%x %lu %n", &start, &end, perms, &offset, &device_major,
                            &device_minor, &inode, &name) == 7)
                list.push_back({{start, end},
                                {perms[0] == 'r', perms[1] == 'w', perms[2] == 'x', perms[3] == 's'},
                                offset,
                                device_major,
                                device_minor,
                                inode,
                                line.substr(static_cast<std::size_t>(name)),
                                false});
            at = newline + 1;
        }
        bench::check(state, list.size() > count, "short");
    }
}

/// Addresses in mappings, in no order.
std::vector<vmio::address> some_addresses(const vmio::memory_map& map) {
    std::mt19937 random(1);
    std::vector<vmio::address> addresses(4096);
    for (vmio::address& a : addresses) a = map.begin()[random() % map.size()].range.start();
    return addresses;
}

void find(benchmark::State& state) {
    const vmio::memory_map map = vmio::memory_map::load(mapped_target());
    const std::vector<vmio::address> addresses = some_addresses(map);
    std::size_t i = 0;
    for (auto _ : state) benchmark::DoNotOptimize(map.find(addresses[i++ % addresses.size()]));
}

void query(benchmark::State& state) {
    const vmio::memory_map map = vmio::memory_map::load(mapped_target());
    const std::vector<vmio::address> addresses = some_addresses(map);
    std::size_t i = 0;
    std::error_code ec;
    for (auto _ : state)
        benchmark::DoNotOptimize(query_mapping(mapped_target(), addresses[i++ % addresses.size()],
                                               vmio::mapping_lookup::next_after, {}, ec));
    bench::check(state, !ec, "the query failed");
}

BENCHMARK(reading_alone)->Name("maps/reading_alone");
BENCHMARK(load)->Name("maps/load");
BENCHMARK(parse)->Name("maps/parse");
BENCHMARK(parse_by_sscanf)->Name("maps/parse_by_sscanf");
BENCHMARK(find)->Name("maps/find");
BENCHMARK(query)->Name("maps/query");

}  // namespace
