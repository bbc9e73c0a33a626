// SPDX-License-Identifier: BSL-1.0
#include <vmio/process_memory.hpp>

#include <algorithm>
#include <cerrno>

#include <vmio/access.hpp>

#include "base/system_error.hpp"
#include "process/opening_error.hpp"
#include "transfer/process_memory_state.hpp"
#include "transfer/vm_call.hpp"

namespace vmio {
namespace {

/// Explanation and remedy for the refusal `ec` at opening. `mem_error`: that of opening /proc/PID/mem, if it was tried.
std::string advice(const process& target, const process_memory_options& options, const std::error_code& mem_error,
                   const std::error_code& ec) {
    if (ec.value() == EOPNOTSUPP)
        return "process_vm_readv needs a process id, and a process opened by in_proc() has none here: use "
               "transfer_method::automatic or proc_mem";
    std::string text = detail::opening_advice(target.id(), ec);
    if (ec != errc::permission_denied && ec != errc::not_supported) return text;
    const access_obstacle obstacle = target.id() == 0 ? access_obstacle::none : diagnose_access(target.id()).obstacle;
    const std::string call = "process_vm_readv is refused by a seccomp filter or missing in this kernel";
    const std::string file = "/proc/PID/mem cannot be opened" + (mem_error ? ": " + mem_error.message() : "");
    if (obstacle == access_obstacle::none && mem_error)
        return file + "; a filter or security module refuses it" +
               (target.id() == 0      ? ""
                : options.force_write ? "; only force_write needs it"
                                      : "; transfer_method::process_vm does not need it");
    if (obstacle != access_obstacle::forbidden_call) return text;
    if (mem_error) return call + ", and " + file + ": allow one of them";
    return call + ": use transfer_method::" + (options.method == transfer_method::automatic ? "" : "automatic or ") +
           "proc_mem, or allow the call in the container's profile";
}

}  // namespace

thread_local constinit bool process_memory::state::refused_here = false;

process_memory::process_memory(process target, process_memory_options options, std::error_code& ec)
    : target_(std::move(target)), state_(std::make_shared<state>(options, target_)) {
    ec = open(options);
}

process_memory::process_memory(process target, process_memory_options options)
    : target_(std::move(target)), state_(std::make_shared<state>(options, target_)) {
    const std::error_code ec = open(options);
    if (!ec) return;
    const std::error_code mem_error = state_->mem ? state_->mem->write_error() : state_->opening_error;
    throw memory_error("open", target_.id(), 0, ec, advice(target_, state_->options, mem_error, ec));
}

std::error_code process_memory::open(process_memory_options options) {
    if (!target_.alive()) return detail::system_error_of(ESRCH);
    if (target_.id() == 0 && options.method == transfer_method::process_vm) return detail::system_error_of(EOPNOTSUPP);
    std::error_code ec;
    if (state_->by_mem(direction::reading) || options.force_write) {
        ec = state_->open_mem(target_);
        if (!ec && options.force_write) ec = state_->mem->write_error();
        if (ec || state_->by_mem(direction::reading)) return gone(ec);
    }
    // A filter may refuse the call with any errno, including those of a bad address and of an ended process.
    ec = detail::refusal_of(::process_vm_readv);
    if (ec) {
        turn_to_mem(ec);
        return gone(ec);
    }
    state_->grows_stacks = detail::calls_grow_stacks();
    // A call of length 0 checks nothing. A read of the byte at 0, which no program maps, fails with EFAULT if access is
    // allowed.
    std::byte byte;
    detail::transfer(::process_vm_readv, target_.id(), 0, &byte, 1, 1, ec);
    if (ec.value() == EFAULT || (detail::is_forbidden(::process_vm_readv, ec) && turn_to_mem(ec))) ec.clear();
    return gone(ec);
}

const process_memory_options& process_memory::options() const noexcept {
    return state_->options;
}

transfer_method process_memory::method() const noexcept {
    return state_->by_mem(direction::reading) ? transfer_method::proc_mem : transfer_method::process_vm;
}

const char* process_memory::read_operation() const noexcept {
    return state_->by_mem(direction::reading) ? "read of /proc/PID/mem" : "process_vm_readv";
}

const char* process_memory::write_operation() const noexcept {
    return state_->by_mem(direction::writing) ? "write of /proc/PID/mem" : "process_vm_writev";
}

/// Switches to /proc/PID/mem after the refusal `why`.
/// Returns: whether it is used from now on.
bool process_memory::turn_to_mem(std::error_code& why) const noexcept {
    if (state_->options.method != transfer_method::automatic) return false;
    if (const std::error_code ec = state_->open_mem(target_)) {
        if (detail::is_exhaustion(ec)) why = ec;  // report a shortage, which is temporary, instead of the refusal
        return false;
    }
    state_->turn_to_mem();
    why.clear();
    return true;
}

/// Returns: `ec`, or ESRCH if the process has ended: the result may then be of another process.
std::error_code process_memory::gone(std::error_code ec) const noexcept {
    return target_.alive() ? ec : detail::system_error_of(ESRCH);
}

std::size_t process_memory::read_some(address from, std::span<std::byte> to, std::error_code& ec) const noexcept {
    ec.clear();
    if (to.empty()) return 0;
    if (!state_->by_mem(direction::reading)) {
        const std::size_t size = state_->safe_part(target_, from, to.size());
        if (size == 0) return ec = gone(detail::system_error_of(EFAULT)), 0;
        const std::size_t done =
            detail::transfer(::process_vm_readv, target_.id(), from, to.data(), size, state_->options.threads, ec);
        if (!target_.alive()) {
            ec = detail::system_error_of(ESRCH);
            return 0;
        }
        if (!detail::is_forbidden(::process_vm_readv, ec) || !turn_to_mem(ec)) return done;
    }
    if (!state_->mem) {
        ec = state_->opening_error;
        return 0;
    }
    return state_->mem->read_some(from, to, state_->protections(direction::reading), ec);
}

std::size_t process_memory::write_some(address to, std::span<const std::byte> from,
                                       std::error_code& ec) const noexcept {
    ec.clear();
    if (from.empty()) return 0;
    if (!target_.alive()) {
        ec = detail::system_error_of(ESRCH);
        return 0;
    }
    if (!state_->by_mem(direction::writing)) {
        const std::size_t size = state_->safe_part(target_, to, from.size());
        if (size == 0) return ec = detail::system_error_of(EFAULT), 0;
        // process_vm_writev only reads the local side; the iovec has no const form.
        auto* const local = const_cast<std::byte*>(from.data());
        const std::size_t done =
            detail::transfer(::process_vm_writev, target_.id(), to, local, size, state_->options.threads, ec);
        if (!detail::is_forbidden(::process_vm_writev, ec) || !turn_to_mem(ec)) return done;
    }
    if (!state_->mem) {
        ec = state_->opening_error;
        return 0;
    }
    const std::size_t done = state_->mem->write_some(to, from, state_->protections(direction::writing), ec);
    if (ec) ec = gone(ec);
    return done;
}

void process_memory::read(address from, std::span<std::byte> to) const {
    detail::read_all(*this, from, to);
}

void process_memory::write(address to, std::span<const std::byte> from) const {
    detail::write_all(*this, to, from);
}

std::string process_memory::read_string(address from, std::size_t limit) const {
    std::string text;
    std::size_t chunk = page_size() - static_cast<std::size_t>(from & (page_size() - 1));
    while (text.size() < limit) {
        const std::size_t before = text.size();
        text.resize(before + std::min(chunk, limit - before));
        std::error_code ec;
        const std::size_t got = read_some(from + before, std::as_writable_bytes(std::span(text).subspan(before)), ec);
        if (ec) throw memory_error(read_operation(), target_.id(), from + before, ec);
        text.resize(before + got);
        if (const auto nul = text.find('\0', before); nul != std::string::npos) {
            text.resize(nul);
            break;
        }
        chunk = static_cast<std::size_t>(align_down(text.size(), page_size())) + page_size();
    }
    return text;
}

}  // namespace vmio
