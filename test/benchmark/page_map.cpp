// SPDX-License-Identifier: BSL-1.0
/// Which pages hold data: by the library, and by reading an entry a page of /proc/PID/pagemap.
#include <vector>

#include <fcntl.h>
#include <unistd.h>
#include <vmio/page_map.hpp>

#include "support/mapped.hpp"
#include "target.hpp"

namespace {

using bench::the_target;

constexpr std::size_t gibibyte = std::size_t{1} << 30;

/// 8 GiB reserved, with a page written in every quarter of a GiB.
struct sparse_target {
    test::mapped reserve{8 * gibibyte / vmio::page_size()};
    test::child_process child{[this] {
        for (std::size_t at = 0; at < reserve.size(); at += gibibyte / 4) reserve.write(at / vmio::page_size());
    }};
};

const sparse_target& the_sparse_target() {
    static const sparse_target t;
    return t;
}

void scan(benchmark::State& state, pid_t id, vmio::address_range range, std::size_t pages) {
    const vmio::page_map map{vmio::process(id)};
    for (auto _ : state) {
        std::uint64_t found = 0;
        map.scan(range, vmio::page_state::data,
                 [&](const vmio::page_run& run) { found += run.range.size() / vmio::page_size(); });
        bench::check(state, found == pages, "wrong");
    }
}

void entries(benchmark::State& state, pid_t id, vmio::address_range range, std::size_t pages) {
    const int pagemap = ::open(("/proc/" + std::to_string(id) + "/pagemap").c_str(), O_RDONLY | O_CLOEXEC);
    std::vector<std::uint64_t> some(4096);  // the size that measures best
    for (auto _ : state) {
        std::size_t found = 0;
        for (vmio::address at = range.start(); at < range.end(); at += some.size() * vmio::page_size()) {
            if (::pread(pagemap, some.data(), some.size() * 8, static_cast<off_t>(at / vmio::page_size() * 8)) < 0)
                state.SkipWithError("pread");
            for (const std::uint64_t entry : some) found += entry >> 62 != 0 ? 1 : 0;
        }
        bench::check(state, found == pages, "wrong");
    }
    ::close(pagemap);
}

template <auto look>
void sparse(benchmark::State& state) {
    const sparse_target& t = the_sparse_target();
    look(state, t.child.id(), t.reserve.range(), 32);
}

template <auto look>
void dense(benchmark::State& state) {
    look(state, the_target().id(), vmio::address_range::of_size(the_target().start(), gibibyte),
         gibibyte / vmio::page_size());
}

void one_call(benchmark::State& state) {
    const vmio::process target(the_target().id());
    const auto range = vmio::address_range::of_size(the_target().start(), 16 * vmio::page_size());
    for (auto _ : state) bench::check(state, vmio::scan_pages(target, range).size() == 1, "wrong");
}

void one_scan(benchmark::State& state) {
    scan(state, the_target().id(), vmio::address_range::of_size(the_target().start(), 16 * vmio::page_size()), 16);
}

BENCHMARK(sparse<scan>)->Name("page_map/sparse/scan");
BENCHMARK(sparse<entries>)->Name("page_map/sparse/entries");
BENCHMARK(dense<scan>)->Name("page_map/dense/scan");
BENCHMARK(dense<entries>)->Name("page_map/dense/entries");
BENCHMARK(one_call)->Name("page_map/16_pages/scan_pages");
BENCHMARK(one_scan)->Name("page_map/16_pages/scan");

}  // namespace
