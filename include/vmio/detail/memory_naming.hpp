// SPDX-License-Identifier: BSL-1.0
/// Process id and operation names for errors about a memory, which it may provide by process_id(), read_operation() and
/// write_operation().
#pragma once

#include <sys/types.h>

namespace vmio::detail {

/// The id that `m` provides, or 0.
template <class M>
pid_t process_id_of(const M& m) noexcept {
    if constexpr (requires { m.process_id(); })
        return m.process_id();
    else
        return 0;
}

/// The name of the operation that reads `m`, or "read".
template <class M>
const char* read_operation_of(const M& m) noexcept {
    if constexpr (requires { m.read_operation(); })
        return m.read_operation();
    else
        return "read";
}

/// The name of the operation that writes `m`, or "write".
template <class M>
const char* write_operation_of(const M& m) noexcept {
    if constexpr (requires { m.write_operation(); })
        return m.write_operation();
    else
        return "write";
}

}  // namespace vmio::detail
