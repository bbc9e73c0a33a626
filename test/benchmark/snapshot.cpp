// SPDX-License-Identifier: BSL-1.0
/// Snapshots and views of 256 MiB.
#include <algorithm>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>
#include <vmio/snapshot.hpp>

#include "target.hpp"

namespace {

constexpr std::size_t size = std::size_t{256} << 20;
const std::size_t page = vmio::page_size();

std::span<const std::byte> source() {
    return bench::the_target().here.bytes(size);
}

const vmio::snapshot& original() {
    static const vmio::snapshot s = vmio::snapshot::from_bytes(source());
    return s;
}

/// A private mapping of a memfd, put back by mapping it again.
class remapped_view {
public:
    remapped_view() : file_(::memfd_create("benchmark", MFD_CLOEXEC)) {
        const std::span<const std::byte> bytes = source();
        test::must(::ftruncate(file_, size) == 0, "ftruncate");
        for (std::size_t done = 0; done < size;) {
            const ssize_t n = ::pwrite(file_, bytes.data() + done, size - done, static_cast<off_t>(done));
            test::must(n > 0, "pwrite");
            done += static_cast<std::size_t>(n);
        }
        map(nullptr, 0);
    }
    remapped_view(const remapped_view&) = delete;
    remapped_view& operator=(const remapped_view&) = delete;
    ~remapped_view() {
        ::munmap(data_, size);
        ::close(file_);
    }

    std::byte* data() const { return data_; }
    void restore() { map(data_, MAP_FIXED); }

private:
    void map(void* where, int flags) {
        void* const p = ::mmap(where, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | flags, file_, 0);
        test::must(p != MAP_FAILED, "mmap");
        data_ = static_cast<std::byte*>(p);
    }

    int file_;
    std::byte* data_ = nullptr;
};

void touch(const std::byte* data) {
    for (std::size_t i = 0; i < size; i += page)
        benchmark::DoNotOptimize(*static_cast<const volatile std::byte*>(data + i));
}

/// Changes `count` pages, spread evenly; others each `round`.
void change(std::byte* data, std::size_t count, std::size_t round = 0) {
    const std::size_t step = size / page / count;
    for (std::size_t i = 0; i < count; ++i) data[(i * step + round % step) * page] ^= std::byte{1};
}

/// What restoring costs together with touching every page again.
template <class View>
void restore(benchmark::State& state, View view, bool same_pages = true) {
    const auto count = static_cast<std::size_t>(state.range(0));
    std::size_t round = 0;
    touch(view.data());
    for (auto _ : state) {
        state.PauseTiming();
        change(view.data(), count, same_pages ? 0 : round++);
        state.ResumeTiming();
        view.restore();
        touch(view.data());
    }
    bench::check(state, view.data()[0] == source()[0], "not restored");
}

void restore_view(benchmark::State& state) {
    restore(state, original().view());
}

void restore_view_elsewhere(benchmark::State& state) {
    restore(state, original().view(), false);
}

struct shared_remapped_view {
    static remapped_view& view() {
        static remapped_view v;
        return v;
    }
    std::byte* data() const { return view().data(); }
    void restore() { view().restore(); }
};

void restore_remap(benchmark::State& state) {
    restore(state, shared_remapped_view());
}

void from_bytes(benchmark::State& state) {
    for (auto _ : state) {
        const vmio::snapshot s = vmio::snapshot::from_bytes(source());
        benchmark::DoNotOptimize(s);
    }
}

void mmap_and_memcpy(benchmark::State& state) {
    for (auto _ : state) {
        const int file = ::memfd_create("benchmark", MFD_CLOEXEC);
        test::must(::ftruncate(file, size) == 0, "ftruncate");
        void* const p = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        test::must(p != MAP_FAILED, "mmap");
        std::memcpy(p, source().data(), size);
        ::munmap(p, size);
        ::close(file);
    }
}

void take_snapshot(benchmark::State& state) {
    vmio::cow_view view = original().view();
    touch(view.data());
    change(view.data(), size / page / 100);
    for (auto _ : state) {
        const vmio::snapshot s = view.take_snapshot();
        benchmark::DoNotOptimize(s);
    }
}

void full_copy(benchmark::State& state) {
    vmio::cow_view view = original().view();
    touch(view.data());
    for (auto _ : state) {
        const vmio::snapshot s = vmio::snapshot::from_bytes(view.bytes());
        benchmark::DoNotOptimize(s);
    }
}

/// A view of a snapshot in which one page in a hundred was changed.
void layered_view(benchmark::State& state) {
    vmio::cow_view view = original().view();
    change(view.data(), size / page / 100);
    const vmio::snapshot s = view.take_snapshot();
    for (auto _ : state) {
        const vmio::cow_view v = s.view();
        benchmark::DoNotOptimize(v.data());
    }
}

void shares(benchmark::internal::Benchmark* b) {
    b->UseRealTime()->Unit(benchmark::kMicrosecond);
    for (const int pages : {16, 64, 1024, 4096, 8192, 10000, 16384, 65536}) b->Arg(pages);
}

BENCHMARK(from_bytes)->Name("snapshot/from_bytes")->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(mmap_and_memcpy)->Name("snapshot/mmap_and_memcpy")->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(restore_view)->Name("restore/view")->Apply(shares);
BENCHMARK(restore_view_elsewhere)->Name("restore/elsewhere")->Apply(shares);
BENCHMARK(restore_remap)->Name("restore/remap")->Apply(shares);
BENCHMARK(take_snapshot)->Name("snapshot/take")->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(full_copy)->Name("snapshot/full_copy")->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(layered_view)->Name("snapshot/layered_view")->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
