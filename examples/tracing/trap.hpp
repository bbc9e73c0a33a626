// SPDX-License-Identifier: BSL-1.0
/// A breakpoint in a traced process.
#pragma once

#include <cerrno>
#include <csignal>
#include <system_error>

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include <vmio/process_vm_stream.hpp>

#include "machine.hpp"
#include "tracer.hpp"

namespace tool {

/// Of a stopped thread.
inline machine::registers registers_of(pid_t thread) {
    machine::registers r{};
    iovec all{&r, sizeof r};
    if (::ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &all) == 0) return r;
    throw vmio::memory_error("ptrace", thread, 0, {errno, std::system_category()});
}

/// A trap in the place of an instruction, from its construction until remove(). All threads must stand still then.
class trap {
public:
    trap(vmio::process target, vmio::address where) : target_(std::move(target)), where_(where) {
        vmio::process_vm_stream code(forced(target_), where);
        code.exceptions(std::ios::badbit | std::ios::failbit);
        before_ = code.read_value<decltype(before_)>();
        write(target_, machine::trap);
    }

    /// From this process, or a fork of it; nothing if that is no more, or runs another program.
    void remove_from(const vmio::process& copy) const {
        try {
            write(copy, before_);
        } catch (const vmio::memory_error& e) {
            if (e.code() != vmio::errc::no_such_process && e.code() != vmio::errc::program_changed) throw;
        }
    }
    void remove() const { remove_from(target_); }

    /// Whether it has stopped that thread.
    bool met_by(const trace_event& e) const {
        if (e.signal() != SIGTRAP) return false;
        auto r = registers_of(e.thread);
        return machine::program_counter(r) == where_ + machine::trap_advance;
    }

    /// The signal to go on with once the trap is removed: a thread that has met it runs the instruction that was there.
    int settle(const trace_event& e) const {
        if (!met_by(e)) return e.signal();
        auto r = registers_of(e.thread);
        machine::program_counter(r) = where_;
        iovec all{&r, sizeof r};
        ::ptrace(PTRACE_SETREGSET, e.thread, NT_PRSTATUS, &all);
        return 0;
    }

private:
    static vmio::process_memory forced(const vmio::process& target) {
        return vmio::process_memory(target, {.force_write = true});
    }
    void write(const vmio::process& to, const decltype(machine::trap)& code) const {
        vmio::process_vm_ostream out(forced(to), where_);
        out.exceptions(std::ios::badbit);
        out.write_value(code);
        out.close();
    }

    vmio::process target_;
    vmio::address where_;
    std::remove_const_t<decltype(machine::trap)> before_{};
};

}  // namespace tool
