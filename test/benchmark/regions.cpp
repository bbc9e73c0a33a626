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
walked& sparse() {
    static walked w(8 * gibibyte, MAP_PRIVATE | MAP_ANONYMOUS, -1, &scattered);
    return w;
}
walked& dense() {
    static walked w(gibibyte, MAP_PRIVATE | MAP_ANONYMOUS, -1, &dirty);
    return w;
}

void walk(benchmark::State& state, walked& (*target)()) {
    vmio::region_options options;
    options.within = target().range();
    options.chunk_size = chunk;
    vmio::region_reader reader(vmio::process(target().child.id()), options);
    for (auto _ : state) {
        std::size_t bytes = 0;
        for (vmio::region_reader& c : reader) {
            bytes += c.fetch().size();
            bench::check(state, c.gaps().empty(), "gaps");
        }
        bench::check(state, bytes == target().size, "short");
    }
}

/// In pieces of the same size, into the same buffer each time.
void raw_calls(benchmark::State& state, walked& (*target)()) {
    for (auto _ : state)
        for (std::size_t at = 0; at < target().size; at += chunk) {
            const iovec local{bench::the_target().here.data(), chunk};
            const iovec remote{target().memory + at, chunk};
            bench::check(state, ::process_vm_readv(target().child.id(), &local, 1, &remote, 1, 0) == chunk, "short");
        }
}

/// What the system before this one does with changed pages: a seek and a read each.
void seek_and_read(benchmark::State& state, walked& (*target)()) {
    std::ifstream mem("/proc/" + std::to_string(target().child.id()) + "/mem", std::ios::binary);
    mem.rdbuf()->pubsetbuf(nullptr, 0);
    for (auto _ : state)
        for (std::size_t at = 0; at < target().size; at += vmio::page_size()) {
            mem.seekg(static_cast<std::streamoff>(target().start() + at));
            mem.read(bench::the_target().here.data() + at, static_cast<std::streamsize>(vmio::page_size()));
        }
    bench::check(state, mem.good(), "the stream failed");
}

BENCHMARK_CAPTURE(walk, dirty_file, &dirty_file)->Name("regions/dirty_file/reader");
BENCHMARK_CAPTURE(seek_and_read, dirty_file, &dirty_file)->Name("regions/dirty_file/seek_and_read");
BENCHMARK_CAPTURE(walk, sparse, &sparse)->Name("regions/sparse/reader");
BENCHMARK_CAPTURE(raw_calls, sparse, &sparse)->Name("regions/sparse/raw_calls");
BENCHMARK_CAPTURE(walk, dense, &dense)->Name("regions/dense/reader");
BENCHMARK_CAPTURE(raw_calls, dense, &dense)->Name("regions/dense/raw_calls");

}  // namespace
