// SPDX-License-Identifier: BSL-1.0
/// One range, by everything that could move it: the same bytes, the same target, one run.
#include <fstream>
#include <type_traits>
#include <vector>

#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/iostreams/stream.hpp>
#include <vmio/process_vm_stream.hpp>

#include "generic_device.hpp"
#include "target.hpp"

namespace {

using bench::check;
using bench::the_target;

enum class way { reading, writing };

iovec range(const void* p, std::size_t size) {
    return {const_cast<void*>(p), size};
}

ssize_t call(way w, const iovec* remote, std::size_t count, std::size_t size) {
    const iovec local = range(the_target().here.data(), size);
    return w == way::reading ? ::process_vm_readv(the_target().id(), &local, 1, remote, count, 0)
                             : ::process_vm_writev(the_target().id(), &local, 1, remote, count, 0);
}

/// Runs `move(size)` and counts the bytes.
template <class Move>
void measure(benchmark::State& state, Move&& move) {
    const auto size = static_cast<std::size_t>(state.range(0));
    for (auto _ : state)
        if (!move(size)) {
            state.SkipWithError("it did not move all");
            break;
        }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

void memcpy_here(benchmark::State& state) {
    measure(state, [](std::size_t size) {
        std::memcpy(the_target().here.data(), the_target().memory.data(), size);
        benchmark::ClobberMemory();
        return true;
    });
}

template <way w>
void raw_call(benchmark::State& state) {
    measure(state, [](std::size_t size) {
        const iovec remote = range(the_target().memory.data(), size);
        return call(w, &remote, 1, size) == static_cast<ssize_t>(size);
    });
}

/// What the system before this one does: pages, 1024 to a call, in an array of its own making.
template <way w>
void iovec_per_page(benchmark::State& state) {
    measure(state, [](std::size_t size) {
        std::size_t done = 0;
        while (done < size) {
            std::vector<iovec> pages;
            std::size_t bytes = 0;
            while (pages.size() < IOV_MAX && done + bytes < size) {
                const std::size_t piece = std::min(vmio::page_size(), size - done - bytes);
                pages.push_back(range(the_target().memory.data() + done + bytes, piece));
                bytes += piece;
            }
            const iovec local = range(the_target().here.data() + done, bytes);
            const ssize_t moved =
                w == way::reading ? ::process_vm_readv(the_target().id(), &local, 1, pages.data(), pages.size(), 0)
                                  : ::process_vm_writev(the_target().id(), &local, 1, pages.data(), pages.size(), 0);
            if (moved != static_cast<ssize_t>(bytes)) return false;
            done += bytes;
        }
        return true;
    });
}

template <way w>
void proc_mem(benchmark::State& state) {
    const int fd = ::open(the_target().mem_path().c_str(), O_RDWR | O_CLOEXEC);
    const auto at = static_cast<off_t>(the_target().start());
    char* const here = the_target().here.data();
    measure(state, [&](std::size_t size) {
        return (w == way::reading ? ::pread(fd, here, size, at) : ::pwrite(fd, here, size, at)) ==
               static_cast<ssize_t>(size);
    });
    ::close(fd);
}

template <way w>
void memory(benchmark::State& state) {
    const vmio::process_memory m{vmio::process(the_target().id())};
    const vmio::address at = the_target().start();
    measure(state, [&](std::size_t size) {
        if constexpr (w == way::reading)
            m.read(at, the_target().here.bytes(size));
        else
            m.write(at, the_target().here.bytes(size));
        return true;
    });
}

void memory_two_threads(benchmark::State& state) {
    const vmio::process_memory m(vmio::process(the_target().id()), {.threads = 2});
    measure(state, [&](std::size_t size) {
        m.read(the_target().start(), the_target().here.bytes(size));
        return true;
    });
}

/// From a fresh position each time, through whatever stream.
template <way w, class Stream>
void through(benchmark::State& state, Stream& s) {
    const auto at = static_cast<std::streamoff>(the_target().start());
    char* const here = the_target().here.data();
    measure(state, [&](std::size_t size) {
        if constexpr (w == way::reading) {
            s.seekg(at);
            s.read(here, static_cast<std::streamsize>(size));
        } else {
            s.seekp(at);
            s.write(here, static_cast<std::streamsize>(size));
            s.flush();
        }
        return s.good();
    });
}

template <way w>
void stream(benchmark::State& state) {
    vmio::process_vm_stream s(the_target().id());
    through<w>(state, s);
}

template <way w>
void fstream_on_mem(benchmark::State& state) {
    std::fstream s(the_target().mem_path(), std::ios::in | std::ios::out | std::ios::binary);
    through<w>(state, s);
}

template <way w, std::streamsize buffer_size>
void generic_buffer(benchmark::State& state) {
    boost::iostreams::stream<bench::generic_device> s(bench::generic_device(the_target().id()), buffer_size);
    through<w>(state, s);
}

/// A word at a time, as a debugger without anything else; the target must be stopped for it.
void peekdata(benchmark::State& state) {
    const pid_t id = the_target().id();
    test::must(::ptrace(PTRACE_SEIZE, id, nullptr, nullptr) == 0 &&
                   ::ptrace(PTRACE_INTERRUPT, id, nullptr, nullptr) == 0 && ::waitpid(id, nullptr, __WALL) == id,
               "ptrace");
    char* const here = the_target().here.data();
    measure(state, [&](std::size_t size) {
        for (std::size_t i = 0; i < size; i += sizeof(long)) {
            const long word = ::ptrace(PTRACE_PEEKDATA, id, the_target().memory.data() + i, nullptr);
            std::memcpy(here + i, &word, sizeof word);
        }
        return true;
    });
    ::ptrace(PTRACE_DETACH, id, nullptr, nullptr);
}

void sizes(benchmark::internal::Benchmark* b) {
    for (const std::int64_t size : {64L, 4096L, 65536L, 1L << 20, 16L << 20, 256L << 20, 1L << 30}) b->Arg(size);
}
void small_sizes(benchmark::internal::Benchmark* b) {
    for (const std::int64_t size : {64L, 4096L}) b->Arg(size);
}

// The names are what report.py knows them by.
#define VMIO_BOTH(function)                                                   \
    BENCHMARK(function<way::reading>)->Name("read/" #function)->Apply(sizes); \
    BENCHMARK(function<way::writing>)->Name("write/" #function)->Apply(sizes)

VMIO_BOTH(raw_call);
VMIO_BOTH(memory);
VMIO_BOTH(stream);
VMIO_BOTH(iovec_per_page);
VMIO_BOTH(proc_mem);
VMIO_BOTH(fstream_on_mem);
BENCHMARK(generic_buffer<way::reading, -1>)->Name("read/generic_buffer")->Apply(sizes);
BENCHMARK(generic_buffer<way::writing, -1>)->Name("write/generic_buffer")->Apply(sizes);
BENCHMARK(generic_buffer<way::reading, 1 << 20>)->Name("read/generic_buffer_1MiB")->Apply(sizes);
BENCHMARK(generic_buffer<way::writing, 1 << 20>)->Name("write/generic_buffer_1MiB")->Apply(sizes);
BENCHMARK(memcpy_here)->Name("read/memcpy")->Apply(sizes);
BENCHMARK(memory_two_threads)->Name("read/memory_two_threads")->Arg(1L << 30)->UseRealTime();
BENCHMARK(peekdata)->Name("read/peekdata")->Apply(small_sizes);

}  // namespace
