// SPDX-License-Identifier: BSL-1.0
/// The symbols of all files that a target has mapped.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <vmio/backing_file.hpp>
#include <vmio/detail/read_function.hpp>
#include <vmio/memory_map.hpp>

#include "base/file_descriptor.hpp"
#include "symbols/symbol_table.hpp"

namespace vmio::detail {

/// A file, at one of the places where it was loaded.
struct loaded_symbols {
    std::string file;
    std::uint64_t bias = 0;             // what is added to an address of the file, modulo 2^64
    std::vector<address_range> mapped;  // where it is, sorted
    std::shared_ptr<const symbol_table> table;
};

/// A file to read the symbols of, or the reason why there is none.
struct symbol_file {
    std::optional<backing_file> mapped;  // keeps the descriptor open
    file_descriptor opened;
    std::string reason;

    int descriptor() const noexcept { return mapped ? mapped->descriptor() : opened.get(); }
};

class symbol_loader {
public:
    using opener = std::function<symbol_file(const mapping&)>;

    /// `memory`: of the target, for the vdso. `open`: opens the file of a mapping.
    symbol_loader(read_function memory, opener open, const symbols_options& options)
        : memory_(std::move(memory)), open_(std::move(open)), options_(options) {}

    void load(const memory_map& map);

    /// Opens the file that has the name of a mapping, if the memory shows the same one: by its build id, or, if it has
    /// none, by its first page.
    symbol_file open_by_name(const memory_map& map, const mapping& m) const;

    std::vector<loaded_symbols> loaded;  // sorted by address
    std::vector<skipped_symbols> skipped;

private:
    void load_file(const std::vector<const mapping*>& parts);
    void load_image(const mapping& m);
    std::shared_ptr<const symbol_table> read_table(const elf_file& file, const std::string& name, bool with_debug);
    void place(const std::vector<const mapping*>& parts, const std::vector<elf_segment>& segments,
               const std::shared_ptr<const symbol_table>& table);
    std::vector<std::byte> read_image(const address_range& range, std::size_t most) const;

    read_function memory_;
    opener open_;
    const symbols_options& options_;
};

}  // namespace vmio::detail
