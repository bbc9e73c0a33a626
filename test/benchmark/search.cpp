// SPDX-License-Identifier: BSL-1.0
/// Searching a process for what is not there, against reading it without looking, and by what else could do it.
#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include <boost/algorithm/searching/boyer_moore_horspool.hpp>
#include <vmio/search.hpp>

#include "target.hpp"

namespace {

constexpr std::size_t gibibyte = std::size_t{1} << 30;

/// A generator that costs less than the memory it fills.
class noise {
public:
    std::uint64_t operator()() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        return state_ ^= state_ << 17;
    }

private:
    std::uint64_t state_ = 0x9e3779b97f4a7c15;
};

void bytes(char* memory, std::size_t size) {
    noise next;
    for (std::size_t at = 0; at < size; at += 8) {
        const std::uint64_t number = next();
        std::memcpy(memory + at, &number, 8);
    }
}

void words(char* memory, std::size_t size) {
    static constexpr std::array<std::string_view, 16> some{
        "the ", "of ",      "server ", "memory ", "address ", "request ", "and\n",    "error: ",
        "in ",  "timeout ", "to ",     "value=",  "null, ",   "session ", "process ", "1024 "};
    noise next;
    for (std::size_t at = 0; at < size;) {
        const std::string_view word = some[next() % some.size()];
        at += word.copy(memory + at, size - at);
    }
}

/// Nodes of a tree or a list: addresses close to each other, small numbers, a zero here and there.
void nodes(char* memory, std::size_t size) {
    noise next;
    for (std::size_t at = 0; at < size; at += 8) {
        const std::uint64_t number = next();
        const std::uint64_t word = number % 3 == 0   ? number >> 58
                                   : number % 7 == 0 ? 0
                                                     : 0x7f3a00000000 + (number >> 36) * 16;
        std::memcpy(memory + at, &word, 8);
    }
}

/// A child with 1 GiB of that.
struct filled {
    explicit filled(void (*fill)(char*, std::size_t))
        : memory(gibibyte, bench::buffer::untouched), child([&] { fill(memory.data(), gibibyte); }) {}

    vmio::process_memory target() const { return vmio::process_memory(vmio::process(child.id())); }
    vmio::search_options options() const {
        vmio::search_options o;
        o.regions.within = vmio::address_range::of_size(memory.start(), gibibyte);
        return o;
    }

    bench::buffer memory;
    test::child_process child;
};

template <void (*fill)(char*, std::size_t)>
const filled& with() {
    static const filled f(fill);
    return f;
}

/// What `fill` does not write, though all of its bytes are as common as others.
std::string absent(void (*fill)(char*, std::size_t), std::size_t size) {
    std::string content(size + 64, '\0');
    fill(content.data(), content.size());
    std::string pattern = content.substr(32, size);
    std::reverse(pattern.begin(), pattern.end());
    return pattern;
}

template <void (*fill)(char*, std::size_t), unsigned threads>
void search(benchmark::State& state) {
    const auto pattern = vmio::byte_pattern::text(absent(fill, static_cast<std::size_t>(state.range(0))));
    const auto target = with<fill>().target();
    auto options = with<fill>().options();
    options.threads = threads;
    for (auto _ : state) bench::check(state, vmio::search(target, pattern, options).empty(), "found what is not there");
}

/// The same walk, and `look(bytes)` at each chunk.
template <class F>
void walk(benchmark::State& state, const filled& what, F&& look) {
    vmio::region_options options = vmio::region_options::from(what.options().regions);
    options.chunk_size = std::size_t{1} << 20;
    for (auto _ : state) {
        vmio::region_reader reader(what.target(), options);
        for (vmio::region_reader& chunk : reader) {
            const auto bytes = chunk.fetch();
            look(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        }
    }
}

template <void (*fill)(char*, std::size_t)>
void reading(benchmark::State& state) {
    walk(state, with<fill>(), [](const char*, std::size_t) {});
}

template <void (*fill)(char*, std::size_t)>
void by_memmem(benchmark::State& state) {
    const std::string pattern = absent(fill, static_cast<std::size_t>(state.range(0)));
    walk(state, with<fill>(), [&](const char* bytes, std::size_t size) {
        bench::check(state, ::memmem(bytes, size, pattern.data(), pattern.size()) == nullptr, "found");
    });
}

template <void (*fill)(char*, std::size_t)>
void by_std(benchmark::State& state) {
    const std::string pattern = absent(fill, static_cast<std::size_t>(state.range(0)));
    const std::boyer_moore_horspool_searcher searcher(pattern.begin(), pattern.end());
    walk(state, with<fill>(), [&](const char* bytes, std::size_t size) {
        bench::check(state, std::search(bytes, bytes + size, searcher) == bytes + size, "found");
    });
}

template <void (*fill)(char*, std::size_t)>
void by_boost(benchmark::State& state) {
    const std::string pattern = absent(fill, static_cast<std::size_t>(state.range(0)));
    const boost::algorithm::boyer_moore_horspool<const char*> searcher(pattern.data(), pattern.data() + pattern.size());
    walk(state, with<fill>(), [&](const char* bytes, std::size_t size) {
        bench::check(state, searcher(bytes, bytes + size).first == bytes + size, "found");
    });
}

/// For the byte of the pattern that is rarest in `fill`, which a searcher cannot know.
template <void (*fill)(char*, std::size_t)>
void by_memchr(benchmark::State& state) {
    const std::string pattern = absent(fill, static_cast<std::size_t>(state.range(0)));
    std::string content(std::size_t{1} << 16, '\0');
    fill(content.data(), content.size());
    const auto count = [&](char c) { return std::count(content.begin(), content.end(), c); };
    const auto rarest = static_cast<std::size_t>(
        std::min_element(pattern.begin(), pattern.end(), [&](char a, char b) { return count(a) < count(b); }) -
        pattern.begin());
    walk(state, with<fill>(), [&](const char* bytes, std::size_t size) {
        const char* const end = bytes + size - pattern.size() + 1 + rarest;
        for (const char* at = bytes + rarest; at != end; ++at) {
            at = static_cast<const char*>(std::memchr(at, pattern[rarest], static_cast<std::size_t>(end - at)));
            if (at == nullptr) break;
            bench::check(state, std::memcmp(at - rarest, pattern.data(), pattern.size()) != 0, "found");
        }
    });
}

#define VMIO_SEARCH(content)                                                                                  \
    BENCHMARK_TEMPLATE(reading, content)->Name("search/" #content "/reading")->Unit(benchmark::kMillisecond); \
    BENCHMARK_TEMPLATE(search, content, 1)->Name("search/" #content "/search")->Arg(4)->Arg(32);              \
    BENCHMARK_TEMPLATE(search, content, 2)->Name("search/" #content "/two_threads")->Arg(4)->UseRealTime();   \
    BENCHMARK_TEMPLATE(by_memmem, content)->Name("search/" #content "/memmem")->Arg(4)->Arg(32);              \
    BENCHMARK_TEMPLATE(by_std, content)->Name("search/" #content "/std")->Arg(4)->Arg(32);                    \
    BENCHMARK_TEMPLATE(by_boost, content)->Name("search/" #content "/boost")->Arg(32);                        \
    BENCHMARK_TEMPLATE(by_memchr, content)->Name("search/" #content "/memchr")->Arg(4)->Arg(32)

VMIO_SEARCH(bytes);
VMIO_SEARCH(words);
VMIO_SEARCH(nodes);

}  // namespace
