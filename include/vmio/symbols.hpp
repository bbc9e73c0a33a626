// SPDX-License-Identifier: BSL-1.0
/// The names of functions and variables of a target. In a library of its own: link to vmio-symbols.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/any_memory.hpp>
#include <vmio/core_memory.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/process.hpp>
#include <vmio/process_snapshot.hpp>

namespace vmio {

/// What a symbol names.
enum class symbol_kind {
    function,           ///< STT_FUNC of elf(5)
    indirect_function,  ///< STT_GNU_IFUNC: at the address is a function that chooses one of others
    object,             ///< STT_OBJECT, STT_COMMON: a variable
    other,              ///< STT_NOTYPE: a label of assembly
};

/// A symbol where it is in a target.
struct symbol {
    std::string name;                       ///< as in the file, without a version: see demangled()
    address start = 0;                      ///< in the target
    std::uint64_t size = 0;                 ///< in bytes; 0: the file does not say
    symbol_kind kind = symbol_kind::other;  ///< what it names
    bool global = false;                    ///< or weak: seen by other files
    std::string file;                       ///< the name of the mapping, or of the vdso

    friend bool operator==(const symbol&, const symbol&) = default;  ///< member by member
};

/// Returns: the name as in a C++ program, or the name itself if it is no mangled one.
VMIO_EXPORT std::string demangled(const symbol&);
/// Returns: the demangled name, its range and its file: "main [0x401136, 0x401150) /usr/bin/example".
VMIO_EXPORT std::string to_string(const symbol&);
/// Writes to_string().
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const symbol& value) {
    return out << to_string(value);
}

/// Where symbols are looked for beside the mapped files, and limits.
struct symbols_options {
    /// Directories with files of debug symbols, by build id (.build-id/xx/yy.debug) or by .gnu_debuglink; those by
    /// .gnu_debuglink are looked for beside the file, too. Empty: none are used.
    std::vector<std::string> debug_directories = {"/usr/lib/debug"};
    /// Only files whose mapping has a name that this function accepts; null: all.
    bool (*wanted)(std::string_view name) = nullptr;
    /// Tables of symbols or names of more bytes are left out: symbols::skipped().
    std::uint64_t most_table_bytes = std::uint64_t{1} << 30;
};

/// A file whose symbols are not known, and why.
struct skipped_symbols {
    std::string file;    ///< the name of its mapping
    std::string reason;  ///< "another file has its name now"
};

/// The symbols of all ELF files that are mapped for execution, at the addresses where they are mapped: from .symtab,
/// .dynsym, the vdso, and files of debug symbols. Where a file was loaded follows from what part of it is mapped where.
/// Names of thread-local variables, and those that a file only refers to, are not among them.
///
///     const auto names = vmio::symbols::load(vmio::process(pid));
///     memory.read_value<int>(names.find("counter").value().start);
///
/// The files are those that are mapped (backing_file), or, for a capture or a core, files of their name whose build id
/// is that of the memory. Copies share; const members are thread-safe. What is mapped after load() is not known.
class VMIO_EXPORT symbols {
public:
    /// Reads the symbols of a process, of a captured one, of a core file, or of a memory that has mappings.
    /// Errors: memory_error; ENOEXEC: libelf does not work. A file that is damaged, gone or replaced is in skipped().
    /// Cost: reading and sorting the tables of all these files: some 2 ms for 1,000 symbols.
    /// @{
    static symbols load(const process& target, const symbols_options& options = {});
    static symbols load(const process_snapshot& captured, const symbols_options& options = {});
    static symbols load(const core_memory& core, const symbols_options& options = {});
    static symbols load(const any_memory& memory, const symbols_options& options = {});
    static symbols load(pid_t target, const symbols_options& options = {}) { return load(process(target), options); }
    /// @}

    /// Returns: the symbol of this name: a global one before others, in the order of the mapped files' addresses. The
    /// name is that in the file; or, if no symbol has it, a demangled one, with or without the parameters of a
    /// function: "space::function", "space::function(int)". Cost: a binary search in each file; for a demangled name, a
    /// look at all symbols.
    std::optional<symbol> find(std::string_view name) const;
    /// Returns: all symbols of this name, in the order of files.
    std::vector<symbol> find_all(std::string_view name) const;
    /// Returns: the symbol in whose range the address lies, the smallest if there are several; else the one before it
    /// whose size is not known, if no other lies between.
    std::optional<symbol> at(address) const;

    /// Returns: the number of symbols.
    std::size_t size() const noexcept;
    /// Returns: the files whose symbols are not known. Valid as long as a copy of this object.
    std::span<const skipped_symbols> skipped() const noexcept;

private:
    struct VMIO_HIDDEN state;
    explicit symbols(std::shared_ptr<const state> s) noexcept : state_(std::move(s)) {}
    std::shared_ptr<const state> state_;
};

}  // namespace vmio
