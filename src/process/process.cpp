// SPDX-License-Identifier: BSL-1.0
#include <vmio/process.hpp>

#include <cerrno>
#include <cstdio>
#include <new>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <vmio/error.hpp>

#include "base/file_descriptor.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/proc_numbering.hpp"
#include "process/opening_error.hpp"
#include "process/process_state.hpp"

namespace vmio {

namespace {

// pidfd_open(2), "PIDFD_THREAD"; the installed headers may be older than the kernel.
constexpr unsigned pidfd_thread = O_EXCL;

detail::file_descriptor open_pidfd(pid_t id, std::error_code& ec) noexcept {
    auto attempt = [&](unsigned flags) {
        detail::file_descriptor fd(static_cast<int>(::syscall(SYS_pidfd_open, id, flags)));
        if (!fd) ec = detail::last_system_error();
        return fd;
    };
    detail::file_descriptor fd = attempt(0);
    // For the id of a thread that is not a group leader: EINVAL, or ENOENT on newer kernels.
    if (!fd && (ec.value() == EINVAL || ec.value() == ENOENT)) {
        const std::error_code first = ec;
        fd = attempt(pidfd_thread);
        if (!fd && ec.value() == EINVAL) ec = first;
    }
    if (fd) ec.clear();
    return fd;
}

/// /proc is not mounted, or hides processes of other users (proc(5), hidepid).
bool is_hidden(const std::error_code& ec) noexcept {
    return ec.value() == ENOENT || ec.value() == EACCES || ec.value() == EPERM;
}

}  // namespace

std::shared_ptr<process::state> process::new_state(std::error_code& ec) noexcept {
    try {
        return std::make_shared<state>();
    } catch (const std::bad_alloc&) {
        ec = detail::system_error_of(ENOMEM);
        return nullptr;
    }
}

std::shared_ptr<const process::state> process::open(pid_t id, std::error_code& ec) noexcept {
    ec.clear();
    if (id <= 0) {
        ec = detail::system_error_of(EINVAL);
        return nullptr;
    }
    const auto found = new_state(ec);
    if (!found) return nullptr;
    found->id = id;
    found->pidfd = open_pidfd(id, ec);
    // Without pidfd_open (before Linux 5.3, or refused by a seccomp filter) /proc/PID alone identifies the process.
    const bool no_pidfds = ec.value() == ENOSYS || ec.value() == EPERM;
    if (ec && !no_pidfds) return nullptr;

    char path[32];
    std::snprintf(path, sizeof path, "/proc/%d", id);
    found->directory = detail::file_descriptor(detail::sys::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!found->directory) {
        ec = detail::last_system_error();
        // The pidfd is sufficient.
        const bool hidden = is_hidden(ec);
        if (no_pidfds && ec.value() == ENOENT) ec = detail::system_error_of(ESRCH);
        if (no_pidfds || !hidden) return nullptr;
    }
    ec.clear();
    if (found->directory) {
        const std::error_code unsure = detail::check_proc_number(found->pidfd.get(), id);
        if (detail::is_exhaustion(unsure)) return ec = unsure, nullptr;
        if (unsure && no_pidfds) return ec = detail::system_error_of(EACCES), nullptr;
        if (unsure) found->directory = detail::file_descriptor();
    }
    if (found->directory) {
        ec = found->look();
        if (is_hidden(ec)) {  // a directory hidden by hidepid can be opened, but its files cannot
            if (no_pidfds) return ec = detail::system_error_of(ESRCH), nullptr;
            found->directory = detail::file_descriptor();
            ec.clear();
        }
    }
    // If the process is still alive, /proc/PID was opened on the process of the pidfd.
    if (!ec && found->ended_by_pidfd() > 0) ec = detail::system_error_of(ESRCH);
    if (ec) return nullptr;
    return found;
}

process::process(pid_t id) : id_(id) {
    std::error_code ec;
    state_ = open(id, ec);
    if (ec) throw detail::opening_error("open", id, 0, ec);
}

process::process(pid_t id, std::error_code& ec) noexcept : id_(id), state_(open(id, ec)) {}

process process::in_proc(const std::string& path) {
    const auto fail = [](const std::error_code& ec) { throw memory_error("open", 0, 0, ec); };
    std::error_code ec;
    const auto found = new_state(ec);
    if (!found) fail(ec);
    found->directory = detail::file_descriptor(detail::sys::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!found->directory) {
        ec = detail::last_system_error();
        fail(ec.value() == ENOENT ? detail::system_error_of(ESRCH) : ec);
    }
    struct statfs where {};
    if (::fstatfs(found->directory.get(), &where) != 0 || where.f_type != PROC_SUPER_MAGIC)
        fail(detail::system_error_of(EINVAL));
    ec = found->look();
    if (ec.value() == ENOENT) ec = detail::system_error_of(EINVAL);  // not the directory of a process
    if (ec) fail(ec);
    return process(found);
}

process process::self() {
    return process(::getpid());
}

bool process::alive() const noexcept {
    return state_ && state_->alive();
}

bool process::same_program() const {
    if (!alive()) return false;
    if (!state_->program_known()) throw detail::opening_error("same_program", id_, 0, detail::system_error_of(EACCES));
    std::error_code ec;
    const bool same = state_->same_program(ec);
    if (ec) throw memory_error("same_program", id_, 0, ec);
    return same;
}

int process::maps() const noexcept {
    std::error_code ec;
    return state_ ? state_->open_maps(ec) : -1;
}

int process::pidfd() const noexcept {
    return state_ ? state_->pidfd.get() : -1;
}

int process::proc_directory() const noexcept {
    return state_ ? state_->directory.get() : -1;
}

}  // namespace vmio
