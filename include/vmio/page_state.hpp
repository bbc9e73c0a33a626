// SPDX-License-Identifier: BSL-1.0
/// The states of pages, and runs of pages in one state.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>

namespace vmio {

/// A set of flags, from the process's page tables: Documentation/admin-guide/mm/pagemap.rst.
enum class page_state : std::uint32_t {
    none = 0,
    present = 1 << 0,    ///< in memory
    swapped = 1 << 1,    ///< in a swap area, from where a read brings it back; or being moved at this moment
    file = 1 << 2,       ///< of a file or of shared memory; with present or swapped
    zero_page = 1 << 3,  ///< the kernel's page of zeros: private memory that was read but never written
    huge = 1 << 4,       ///< part of a huge page; with present or swapped
    guard = 1 << 5,      ///< MADV_GUARD_INSTALL of madvise(2): faults, in a mapping that looks readable
    absent = 1 << 6,  ///< none of these. Reads as zeros in private anonymous memory, as the file in a mapping of a file
                      ///< or of shared memory. Unmapped addresses and device memory are absent too, and pages that
                      ///< userfaultfd(2) write-protects before they were ever touched, or would bring at the
                      ///< first access

    data = 1 << 7,      ///< present or swapped, and not the zero page: worth reading
    changed = 1 << 8,   ///< data, and not file. In a private mapping of a file: written, so no longer as in the file.
                        ///< Private anonymous memory that holds data always has it, shared memory never
    poisoned = 1 << 9,  ///< UFFDIO_POISON of userfaultfd(2), or lost to a memory failure: faults, as a guard does

    all = (1 << 10) - 1,
};

/// Union, intersection, and complement within `all`.
/// @{
constexpr page_state operator|(page_state a, page_state b) noexcept {
    return static_cast<page_state>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr page_state operator&(page_state a, page_state b) noexcept {
    return static_cast<page_state>(static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b));
}
constexpr page_state operator~(page_state a) noexcept {
    return static_cast<page_state>(~static_cast<std::uint32_t>(a)) & page_state::all;
}
constexpr page_state& operator|=(page_state& a, page_state b) noexcept {
    return a = a | b;
}
/// @}

/// Returns: whether `state` has any of these flags.
constexpr bool has(page_state state, page_state any_of) noexcept {
    return (state & any_of) != page_state::none;
}

/// Returns: the names of the flags: "present|data", or "none".
VMIO_EXPORT std::string to_string(page_state);
/// Writes to_string().
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, page_state value) {
    return out << to_string(value);
}

/// Neighbouring pages of one state.
struct page_run {
    address_range range;                  ///< whole pages
    page_state state = page_state::none;  ///< of each of them

    friend bool operator==(const page_run&, const page_run&) noexcept = default;  ///< member by member
};

/// Returns: the range and the state: "[0x1000, 0x2000): present|data".
VMIO_EXPORT std::string to_string(const page_run&);
/// Writes to_string().
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const page_run& value) {
    return out << to_string(value);
}

}  // namespace vmio
