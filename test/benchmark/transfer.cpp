// SPDX-License-Identifier: BSL-1.0
/// The engine and the stream against the raw call and std::ifstream, on a child of its own. Only ratios within one run
/// mean anything.
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <sys/uio.h>
#include <vmio/process_vm_stream.hpp>

#include "../support/child.hpp"
#include "../support/pages.hpp"

namespace {

constexpr std::size_t most = std::size_t{1} << 24;

struct target {
    test::pages memory{most / vmio::page_size()};
    test::child_process child{[this] {
        for (std::size_t i = 0; i < most; i += vmio::page_size()) memory.chars()[i] = 1;
    }};
    std::vector<char> to = std::vector<char>(most);

    pid_t id() const { return child.id(); }
    vmio::address start() const { return memory.start(); }
};

target& the_target() {
    static target t;
    return t;
}

void report(benchmark::State& state) {
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

void raw_call(benchmark::State& state) {
    target& t = the_target();
    const auto size = static_cast<std::size_t>(state.range(0));
    for (auto _ : state) {
        const iovec local{t.to.data(), size};
        const iovec remote{t.memory.data(), size};
        if (::process_vm_readv(t.id(), &local, 1, &remote, 1, 0) != state.range(0)) state.SkipWithError("short");
    }
    report(state);
}

void memory_read(benchmark::State& state) {
    target& t = the_target();
    const vmio::process_memory memory{vmio::process(t.id())};
    const auto to = std::as_writable_bytes(std::span(t.to)).first(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) memory.read(t.start(), to);
    report(state);
}

void read_of(benchmark::State& state, std::istream& s) {
    target& t = the_target();
    for (auto _ : state) {
        s.seekg(static_cast<std::streamoff>(t.start()));
        s.read(t.to.data(), state.range(0));
        if (!s) state.SkipWithError("short");
    }
    report(state);
}

void stream_read(benchmark::State& state) {
    vmio::process_vm_stream s(the_target().id());
    read_of(state, s);
}

void ifstream_read(benchmark::State& state) {
    std::ifstream s("/proc/" + std::to_string(the_target().id()) + "/mem", std::ios::binary);
    read_of(state, s);
}

BENCHMARK(raw_call)->Arg(64)->Arg(4096)->Arg(65536)->Arg(1 << 20)->Arg(most);
BENCHMARK(memory_read)->Arg(64)->Arg(4096)->Arg(65536)->Arg(1 << 20)->Arg(most);
BENCHMARK(stream_read)->Arg(64)->Arg(4096)->Arg(65536)->Arg(1 << 20)->Arg(most);
BENCHMARK(ifstream_read)->Arg(64)->Arg(4096)->Arg(65536)->Arg(1 << 20)->Arg(most);

}  // namespace

BENCHMARK_MAIN();
