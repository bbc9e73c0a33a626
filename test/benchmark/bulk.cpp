// SPDX-License-Identifier: BSL-1.0
/// What a large read does to a target that maps and unmaps meanwhile.
#include <atomic>
#include <climits>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <sys/uio.h>
#include <vmio/process_memory.hpp>

#include "target.hpp"

namespace {

constexpr std::size_t size = std::size_t{256} << 20;

/// A child that maps and unmaps in a loop and counts, beside memory to be read.
struct busy_target {
    busy_target()
        : rounds(static_cast<std::atomic<long>*>(
              ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))),
          memory(size),
          child([this] {
              memory.touch();
              std::thread([this] {
                  for (;; ++*rounds)
                      ::munmap(::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
              }).detach();
          }) {}

    std::atomic<long>* rounds;
    bench::buffer memory;
    test::child_process child;
};

/// Its rounds a second while `read` is called again and again.
template <class Read>
void rate_under(benchmark::State& state, Read&& read) {
    const busy_target target;
    const vmio::process_memory memory{vmio::process(target.child.id())};
    const long before = *target.rounds;
    for (auto _ : state) read(target, memory);
    state.counters["rounds"] =
        benchmark::Counter(static_cast<double>(*target.rounds - before), benchmark::Counter::kIsRate);
}

void under_memory_read(benchmark::State& state) {
    rate_under(state, [](const busy_target& target, const vmio::process_memory& memory) {
        memory.read(target.memory.start(), bench::the_target().here.bytes(size));
    });
}

void under_iovec_per_page(benchmark::State& state) {
    rate_under(state, [](const busy_target& target, const vmio::process_memory& memory) {
        std::vector<iovec> pages(IOV_MAX);
        for (std::size_t done = 0; done < size;) {
            for (std::size_t i = 0; i < IOV_MAX; ++i)
                pages[i] = {target.memory.data() + done + i * vmio::page_size(), vmio::page_size()};
            const iovec local{bench::the_target().here.data() + done, IOV_MAX * vmio::page_size()};
            done +=
                static_cast<std::size_t>(::process_vm_readv(memory.process_id(), &local, 1, pages.data(), IOV_MAX, 0));
        }
    });
}

BENCHMARK(under_memory_read)->Name("busy/memory")->UseRealTime();
BENCHMARK(under_iovec_per_page)->Name("busy/iovec_per_page")->UseRealTime();

}  // namespace
