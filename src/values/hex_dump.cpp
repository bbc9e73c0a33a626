// SPDX-License-Identifier: BSL-1.0
#include <vmio/hex_dump.hpp>

#include <algorithm>
#include <ostream>

namespace vmio {
namespace {

constexpr char digits[] = "0123456789abcdef";
constexpr std::size_t width = 16;

/// A row: the address, two spaces, the bytes with one more space in the middle, two spaces, the text.
class row_text {
public:
    explicit row_text(address start) {
        for (int shift = start >> 48 != 0 ? 60 : 44; shift >= 0; shift -= 4) put(digits[start >> shift & 15]);
        put(' ');
        put(' ');
        hex_ = size_;
        text_ = hex_ + width * 3 + 3;
        std::fill(chars_ + hex_, chars_ + text_, ' ');
        chars_[text_ - 1] = '|';
    }

    void add(std::size_t i, unsigned char value) {
        char* const pair = chars_ + hex_ + i * 3 + (i >= width / 2 ? 1 : 0);
        pair[0] = digits[value >> 4];
        pair[1] = digits[value & 15];
        chars_[text_ + i] = value >= ' ' && value < 127 ? static_cast<char>(value) : '.';
    }
    void add_gap(std::size_t i) {
        char* const pair = chars_ + hex_ + i * 3 + (i >= width / 2 ? 1 : 0);
        pair[0] = pair[1] = '-';
        chars_[text_ + i] = ' ';
    }

    void write(std::ostream& out, std::size_t count) {
        size_ = text_ + count;
        put('|');
        put('\n');
        out.write(chars_, static_cast<std::streamsize>(size_));
    }

private:
    void put(char c) { chars_[size_++] = c; }

    std::size_t size_ = 0;
    std::size_t hex_ = 0;
    std::size_t text_ = 0;
    char chars_[16 + 2 + width * 3 + 3 + width + 2];
};

}  // namespace

void hex_dump(std::ostream& out, std::span<const std::byte> bytes, address start, std::span<const memory_gap> gaps) {
    for (std::size_t first = 0; first < bytes.size(); first += width) {
        const std::size_t count = std::min(width, bytes.size() - first);
        const address row = start + first;
        while (!gaps.empty() && gaps.front().range.end() <= row) gaps = gaps.subspan(1);
        row_text text(row);
        std::size_t lost = 0;
        auto gap = gaps.begin();
        for (std::size_t i = 0; i < count; ++i) {
            while (gap != gaps.end() && gap->range.end() <= row + i) ++gap;
            if (gap != gaps.end() && gap->range.start() <= row + i) {
                text.add_gap(i);
                ++lost;
            } else {
                text.add(i, std::to_integer<unsigned char>(bytes[first + i]));
            }
        }
        if (lost < count) text.write(out, count);
    }
}

}  // namespace vmio
