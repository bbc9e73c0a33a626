// SPDX-License-Identifier: BSL-1.0
/// Whether a transfer's price per byte stays what the kernel asks, up to 4 GiB. Needs 9 GiB of memory.
#include <optional>

#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <vmio/process_vm_stream.hpp>

#include "faults/count_allocations.hpp"
#include "target.hpp"

namespace {

constexpr std::size_t largest = std::size_t{4} << 30;

/// Of its own, since it is large: untouched here, touched in the child.
struct large_target {
    large_target()
        : memory(largest, bench::buffer::untouched),
          here(largest, bench::buffer::ours),
          child([this] { memory.touch(); }) {}

    bench::buffer memory;
    bench::buffer here;
    test::child_process child;
};

large_target* the_target() {
    struct sysinfo info {};
    ::sysinfo(&info);
    static std::optional<large_target> target;
    if (!target && info.freeram * info.mem_unit > largest / 4 * 9) target.emplace();
    return target ? &*target : nullptr;
}

/// Runs `read(target, size)`, which may not allocate.
template <class Read>
void measure(benchmark::State& state, Read&& read) {
    large_target* const target = the_target();
    if (target == nullptr) return state.SkipWithError("not enough memory here");
    const auto size = static_cast<std::size_t>(state.range(0));
    const std::size_t allocated = test::allocations_of([&] {
        for (auto _ : state) read(*target, size);
    });
    state.counters["allocations"] = static_cast<double>(allocated);
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

void raw_call(benchmark::State& state) {
    measure(state, [&](const large_target& target, std::size_t size) {
        for (std::size_t done = 0; done < size;) {  // the kernel moves no more than 0x7ffff000 at once
            const iovec local{target.here.data() + done, size - done};
            const iovec remote{target.memory.data() + done, size - done};
            const ssize_t moved = ::process_vm_readv(target.child.id(), &local, 1, &remote, 1, 0);
            if (moved <= 0) return bench::check(state, false, "short");
            done += static_cast<std::size_t>(moved);
        }
    });
}

void memory(benchmark::State& state) {
    large_target* const target = the_target();
    if (target == nullptr) return state.SkipWithError("not enough memory here");
    const vmio::process_memory m{vmio::process(target->child.id())};
    measure(state, [&](const large_target& t, std::size_t size) { m.read(t.memory.start(), t.here.bytes(size)); });
}

void stream(benchmark::State& state) {
    large_target* const target = the_target();
    if (target == nullptr) return state.SkipWithError("not enough memory here");
    vmio::process_vm_istream s(target->child.id());
    measure(state, [&](const large_target& t, std::size_t size) {
        s.seekg(static_cast<std::streamoff>(t.memory.start()));
        s.read(t.here.data(), static_cast<std::streamsize>(size));
        bench::check(state, s.good(), "short");
    });
}

void sizes(benchmark::internal::Benchmark* b) {
    for (const std::int64_t size : {1L << 20, 16L << 20, 256L << 20, 1L << 30, 4L << 30}) b->Arg(size);
}

BENCHMARK(raw_call)->Name("growth/raw_call")->Apply(sizes);
BENCHMARK(memory)->Name("growth/memory")->Apply(sizes);
BENCHMARK(stream)->Name("growth/stream")->Apply(sizes);

}  // namespace
