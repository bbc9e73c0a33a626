// SPDX-License-Identifier: BSL-1.0
/// Shows what is at many places of another process's memory: the allocations that a heap profiler has listed, say.
#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <vmio/block_scanner.hpp>

#include "memory_argument.hpp"
#include "text.hpp"
#include "tool.hpp"

namespace {

constexpr std::size_t line_size = 16;

std::vector<vmio::memory_block> read_list(std::istream& list) {
    std::vector<vmio::memory_block> blocks;
    std::size_t number = 0;
    for (std::string line; std::getline(list, line);) {
        ++number;
        std::istringstream words(line);
        std::string start;
        if (!(words >> start) || start.starts_with('#')) continue;
        try {
            std::string size;
            if (!(words >> size)) throw tool::usage_error("");
            const auto where = tool::address_in(start);
            if (!where) throw tool::usage_error("");
            blocks.push_back({*where, tool::number(size)});
        } catch (const tool::usage_error&) {
            throw tool::usage_error("line " + std::to_string(number) +
                                    " is not an address and a size: " + tool::printable(line));
        }
    }
    if (list.bad() || !list.eof()) throw std::runtime_error("the list cannot be read to its end");
    return blocks;
}

/// 0x7ffc0a1b2c30        64  48 65 6c 6c 6f 2c 20 49 20 61 6d 20 74 68 65 20  |Hello, I am the |
void print(const vmio::block_result& block) {
    std::cout << "0x" << tool::hex(block.start, 12) << ' ' << std::setw(9) << block.size;
    std::string text;
    if (!block.bytes.empty()) std::cout << ' ';
    for (const std::byte b : block.bytes) {
        const auto c = std::to_integer<unsigned char>(b);
        std::cout << ' ' << tool::hex(c, 2);
        text += c >= ' ' && c <= '~' ? static_cast<char>(c) : '.';
    }
    if (!text.empty()) std::cout << std::string(3 * (line_size - text.size()) + 2, ' ') << '|' << text << '|';
    if (block.error) std::cout << "  (" << block.error.message() << ')';
    std::cout << '\n';
}

int show(const tool::options::variables_map& given) {
    std::ifstream file;
    const bool from_file = given.count("LIST") != 0;
    if (from_file) {
        const auto& name = given["LIST"].as<std::string>();
        file.open(name);
        if (!file) throw std::runtime_error("cannot open " + name);
    }
    const vmio::any_memory memory = tool::open_memory(given["MEMORY"].as<std::string>());
    const auto list = read_list(from_file ? file : std::cin);
    const auto* const live = tool::process_in(memory);
    bool all = true;
    for (const vmio::block_result& block :
         live != nullptr ? vmio::scan_blocks(*live, list, line_size) : vmio::scan_blocks(memory, list, line_size)) {
        print(block);
        all = all && !block.error;
    }
    return all ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    using tool::options::value;
    tool::command command{
        .usage = "MEMORY [LIST]",
        .text =
            "Shows what is at many places of a process's memory, or of any other: the allocations that a heap "
            "profiler\n"
            "has listed, say.\n"
            "LIST, or else the standard input, has lines of an address, which is hexadecimal with or without 0x, and\n"
            "a size, decimal or 0x..., which may end in K, M or G; what follows them, empty lines and lines that begin "
            "with # are passed by. Prints the first bytes of each.\n" +
            tool::memory_text,
        .failure = tool::misused,
        .statuses = "0 all blocks could be read, 1 some could not, 2 it could not be done, or wrong usage"};
    command.argument("MEMORY", value<std::string>()->required());
    command.argument("LIST", value<std::string>());
    return tool::run(std::move(command), argc, argv, show);
}
