// SPDX-License-Identifier: BSL-1.0
/// 100,000 blocks of 64 bytes, as a heap profiler reads them.
#include <algorithm>
#include <random>
#include <vector>

#include <sys/uio.h>
#include <vmio/block_scanner.hpp>

#include "target.hpp"

namespace {

using bench::the_target;

constexpr std::size_t count = 100000;
constexpr std::size_t size = 64;

enum class order { sorted, shuffled };

/// `a_page` of them on every page.
std::vector<vmio::memory_block> blocks(std::size_t a_page, order o) {
    std::vector<vmio::memory_block> list(count);
    const std::size_t step = vmio::page_size() / a_page;
    for (std::size_t i = 0; i < count; ++i) list[i] = {the_target().start() + i * step, size};
    if (o == order::shuffled) std::shuffle(list.begin(), list.end(), std::minstd_rand(1));
    return list;
}

void one_by_one(benchmark::State& state, std::size_t a_page, order o) {
    const auto list = blocks(a_page, o);
    for (auto _ : state) {
        char* to = the_target().here.data();
        for (const auto& b : list) {
            const iovec local{to, size};
            const iovec remote{reinterpret_cast<void*>(b.start), size};
            ::process_vm_readv(the_target().id(), &local, 1, &remote, 1, 0);
            to += size;
        }
    }
}

/// What a heap reader does that knows no batches: a call and a vector each.
void call_and_vector_each(benchmark::State& state, std::size_t a_page, order o) {
    const auto list = blocks(a_page, o);
    const vmio::process_memory memory{vmio::process(the_target().id())};
    for (auto _ : state) {
        std::vector<std::vector<std::byte>> results(count);
        std::error_code ec;
        for (std::size_t i = 0; i < count; ++i) {
            results[i].resize(size);
            results[i].resize(memory.read_some(list[i].start, results[i], ec));
        }
        bench::check(state, results[count - 1].size() == size, "short");
    }
}

/// As fast as the kernel is, as long as nobody sorts, merges, finds room, or wants to know what belongs to what.
void packed_by_hand(benchmark::State& state, std::size_t a_page, order o) {
    const auto list = blocks(a_page, o);
    std::vector<iovec> remote(count);
    for (auto _ : state) {
        for (std::size_t i = 0; i < count; ++i) remote[i] = {reinterpret_cast<void*>(list[i].start), size};
        for (std::size_t i = 0; i < count; i += IOV_MAX) {
            const std::size_t n = std::min<std::size_t>(IOV_MAX, count - i);
            const iovec local{the_target().here.data() + i * size, n * size};
            ::process_vm_readv(the_target().id(), &local, 1, &remote[i], n, 0);
        }
    }
}

void scan_blocks(benchmark::State& state, std::size_t a_page, order o, unsigned threads) {
    const auto list = blocks(a_page, o);
    const vmio::process_memory memory(vmio::process(the_target().id()), {.threads = threads});
    for (auto _ : state) {
        const auto scan = vmio::scan_blocks(memory, list);
        bench::check(state, scan[count - 1].bytes.size() == size, "short");
    }
}

#define VMIO_SCAN(function, name, ...) \
    BENCHMARK_CAPTURE(function, _, __VA_ARGS__)->Name("scan/" name)->Unit(benchmark::kMillisecond)->UseRealTime()

VMIO_SCAN(one_by_one, "own_page/one_by_one", 1, order::sorted);
VMIO_SCAN(one_by_one, "own_page_shuffled/one_by_one", 1, order::shuffled);
VMIO_SCAN(one_by_one, "sixteen/one_by_one", 16, order::sorted);
VMIO_SCAN(one_by_one, "sixteen_shuffled/one_by_one", 16, order::shuffled);
VMIO_SCAN(call_and_vector_each, "own_page/call_and_vector_each", 1, order::sorted);
VMIO_SCAN(call_and_vector_each, "own_page_shuffled/call_and_vector_each", 1, order::shuffled);
VMIO_SCAN(packed_by_hand, "own_page/packed_by_hand", 1, order::sorted);
VMIO_SCAN(scan_blocks, "own_page/scan_blocks", 1, order::sorted, 1u);
VMIO_SCAN(scan_blocks, "own_page/two_threads", 1, order::sorted, 2u);
VMIO_SCAN(scan_blocks, "own_page_shuffled/scan_blocks", 1, order::shuffled, 1u);
VMIO_SCAN(scan_blocks, "sixteen/scan_blocks", 16, order::sorted, 1u);
VMIO_SCAN(scan_blocks, "sixteen_shuffled/scan_blocks", 16, order::shuffled, 1u);

}  // namespace
