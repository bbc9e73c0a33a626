// SPDX-License-Identifier: BSL-1.0
/// Assertions about memory, for any test framework.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/detail/read_function.hpp>
#include <vmio/fwd.hpp>
#include <vmio/memory.hpp>

namespace vmio {

/// Whether something holds, and if not, why: a predicate's result that test frameworks print.
///
///     BOOST_TEST(vmio::memory_equals(memory, where, 42));                      // Boost.Test, and CHECK() of Catch2
///     const auto same = vmio::memory_equals(memory, where, 42);
///     EXPECT_TRUE(same) << same;                                              // GoogleTest
class memory_check {
public:
    /// It holds.
    memory_check() noexcept = default;
    /// It does not: `why` is not empty.
    explicit memory_check(std::string&& why) noexcept : why_(std::move(why)) {}

    explicit operator bool() const noexcept { return why_.empty(); }  ///< whether it holds
    const std::string& message() const noexcept { return why_; }      ///< why it does not; empty if it does

    /// Writes the message, or "as expected".
    friend VMIO_EXPORT std::ostream& operator<<(std::ostream&, const memory_check&);

private:
    std::string why_;
};

/// @cond
namespace detail {
VMIO_EXPORT memory_check equals(const read_function& memory, address where, std::span<const std::byte> expected);
}  // namespace detail
/// @endcond

/// Whether the bytes at `where` are those of `expected`: a value that is trivially copyable, or the characters of a
/// string, or the elements of a span or vector of bytes.
/// Errors: none; memory that cannot be read does not equal. The message has a dump of both from the first byte that
/// differs.
/// @{
template <memory_reader M>
memory_check memory_equals(M&& memory, address where, std::span<const std::byte> expected) {
    return detail::equals(detail::reading_from(memory), where, expected);
}
template <memory_reader M>
memory_check memory_equals(M&& memory, address where, std::string_view expected) {
    return memory_equals(memory, where, std::as_bytes(std::span(expected.data(), expected.size())));
}
template <memory_reader M, class T>
requires(std::is_trivially_copyable_v<T> && !std::is_convertible_v<const T&, std::string_view> &&
         !std::is_convertible_v<const T&, std::span<const std::byte>>) memory_check
    memory_equals(M&& memory, address where, const T& expected) {
    return memory_equals(memory, where, std::as_bytes(std::span(&expected, 1)));
}
/// @}

/// Whether the memory of a target differs from a capture only inside of `allowed`, in any order.
/// Errors: those of diff(). The message lists the ranges that differ elsewhere, with both bytes of the first ones.
VMIO_EXPORT memory_check differs_only_in(const process_snapshot& before, const process_memory& now,
                                         std::span<const address_range> allowed);

/// Whether the memory that a checkpoint holds is as it was, but for `except`, such as the stack of a thread that runs.
/// Cost: of checkpoint::differences(): it depends on what the target has written.
VMIO_EXPORT memory_check unchanged_since(const checkpoint& base, std::span<const address_range> except = {});

}  // namespace vmio
