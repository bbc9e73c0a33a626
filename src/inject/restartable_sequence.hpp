// SPDX-License-Identifier: BSL-1.0
/// The area by which a thread and the kernel agree on restartable sequences: rseq(2).
#pragma once

#include <cstdint>

#include <sys/ptrace.h>
#include <sys/types.h>

#include <vmio/address.hpp>

namespace vmio::detail {

/// Precondition: the thread is stopped, and traced by the calling thread.
/// Returns: empty if the thread has none, or the kernel does not say (before Linux 5.13).
inline address_range sequence_area_of(pid_t thread) noexcept {
    struct {
        std::uint64_t place;
        std::uint32_t size, signature, flags, padding;
    } config{};
    constexpr auto get_configuration = static_cast<__ptrace_request>(0x420f);  // PTRACE_GET_RSEQ_CONFIGURATION
    const bool known = ::ptrace(get_configuration, thread, sizeof config, &config) == static_cast<long>(sizeof config);
    if (!known || config.place == 0 || config.place + config.size < config.place) return {};
    return {config.place, config.place + config.size};
}

}  // namespace vmio::detail
