// SPDX-License-Identifier: BSL-1.0
/// The state that copies of a process_memory share.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>

#include <fcntl.h>
#include <sys/uio.h>

#include <vmio/process_memory.hpp>

#include "base/system_call.hpp"
#include "process/lazy_descriptor.hpp"
#include "transfer/proc_mem.hpp"
#include "transfer/stack_growth.hpp"
#include "transfer/vm_call.hpp"

namespace vmio {

struct VMIO_HIDDEN process_memory::state {
    /// The system calls need a PID, which a process opened by in_proc() does not have in this namespace.
    state(process_memory_options o, const process& target)
        : options(o), use_mem(o.method == transfer_method::proc_mem || target.id() == 0 ? way::mem : way::call) {}

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
        const way w = use_mem.load(std::memory_order_acquire);
        if (w == way::call) [[likely]]
            return d == direction::writing && options.force_write;
        return w == way::mem || refused_here || (d == direction::writing && options.force_write);
    }

    /// To be called after a refusal. Seccomp filters are per thread, so other threads may not be affected.
    void turn_to_mem() noexcept {
        if (!detail::refusal_of(::process_vm_readv) && !detail::refusal_of(::process_vm_writev))
            return use_mem.store(way::mem, std::memory_order_release);
        refused_here = true;
        way none = way::call;
        use_mem.compare_exchange_strong(none, way::mem_where_refused, std::memory_order_release);
    }

    /// The same for both methods that transfer_method::automatic may use.
    detail::proc_mem::protections protections(direction d) const noexcept {
        const bool ignore =
            options.method == transfer_method::proc_mem || (d == direction::writing && options.force_write);
        return ignore ? detail::proc_mem::protections::ignore : detail::proc_mem::protections::honour;
    }

    /// Returns: how many of `size` bytes the calls can be asked for without growing a stack of the target.
    std::size_t safe_part(const process& target, address from, std::size_t size) const noexcept {
        if (!grows_stacks) [[likely]]
            return size;
        if (pagemap.get() < 0)
            pagemap.keep(
                detail::file_descriptor(detail::sys::openat(target.proc_directory(), "pagemap", O_RDONLY | O_CLOEXEC)));
        return detail::mapped_part(target, pagemap.get(), from, size);
    }

    const process_memory_options options;
    bool grows_stacks = false;  // the calls do, set at opening
    detail::lazy_descriptor pagemap;
    enum class way : unsigned char {
        call,               ///< no refusal yet
        mem_where_refused,  ///< used by the threads whose filters refuse the calls
        mem,                ///< used by all threads: the target refuses the calls, or the options exclude them
    };
    std::atomic<way> use_mem;
    static thread_local constinit bool refused_here;  // permanent: a filter cannot be removed
    std::mutex opening;
    std::error_code opening_error;
    std::optional<detail::proc_mem> mem;  // set before use_mem, then constant
};

}  // namespace vmio
