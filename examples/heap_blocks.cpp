// SPDX-License-Identifier: BSL-1.0
/// Shows what is at many places of another process's memory: the allocations that a heap profiler has listed, say.
#include <charconv>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <vmio/block_scanner.hpp>

namespace {

constexpr const char* usage =
    "usage: heap_blocks PID [LIST]\n"
    "Reads lines of an ADDRESS and a SIZE from LIST, or from standard input, and prints the first bytes of each block "
    "in\n"
    "process PID. Both may be hexadecimal (0x...); what follows them, empty lines and lines that begin with # are "
    "ignored.\n"
    "Exit status: 0 all blocks could be read, 1 some could not, 2 wrong usage or list.\n";

constexpr std::size_t line_size = 16;

/// The whole of `text` as a number that fits; hexadecimal after 0x.
template <class T>
bool parse(std::string_view text, T& value) {
    const int base = text.starts_with("0x") ? 16 : 10;
    if (base == 16) text.remove_prefix(2);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    return error == std::errc() && end == text.data() + text.size();
}

std::vector<vmio::memory_block> read_list(std::istream& list) {
    std::vector<vmio::memory_block> blocks;
    std::size_t number = 0;
    for (std::string line; std::getline(list, line);) {
        ++number;
        std::istringstream words(line);
        std::string start;
        std::string size;
        if (!(words >> start) || start.starts_with('#')) continue;
        vmio::memory_block block;
        if (!(words >> size) || !parse(start, block.start) || !parse(size, block.size))
            throw std::invalid_argument("line " + std::to_string(number) + " is not an address and a size: " + line);
        blocks.push_back(block);
    }
    if (list.bad() || !list.eof()) throw std::invalid_argument("the list cannot be read to its end");
    return blocks;
}

/// 0x7ffc0a1b2c30        64  48 65 6c 6c 6f 2c 20 49 20 61 6d 20 74 68 65 20  |Hello, I am the |
void print(const vmio::block_result& block) {
    std::printf("0x%012llx %9llu", static_cast<unsigned long long>(block.start),
                static_cast<unsigned long long>(block.size));
    std::string text;
    if (!block.bytes.empty()) std::putchar(' ');
    for (const std::byte b : block.bytes) {
        const auto c = static_cast<unsigned char>(b);
        std::printf(" %02x", c);
        text += c >= ' ' && c <= '~' ? static_cast<char>(c) : '.';
    }
    if (!text.empty()) std::printf("%*s  |%s|", static_cast<int>(3 * (line_size - text.size())), "", text.c_str());
    if (block.error) std::printf("  (%s)", block.error.message().c_str());
    std::putchar('\n');
}

}  // namespace

int main(int argc, char** argv) {
    pid_t id = 0;
    if (argc < 2 || argc > 3 || !parse(argv[1], id)) {
        std::cerr << usage;
        return 2;
    }
    try {
        std::ifstream file;
        if (argc == 3) file.open(argv[2]);
        if (!file) throw std::invalid_argument("cannot open " + std::string(argv[2]));
        const auto blocks = read_list(argc == 3 ? file : std::cin);
        const vmio::process_memory memory{vmio::process(id)};
        bool all = true;
        for (const vmio::block_result& block : vmio::scan_blocks(memory, blocks, line_size)) {
            print(block);
            all = all && !block.error;
        }
        return all ? 0 : 1;
    } catch (const std::invalid_argument& e) {
        std::cerr << "heap_blocks: " << e.what() << '\n';
        return 2;
    } catch (const std::exception& e) {
        std::cerr << "heap_blocks: " << e.what() << '\n';
        return 1;
    }
}
