// SPDX-License-Identifier: BSL-1.0
/// The symbols of one file, by name and by address.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "symbols/elf_symbols.hpp"

namespace vmio::detail {

/// Addresses are those of the file.
class symbol_table {
public:
    symbol_table() = default;
    /// Symbols that are there twice, as in .symtab and .dynsym, are joined.
    symbol_table(std::vector<elf_symbol> symbols, std::string names);

    std::size_t size() const noexcept { return symbols_.size(); }
    /// Returns: all, sorted by value.
    std::span<const elf_symbol> all() const noexcept { return symbols_; }
    std::string_view name_of(const elf_symbol& s) const noexcept { return {names_.data() + s.name, s.name_size}; }

    /// Calls f(symbol) for each of that name, global ones first.
    template <class F>
    void for_each(std::string_view name, F f) const {
        for (std::size_t i = first_named(name); i < by_name_.size(); ++i) {
            const elf_symbol& s = symbols_[by_name_[i]];
            if (name_of(s) != name) return;
            f(s);
        }
    }

    /// Returns: the symbol that `value` belongs to, or null: see symbols::at().
    const elf_symbol* at(std::uint64_t value) const noexcept;

private:
    std::size_t first_named(std::string_view name) const noexcept;

    std::string names_;
    std::vector<elf_symbol> symbols_;      // sorted by value
    std::vector<std::uint64_t> furthest_;  // the end that the symbols up to each one reach
    std::vector<std::uint32_t> by_name_;
};

}  // namespace vmio::detail
