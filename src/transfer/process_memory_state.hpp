// SPDX-License-Identifier: BSL-1.0
/// The state that copies of a process_memory share.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>

#include <vmio/process_memory.hpp>

#include "transfer/proc_mem.hpp"

namespace vmio {

struct VMIO_HIDDEN process_memory::state {
    /// The system calls need a PID, which a process of in_proc() does not have here.
    state(process_memory_options o, const process& target)
        : options(o), use_mem(o.method == transfer_method::proc_mem || target.id() == 0) {}

    /// Opens /proc/PID/mem, once.
    std::error_code open_mem(const process& target) noexcept {
        const std::lock_guard lock(opening);
        if (mem) return {};
        std::error_code ec;
        mem.emplace(target, ec);
        if (ec) mem.reset();
        opening_error = ec;
        return ec;
    }

    bool by_mem(direction d) const noexcept {
        return use_mem.load(std::memory_order_acquire) || (d == direction::writing && options.force_write);
    }

    /// The same for both ways that automatic may use.
    detail::proc_mem::protections protections(direction d) const noexcept {
        const bool ignore =
            options.method == transfer_method::proc_mem || (d == direction::writing && options.force_write);
        return ignore ? detail::proc_mem::protections::ignore : detail::proc_mem::protections::honour;
    }

    const process_memory_options options;
    std::atomic<bool> use_mem;
    std::mutex opening;
    std::error_code opening_error;
    std::optional<detail::proc_mem> mem;  // set before use_mem is, and never changed after
};

}  // namespace vmio
