// SPDX-License-Identifier: BSL-1.0
/// What a fuzzer does all day: change a few bytes of a prepared state, run something on it, go back. Prints the rate.
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <random>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <vmio/snapshot.hpp>

namespace {

constexpr const char* usage =
    "usage: fuzz_restore [MIB [PAGES [ROUNDS]]]\n"
    "Changes up to PAGES pages (16) of a state of MIB MiB (64), looks at it and restores it, ROUNDS times (2000).\n"
    "Exit status: 0 done, 1 it could not be done, 2 wrong usage.\n";

bool parse(std::string_view text, std::size_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && value > 0;
}

/// The state that every round starts from: a number in each word.
vmio::snapshot prepared(std::size_t size) {
    vmio::snapshot state = vmio::snapshot::zeroed(size);
    vmio::mutable_view view = state.view_mutable();
    for (std::size_t i = 0; i < size; i += sizeof i) *reinterpret_cast<std::size_t*>(&view[i]) = i;
    return state;
}

/// Stands for what is to be tested: it writes to the state, and finds fault with some of them.
bool crashes(std::span<std::byte> state, std::span<const std::size_t> places) {
    std::size_t sum = 0;
    for (const std::size_t place : places) {
        state[place] ^= std::byte{0xff};
        sum += std::to_integer<std::size_t>(state[place]);
    }
    return sum % 1000 == 0;
}

/// Restores the state after each of `rounds`; true if it always was as prepared.
bool run(std::size_t size, std::size_t pages, std::size_t rounds) {
    const vmio::snapshot state = prepared(size);
    vmio::cow_view view = state.view();
    std::minstd_rand random;
    std::vector<std::size_t> places(pages);
    std::size_t crashed = 0;
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t round = 0; round < rounds; ++round) {
        for (std::size_t& place : places) place = random() % size;
        if (crashes(view.bytes(), places)) ++crashed;
        view.restore();
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::printf("%zu MiB, %zu pages a round: %.0f rounds a second, %zu crashes\n", size >> 20, pages,
                static_cast<double>(rounds) / took.count(), crashed);
    for (std::size_t i = 0; i < size; i += sizeof i)
        if (*reinterpret_cast<std::size_t*>(&view[i]) != i) return false;
    return view.changed().empty();
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t numbers[] = {64, 16, 2000};
    if (argc == 2 && (std::strcmp(argv[1], "--help") == 0 || std::strcmp(argv[1], "-h") == 0)) {
        std::fputs(usage, stdout);
        return 0;
    }
    for (int i = 1; i < argc; ++i)
        if (i > 3 || !parse(argv[i], numbers[i - 1])) {
            std::fputs(usage, stderr);
            return 2;
        }
    try {
        if (numbers[0] > SIZE_MAX >> 20) throw std::runtime_error("no such size");
        if (run(numbers[0] << 20, numbers[1], numbers[2])) return 0;
        std::fputs("fuzz_restore: the state was not restored\n", stderr);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "fuzz_restore: %s\n", e.what());
    }
    return 1;
}
