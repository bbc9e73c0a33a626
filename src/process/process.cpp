// SPDX-License-Identifier: BSL-1.0
#include <vmio/process.hpp>

#include <cerrno>
#include <cstdio>
#include <new>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <vmio/error.hpp>

#include "base/file_descriptor.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/proc_numbering.hpp"
#include "proc/proc_stat.hpp"
#include "proc/vma_lookup.hpp"
#include "process/opening_error.hpp"

namespace vmio {

struct VMIO_HIDDEN process::state {
    detail::file_descriptor pidfd;
    detail::file_descriptor
        end;  // an epoll(7) that watches the pidfd: asking it costs no more than entering the kernel
    detail::file_descriptor directory;
    detail::file_descriptor stat;  // tells what `end` cannot, and needs no descriptor then
    detail::file_descriptor maps;

    /// What lies in the directory. ESRCH of what has ended, or has no memory; the maps may be forbidden.
    std::error_code open_files() noexcept {
        stat = detail::file_descriptor(detail::sys::openat(directory.get(), "stat", O_RDONLY | O_CLOEXEC));
        detail::proc_stat status;
        if (const std::error_code ec = stat ? detail::read_proc_stat(stat.get(), status) : detail::last_system_error())
            return ec;
        if (status.ended() || status.kernel_thread()) return detail::system_error_of(ESRCH);
        maps = detail::file_descriptor(detail::sys::openat(directory.get(), "maps", O_RDONLY | O_CLOEXEC));
        const std::error_code ec = maps ? std::error_code() : detail::last_system_error();
        return detail::is_exhaustion(ec) ? ec : std::error_code();
    }
};

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
    // The id of a thread that leads no group: EINVAL, or ENOENT on newer kernels.
    if (!fd && (ec.value() == EINVAL || ec.value() == ENOENT)) {
        const std::error_code first = ec;
        fd = attempt(pidfd_thread);
        if (!fd && ec.value() == EINVAL) ec = first;
    }
    if (fd) ec.clear();
    return fd;
}

/// An epoll that becomes ready when the process of `pidfd` ends.
detail::file_descriptor watch_end(int pidfd, std::error_code& ec) noexcept {
    detail::file_descriptor watch(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{};
    event.events = EPOLLIN;
    if (!watch || ::epoll_ctl(watch.get(), EPOLL_CTL_ADD, pidfd, &event) != 0) ec = detail::last_system_error();
    return watch;
}

/// /proc is not mounted, or keeps others' processes from us (proc(5), hidepid).
bool is_hidden(const std::error_code& ec) noexcept {
    return ec.value() == ENOENT || ec.value() == EACCES || ec.value() == EPERM;
}

/// 1 if the watched process has ended, 0 if not, below 0 if that may not be asked. Not by epoll_wait(3): that is a
/// place where a thread can be cancelled, which costs a quarter more once there are threads, and must not be in a
/// noexcept function.
long has_ended(int watch) noexcept {
    epoll_event event;
#ifdef SYS_epoll_wait
    return ::syscall(SYS_epoll_wait, watch, &event, 1, 0);
#else
    return ::syscall(SYS_epoll_pwait, watch, &event, 1, 0, nullptr, 0);
#endif
}

}  // namespace

std::shared_ptr<const process::state> process::open(pid_t id, std::error_code& ec) noexcept {
    ec.clear();
    if (id <= 0) {
        ec = detail::system_error_of(EINVAL);
        return nullptr;
    }
    state found;
    found.pidfd = open_pidfd(id, ec);
    // Without pidfd_open (before Linux 5.3, or refused by a seccomp filter) /proc/PID alone tells who it is.
    const bool no_pidfds = ec.value() == ENOSYS || ec.value() == EPERM;
    if (ec && !no_pidfds) return nullptr;

    char path[32];
    std::snprintf(path, sizeof path, "/proc/%d", id);
    found.directory = detail::file_descriptor(detail::sys::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!found.directory) {
        ec = detail::last_system_error();
        // The pidfd will do.
        const bool hidden = is_hidden(ec);
        if (no_pidfds && ec.value() == ENOENT) ec = detail::system_error_of(ESRCH);
        if (no_pidfds || !hidden) return nullptr;
    }
    ec.clear();
    if (found.directory) {
        const std::error_code unsure = detail::check_proc_number(found.pidfd.get(), id);
        if (detail::is_exhaustion(unsure)) return ec = unsure, nullptr;
        if (unsure && no_pidfds) return ec = detail::system_error_of(EACCES), nullptr;
        if (unsure) found.directory = detail::file_descriptor();
    }
    if (found.directory) {
        ec = found.open_files();
        if (is_hidden(ec)) {  // what hidepid hides can be opened, but nothing in it
            if (no_pidfds) return ec = detail::system_error_of(ESRCH), nullptr;
            found.directory = detail::file_descriptor();
            ec.clear();
        }
    }
    // Still there: so /proc/PID was opened on the process that the pidfd is of.
    if (!ec && found.pidfd) found.end = watch_end(found.pidfd.get(), ec);
    if (!ec && found.pidfd && has_ended(found.end.get()) > 0) ec = detail::system_error_of(ESRCH);
    if (ec) return nullptr;
    try {
        return std::make_shared<const state>(std::move(found));
    } catch (const std::bad_alloc&) {
        ec = detail::system_error_of(ENOMEM);
        return nullptr;
    }
}

process::process(pid_t id) : id_(id) {
    std::error_code ec;
    state_ = open(id, ec);
    if (ec) throw detail::opening_error("open", id, 0, ec);
}

process::process(pid_t id, std::error_code& ec) noexcept : id_(id), state_(open(id, ec)) {}

process process::in_proc(const std::string& path) {
    const auto fail = [](const std::error_code& ec) { throw memory_error("open", 0, 0, ec); };
    state found;
    found.directory = detail::file_descriptor(detail::sys::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!found.directory) {
        const std::error_code ec = detail::last_system_error();
        fail(ec.value() == ENOENT ? detail::system_error_of(ESRCH) : ec);
    }
    struct statfs where {};
    if (::fstatfs(found.directory.get(), &where) != 0 || where.f_type != PROC_SUPER_MAGIC)
        fail(detail::system_error_of(EINVAL));
    std::error_code ec = found.open_files();
    if (ec.value() == ENOENT) ec = detail::system_error_of(EINVAL);  // another directory there
    if (ec) fail(ec);
    return process(std::make_shared<const state>(std::move(found)));
}

process process::self() {
    return process(::getpid());
}

bool process::alive() const noexcept {
    if (!state_) return false;
    if (state_->end)
        if (const long ended = has_ended(state_->end.get()); ended >= 0) return ended == 0;
    detail::proc_stat status;
    return !detail::read_proc_stat(state_->stat.get(), status) && !status.ended();
}

bool process::same_program() const {
    if (!alive()) return false;
    if (maps() < 0) throw detail::opening_error("same_program", id_, 0, detail::system_error_of(EACCES));
    const std::error_code ec = detail::memory_behind(maps());
    if (ec.value() == ESRCH) return false;
    if (ec) throw memory_error("same_program", id_, 0, ec);
    return true;
}

int process::maps() const noexcept {
    return state_ ? state_->maps.get() : -1;
}

int process::pidfd() const noexcept {
    return state_ ? state_->pidfd.get() : -1;
}

int process::proc_directory() const noexcept {
    return state_ ? state_->directory.get() : -1;
}

}  // namespace vmio
