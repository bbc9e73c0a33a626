// SPDX-License-Identifier: BSL-1.0
/// Putting a process back and freezing it, against what takes all of its memory.
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>
#include <vmio/checkpoint.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process_snapshot.hpp>

#include "processes/stepped_process.hpp"
#include "support/mapped.hpp"
#include "target.hpp"

namespace {

using nanoseconds = std::chrono::nanoseconds;

double seconds(nanoseconds t) {
    return std::chrono::duration<double>(t).count();
}

/// A process of so much touched memory that writes every so many pages when it is told to.
struct dirtied_target {
    explicit dirtied_target(std::size_t size)
        : memory(size), child([this](int pages) {
              const std::size_t step = memory.size() / static_cast<std::size_t>(pages);
              for (int i = 0; i < pages; ++i) ++memory.data()[static_cast<std::size_t>(i) * step];
          }) {
        child.step(1);
    }

    bench::buffer memory;
    test::stepped_process child;
};

constexpr std::size_t quarter = std::size_t{256} << 20;

void restore_by_checkpoint(benchmark::State& state) {
    dirtied_target target(quarter);
    const auto range = vmio::address_range::of_size(target.memory.start(), quarter);
    vmio::checkpoint point(target.child.id(), {.ranges = {range}});
    for (auto _ : state) {
        state.PauseTiming();
        target.child.step(static_cast<int>(state.range(0)));
        target.child.wait_until_idle();
        state.ResumeTiming();
        bench::check(state, point.restore().failed.empty(), "not restored");
    }
}

void restore_by_comparing(benchmark::State& state) {
    dirtied_target target(quarter);
    const auto range = vmio::address_range::of_size(target.memory.start(), quarter);
    const vmio::process handle(target.child.id());
    const vmio::process_memory memory(handle);
    const auto base = vmio::process_snapshot::capture(handle, {.ranges = {range}, .pause = true});
    for (auto _ : state) {
        state.PauseTiming();
        target.child.step(static_cast<int>(state.range(0)));
        target.child.wait_until_idle();
        state.ResumeTiming();
        const vmio::pause_guard pause(handle);
        bench::check(state, base.write_back(memory).failed.empty(), "not restored");
    }
}

void small_restore(benchmark::State& state) {
    dirtied_target target(quarter / 4);
    const auto range = vmio::address_range::of_size(target.memory.start(), quarter / 4);
    vmio::checkpoint point(target.child.id(), {.ranges = {range}});
    for (auto _ : state) {
        state.PauseTiming();
        target.child.step(1);
        target.child.wait_until_idle();
        state.ResumeTiming();
        bench::check(state, point.restore().failed.empty(), "not restored");
    }
}

void pause_alone(benchmark::State& state) {
    dirtied_target target(quarter / 4);
    const vmio::process handle(target.child.id());
    for (auto _ : state) {
        state.PauseTiming();
        target.child.step(1);
        target.child.wait_until_idle();
        state.ResumeTiming();
        const vmio::pause_guard pause(handle);
    }
}

/// Eight threads that write 1 GiB, over and over; and one that forks when it is told to, and says how long that took.
class busy_target {
public:
    busy_target()
        : took_(test::shared<std::atomic<long>>()), child_([this](int step) {
              if (step == 0)
                  for (std::size_t t = 0; t < 8; ++t) std::thread([this, t] { write(t); }).detach();
              else
                  fork_once();
          }) {
        child_.step(0);
    }

    pid_t id() const { return child_.id(); }
    vmio::address_range range() const { return vmio::address_range::of_size(memory_.start(), memory_.size()); }
    nanoseconds fork() {
        child_.step(1);
        return nanoseconds(took_->load());
    }

private:
    [[noreturn]] void write(std::size_t thread) const {
        const std::size_t part = memory_.size() / 8;
        for (;;)
            for (std::size_t i = 0; i < part; i += vmio::page_size())
                ++*const_cast<volatile char*>(memory_.data() + thread * part + i);
    }
    void fork_once() const {
        const auto began = std::chrono::steady_clock::now();
        const pid_t child = ::fork();
        if (child == 0) ::_exit(0);
        *took_ = nanoseconds(std::chrono::steady_clock::now() - began).count();
        ::waitpid(child, nullptr, 0);
    }

    std::atomic<long>* took_;
    bench::buffer memory_{bench::largest};
    test::stepped_process child_;
};

void pause_of(benchmark::State& state, bool frozen) {
    const busy_target target;
    vmio::capture_options options;
    options.ranges = {target.range()};
    (frozen ? options.frozen_copy : options.pause) = true;
    options.pause_limits = test::no_limits;
    for (auto _ : state) {
        const auto s = vmio::process_snapshot::capture(vmio::process(target.id()), options);
        bench::check(state, s.frozen_copy() == frozen, "not as asked for");
        state.SetIterationTime(seconds(s.pause_time()));
    }
}

void own_fork(benchmark::State& state) {
    busy_target target;
    for (auto _ : state) state.SetIterationTime(seconds(target.fork()));
}

BENCHMARK(restore_by_checkpoint)->Name("checkpoint/restore")->Arg(16)->Arg(1000)->UseRealTime();
BENCHMARK(restore_by_comparing)->Name("checkpoint/write_back")->Arg(16)->Arg(1000)->UseRealTime();
BENCHMARK(small_restore)->Name("checkpoint/one_page")->UseRealTime();
BENCHMARK(pause_alone)->Name("checkpoint/pause_alone")->UseRealTime();
BENCHMARK_CAPTURE(pause_of, frozen_copy, true)->Name("freeze/frozen_copy")->UseManualTime()->Iterations(3);
BENCHMARK_CAPTURE(pause_of, paused_capture, false)->Name("freeze/paused_capture")->UseManualTime()->Iterations(3);
BENCHMARK(own_fork)->Name("freeze/own_fork")->UseManualTime()->Iterations(3);

}  // namespace
