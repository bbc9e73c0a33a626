// SPDX-License-Identifier: BSL-1.0
/// Small things: values, characters, words, and random places.
#include <fstream>
#include <memory>
#include <random>
#include <string>

#include <sys/uio.h>
#include <vmio/process_vm_stream.hpp>

#include "target.hpp"

namespace {

using bench::the_target;

constexpr std::size_t mebibyte = std::size_t{1} << 20;

std::streamoff start() {
    return static_cast<std::streamoff>(the_target().start());
}

vmio::process_vm_stream ours() {
    return vmio::process_vm_stream(the_target().id());
}
std::ifstream on_mem() {
    return std::ifstream(the_target().mem_path(), std::ios::binary);
}

void per_value(benchmark::State& state) {
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(mebibyte / 8));
}

void raw_mebibyte(benchmark::State& state) {
    const iovec local{the_target().here.data(), mebibyte};
    const iovec remote{the_target().memory.data(), mebibyte};
    for (auto _ : state) benchmark::DoNotOptimize(::process_vm_readv(the_target().id(), &local, 1, &remote, 1, 0));
    per_value(state);
}

void read_value(benchmark::State& state) {
    auto s = ours();
    for (auto _ : state) {
        s.seekg(start());
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < mebibyte / 8; ++i) sum += s.read_value<std::uint64_t>();
        benchmark::DoNotOptimize(sum);
    }
    bench::check(state, s.good(), "the stream failed");
    per_value(state);
}

void ifstream_read_value(benchmark::State& state) {
    auto s = on_mem();
    for (auto _ : state) {
        s.seekg(start());
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < mebibyte / 8; ++i) {
            std::uint64_t value = 0;
            s.read(reinterpret_cast<char*>(&value), sizeof value);
            sum += value;
        }
        benchmark::DoNotOptimize(sum);
    }
    bench::check(state, s.good(), "the stream failed");
    per_value(state);
}

/// Numbers, one to a line, in the target's memory. Each time anew, since other benchmarks write there.
void write_text() {
    std::string text;
    for (int i = 0; text.size() + 16 < mebibyte; ++i) text += std::to_string(i * 7919 % 1000003) + '\n';
    text.resize(mebibyte, '\n');
    vmio::process_memory(vmio::process(the_target().id()))
        .write(the_target().start() + 16 * mebibyte, std::as_bytes(std::span(text)));
}
std::streamoff text_start() {
    return start() + static_cast<std::streamoff>(16 * mebibyte);
}

template <class Stream>
void numbers(benchmark::State& state, Stream (*open)()) {
    Stream s = open();
    write_text();
    for (auto _ : state) {
        s.seekg(text_start());
        long sum = 0;
        for (int i = 0; i < 100000; ++i) {
            long n = 0;
            s >> n;
            sum += n;
        }
        benchmark::DoNotOptimize(sum);
    }
    bench::check(state, s.good(), "the stream failed");
}

template <class Stream>
void lines(benchmark::State& state, Stream (*open)()) {
    Stream s = open();
    write_text();
    std::string line;
    for (auto _ : state) {
        s.seekg(text_start());
        for (int i = 0; i < 100000; ++i) std::getline(s, line);
        benchmark::DoNotOptimize(line.data());
    }
    bench::check(state, s.good(), "the stream failed");
}

/// One function for all streams: where its loop happens to lie is felt.
[[gnu::noinline]] int sum_of_a_mebibyte(std::istream& s) {
    std::istreambuf_iterator<char> it(s);
    int sum = 0;
    for (std::size_t i = 0; i < mebibyte; ++i) sum += *it++;
    return sum;
}

template <class Stream>
void characters(benchmark::State& state, Stream (*open)()) {
    const std::unique_ptr<Stream> s(
        new Stream(open()));  // where it lies is felt too; on the heap, it is where most are
    write_text();
    for (auto _ : state) {
        s->seekg(text_start());
        benchmark::DoNotOptimize(sum_of_a_mebibyte(*s));
    }
    bench::check(state, s->good(), "the stream failed");
}

/// Eight bytes here and there, over 64 MiB.
template <class Read>
void random_places(benchmark::State& state, Read&& read) {
    std::minstd_rand random(1);
    for (auto _ : state) {
        std::uint64_t value = 0;
        read(random() % (64 * mebibyte / 8) * 8, value);
        benchmark::DoNotOptimize(value);
    }
}

void raw_random(benchmark::State& state) {
    random_places(state, [](std::size_t at, std::uint64_t& value) {
        const iovec local{&value, 8};
        const iovec remote{the_target().memory.data() + at, 8};
        ::process_vm_readv(the_target().id(), &local, 1, &remote, 1, 0);
    });
}

template <class Stream>
void stream_random(benchmark::State& state, Stream (*open)()) {
    Stream s = open();
    random_places(state, [&](std::size_t at, std::uint64_t& value) {
        s.seekg(start() + static_cast<std::streamoff>(at));
        s.read(reinterpret_cast<char*>(&value), 8);
    });
    bench::check(state, s.good(), "the stream failed");
}

/// A page after the other, over 16 MiB: shows the cost of the identity check, among others.
template <class Read>
void pages_in_sequence(benchmark::State& state, Read&& read) {
    for (auto _ : state)
        for (std::size_t at = 0; at < 16 * mebibyte; at += 4096) read(at);
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(16 * mebibyte));
}

void raw_pages(benchmark::State& state) {
    pages_in_sequence(state, [](std::size_t at) {
        const iovec local{the_target().here.data(), 4096};
        const iovec remote{the_target().memory.data() + at, 4096};
        ::process_vm_readv(the_target().id(), &local, 1, &remote, 1, 0);
    });
}

void stream_pages(benchmark::State& state) {
    auto s = ours();
    pages_in_sequence(state, [&](std::size_t at) {
        if (at == 0) s.seekg(start());
        s.read(the_target().here.data(), 4096);
    });
    bench::check(state, s.good(), "the stream failed");
}

BENCHMARK(raw_pages)->Name("pages/raw_call");
BENCHMARK(stream_pages)->Name("pages/stream");
BENCHMARK(raw_mebibyte)->Name("values/raw_mebibyte");
BENCHMARK(read_value)->Name("values/read_value");
BENCHMARK(ifstream_read_value)->Name("values/ifstream");
BENCHMARK(raw_random)->Name("random8/raw_call");
#define VMIO_COMPARE(name, function)                                  \
    BENCHMARK_CAPTURE(function, stream, &ours)->Name(name "/stream"); \
    BENCHMARK_CAPTURE(function, ifstream, &on_mem)->Name(name "/ifstream")

VMIO_COMPARE("numbers", numbers);
VMIO_COMPARE("lines", lines);
VMIO_COMPARE("characters", characters);
VMIO_COMPARE("random8", stream_random);

}  // namespace
