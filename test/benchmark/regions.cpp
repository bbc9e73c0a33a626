// SPDX-License-Identifier: BSL-1.0
/// Walking memory that is dirty, sparse or dense, against reading it as it lies.
#include <fstream>
#include <vector>

#include <fcntl.h>
#include <sys/uio.h>
#include <vmio/region_reader.hpp>

#include "target.hpp"

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr std::size_t gibibyte = std::size_t{1} << 30;
constexpr std::size_t chunk = 4 * mebibyte;

/// A child with a mapping that `touch` has been at.
struct walked {
    walked(std::size_t size, int flags, int file, void (*touch)(char*, std::size_t))
        : memory(static_cast<char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, file, 0))),
          size(size),
          child([this, touch] { touch(memory, this->size); }) {}
    walked(const walked&) = delete;
    walked& operator=(const walked&) = delete;
    ~walked() { ::munmap(memory, size); }

    vmio::address start() const { return reinterpret_cast<std::uintptr_t>(memory); }
    vmio::address_range range() const { return vmio::address_range::of_size(start(), size); }

    char* memory;
    std::size_t size;
    test::child_process child;
};

void dirty(char* memory, std::size_t size) {
    for (std::size_t at = 0; at < size; at += vmio::page_size()) memory[at] = 1;
}
/// One page in a hundred, here and there.
void scattered(char* memory, std::size_t size) {
    for (std::size_t at = 0; at < size; at += 100 * vmio::page_size()) memory[at] = 1;
}

walked& dirty_file() {
    static const int file = [] {
        std::FILE* const f = std::tmpfile();
        const std::vector<char> content(64 * mebibyte, 'x');
        test::must(f != nullptr && std::fwrite(content.data(), 1, content.size(), f) == content.size(), "tmpfile");
        std::fflush(f);
        return ::fileno(f);
    }();
    static walked w(64 * mebibyte, MAP_PRIVATE, file, &dirty);
    return w;
}
walked& dense() {
    static walked w(gibibyte, MAP_PRIVATE | MAP_ANONYMOUS, -1, &dirty);
    return w;
}

void walk(benchmark::State& state, const walked& target) {
    vmio::region_options options;
    options.within = target.range();
    options.chunk_size = chunk;
    std::size_t bytes = 0;
    vmio::region_reader reader(vmio::process(target.child.id()), options);
    for (vmio::region_reader& c : reader) {
        bytes += c.fetch().size();
        bench::check(state, c.gaps().empty(), "gaps");
    }
    bench::check(state, bytes == target.size, "short");
}

/// As a scanner meets it: where nobody has read before, page tables are to be built. One walk a target.
void afresh(benchmark::State& state, void (*read)(benchmark::State&, const walked&)) {
    for (auto _ : state) {
        state.PauseTiming();
        {
            walked target(8 * gibibyte, MAP_PRIVATE | MAP_ANONYMOUS, -1, &scattered);
            state.ResumeTiming();
            read(state, target);
            state.PauseTiming();
        }
        state.ResumeTiming();
    }
}

/// In pieces of that size, into the same buffer each time.
template <std::size_t piece>
void raw_calls(benchmark::State& state, const walked& target) {
    for (std::size_t at = 0; at < target.size; at += piece) {
        const iovec local{bench::the_target().here.data(), piece};
        const iovec remote{target.memory + at, piece};
        const ssize_t moved = ::process_vm_readv(target.child.id(), &local, 1, &remote, 1, 0);
        bench::check(state, moved == static_cast<ssize_t>(piece), "short");
    }
}

/// What the system before this one does with changed pages: a seek and a read each.
void seek_and_read(benchmark::State& state, const walked& target) {
    std::ifstream mem("/proc/" + std::to_string(target.child.id()) + "/mem", std::ios::binary);
    mem.rdbuf()->pubsetbuf(nullptr, 0);
    for (std::size_t at = 0; at < target.size; at += vmio::page_size()) {
        mem.seekg(static_cast<std::streamoff>(target.start() + at));
        mem.read(bench::the_target().here.data() + at, static_cast<std::streamsize>(vmio::page_size()));
    }
    bench::check(state, mem.good(), "the stream failed");
}

using way = void (*)(benchmark::State&, const walked&);

void again(benchmark::State& state, way read, walked& (*target)()) {
    for (auto _ : state) read(state, target());
}

BENCHMARK_CAPTURE(again, reader, &walk, &dirty_file)->Name("regions/dirty_file/reader");
BENCHMARK_CAPTURE(again, seeks, &seek_and_read, &dirty_file)->Name("regions/dirty_file/seek_and_read");
BENCHMARK_CAPTURE(again, reader, &walk, &dense)->Name("regions/dense/reader");
BENCHMARK_CAPTURE(again, calls, &raw_calls<chunk>, &dense)->Name("regions/dense/raw_calls");
BENCHMARK_CAPTURE(afresh, reader, &walk)->Name("regions/sparse/reader");
BENCHMARK_CAPTURE(afresh, chunks, &raw_calls<chunk>)->Name("regions/sparse/raw_chunks");
BENCHMARK_CAPTURE(afresh, regions, &raw_calls<gibibyte>)->Name("regions/sparse/raw_regions");

}  // namespace
