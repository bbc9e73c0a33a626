// SPDX-License-Identifier: BSL-1.0
#include "symbols/symbol_table.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>

namespace vmio::detail {
namespace {

std::uint64_t end_of(const elf_symbol& s) noexcept {
    return s.size > std::numeric_limits<std::uint64_t>::max() - s.value ? std::numeric_limits<std::uint64_t>::max()
                                                                        : s.value + s.size;
}

}  // namespace

symbol_table::symbol_table(std::vector<elf_symbol> symbols, std::string names)
    : names_(std::move(names)), symbols_(std::move(symbols)) {
    const auto key = [this](const elf_symbol& s) { return std::tuple(s.value, !s.global, name_of(s)); };
    std::sort(symbols_.begin(), symbols_.end(),
              [&](const elf_symbol& a, const elf_symbol& b) { return key(a) < key(b); });
    symbols_.erase(std::unique(symbols_.begin(), symbols_.end(),
                               [&](const elf_symbol& a, const elf_symbol& b) { return key(a) == key(b); }),
                   symbols_.end());
    std::uint64_t furthest = 0;
    furthest_.reserve(symbols_.size());
    for (const elf_symbol& s : symbols_) furthest_.push_back(furthest = std::max(furthest, end_of(s)));
    by_name_.resize(symbols_.size());
    std::iota(by_name_.begin(), by_name_.end(), 0U);
    std::sort(by_name_.begin(), by_name_.end(), [this](std::uint32_t a, std::uint32_t b) {
        return std::tuple(name_of(symbols_[a]), !symbols_[a].global, a) <
               std::tuple(name_of(symbols_[b]), !symbols_[b].global, b);
    });
}

std::size_t symbol_table::first_named(std::string_view name) const noexcept {
    const auto first =
        std::lower_bound(by_name_.begin(), by_name_.end(), name,
                         [this](std::uint32_t i, std::string_view wanted) { return name_of(symbols_[i]) < wanted; });
    return static_cast<std::size_t>(first - by_name_.begin());
}

const elf_symbol* symbol_table::at(std::uint64_t value) const noexcept {
    const auto above = std::upper_bound(symbols_.begin(), symbols_.end(), value,
                                        [](std::uint64_t v, const elf_symbol& s) { return v < s.value; });
    const elf_symbol* best = nullptr;
    const elf_symbol* unsized = nullptr;
    const auto is_better = [](const elf_symbol& s, const elf_symbol* than) {
        return than == nullptr || std::tuple(s.size, !s.global) < std::tuple(than->size, !than->global);
    };
    constexpr std::size_t most = 1000;  // that lie before it and might reach it: a damaged file has any number
    const auto last = static_cast<std::size_t>(above - symbols_.begin());
    for (std::size_t i = last; i > 0 && last - i < most; --i) {
        const elf_symbol& s = symbols_[i - 1];
        const bool nearest = s.value == (above - 1)->value;
        if (s.size == 0 && nearest && unsized == nullptr) unsized = &s;
        if (s.size > 0 && value < end_of(s) && is_better(s, best)) best = &s;
        if (!nearest && furthest_[i - 1] <= value) break;
    }
    return best != nullptr ? best : unsized;
}

}  // namespace vmio::detail
