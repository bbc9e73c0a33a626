// SPDX-License-Identifier: BSL-1.0
/// Capturing a process, against what one would write by hand.
#include <vector>

#include <sys/uio.h>
#include <unistd.h>
#include <vmio/process_snapshot.hpp>
#include <vmio/snapshot_diff.hpp>

#include "target.hpp"

namespace {

vmio::capture_options all_of_the_target() {
    vmio::capture_options options;
    options.ranges = {vmio::address_range::of_size(bench::the_target().start(), bench::largest)};
    return options;
}

void capture(benchmark::State& state) {
    const vmio::process target(bench::the_target().id());
    for (auto _ : state) {
        const auto s = vmio::process_snapshot::capture(target, all_of_the_target());
        bench::check(state, s.memory_used() == bench::largest, "short");
    }
}

/// process_vm_readv(2) into 256 KiB that stay in the cache, and pwrite(2) into a memfd.
void bounce_buffer(benchmark::State& state) {
    constexpr std::size_t piece = std::size_t{1} << 18;
    std::vector<char> buffer(piece);
    for (auto _ : state) {
        const int file = ::memfd_create("benchmark", MFD_CLOEXEC);
        test::must(::ftruncate(file, bench::largest) == 0, "ftruncate");
        for (std::size_t at = 0; at < bench::largest; at += piece) {
            const iovec local{buffer.data(), piece};
            const iovec remote{bench::the_target().memory.data() + at, piece};
            const ssize_t got = ::process_vm_readv(bench::the_target().id(), &local, 1, &remote, 1, 0);
            const ssize_t put = ::pwrite(file, buffer.data(), piece, static_cast<off_t>(at));
            bench::check(state, got == static_cast<ssize_t>(piece) && put == got, "short");
        }
        ::close(file);
    }
}

void diff_with_process(benchmark::State& state) {
    const vmio::process target(bench::the_target().id());
    const auto s = vmio::process_snapshot::capture(target, all_of_the_target());
    const vmio::process_memory live(target);
    for (auto _ : state) bench::check(state, vmio::diff(s, live).empty(), "it has changed");
}

BENCHMARK(capture)->Name("capture/process_snapshot")->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(bounce_buffer)->Name("capture/bounce_buffer")->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(diff_with_process)->Name("capture/diff_with_process")->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
