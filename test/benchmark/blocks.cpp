// SPDX-License-Identifier: BSL-1.0
/// 1024 blocks of 64 bytes, each on a page of its own.
#include <vector>

#include <sys/uio.h>
#include <vmio/process_memory.hpp>

#include "target.hpp"

namespace {

using bench::the_target;

constexpr std::size_t count = 1024;
constexpr std::size_t size = 64;

const char* theirs(std::size_t i) {
    return the_target().memory.data() + i * vmio::page_size();
}
char* ours(std::size_t i) {
    return the_target().here.data() + i * size;
}

void one_by_one(benchmark::State& state) {
    for (auto _ : state)
        for (std::size_t i = 0; i < count; ++i) {
            const iovec local{ours(i), size};
            const iovec remote{const_cast<char*>(theirs(i)), size};
            ::process_vm_readv(the_target().id(), &local, 1, &remote, 1, 0);
        }
}

void packed_by_hand(benchmark::State& state) {
    std::vector<iovec> remote(count);
    for (auto _ : state) {
        for (std::size_t i = 0; i < count; ++i) remote[i] = {const_cast<char*>(theirs(i)), size};
        const iovec local{ours(0), count * size};
        bench::check(state, ::process_vm_readv(the_target().id(), &local, 1, remote.data(), count, 0) == count * size,
                     "short");
    }
}

void read_blocks(benchmark::State& state) {
    const vmio::process_memory memory{vmio::process(the_target().id())};
    std::vector<vmio::remote_block> blocks(count);
    std::vector<vmio::block_transfer> results(count);
    for (auto _ : state) {
        for (std::size_t i = 0; i < count; ++i)
            blocks[i] = {reinterpret_cast<std::uintptr_t>(theirs(i)), std::as_writable_bytes(std::span(ours(i), size))};
        memory.read_blocks(blocks, results);
        bench::check(state, results[count - 1].moved == size, "short");
    }
}

BENCHMARK(one_by_one)->Name("blocks/one_by_one");
BENCHMARK(packed_by_hand)->Name("blocks/packed_by_hand");
BENCHMARK(read_blocks)->Name("blocks/read_blocks");

}  // namespace
