// SPDX-License-Identifier: BSL-1.0
#include "process/process_state.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <utility>

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/vma_lookup.hpp"

namespace vmio {
namespace {

/// Returns: the number at the beginning of a small file; below 0 if it cannot be read.
long number_in(int directory, const char* name, int base) noexcept {
    const detail::file_descriptor file(detail::sys::openat(directory, name, O_RDONLY | O_CLOEXEC));
    char text[32] = "";
    if (!file || detail::sys::read(file.get(), text, sizeof text - 1) <= 0) return -1;
    return static_cast<long>(std::strtoul(text, nullptr, base));
}

/// Whether the kernel randomizes the layout of each program of the process, so that two programs differ in some
/// address.
bool is_placed_at_random(int directory) noexcept {
    static const bool everywhere = number_in(AT_FDCWD, "/proc/sys/kernel/randomize_va_space", 10) > 0;
    if (!everywhere) return false;
    const long personality = number_in(directory, "personality", 16);
    return personality >= 0 && (personality & ADDR_NO_RANDOMIZE) == 0;
}

}  // namespace

std::error_code process::state::look() noexcept {
    // No layout is available while a program is being loaded.
    constexpr int most_looks = 1000;
    for (int looks = 0; looks < most_looks; ++looks) {
        if (const std::error_code ec = detail::read_proc_stat(directory.get(), "stat", program_)) return ec;
        if (program_.ended() || program_.kernel_thread()) return detail::system_error_of(ESRCH);
        if (program_.layout_known() || program_.start_code == 1) break;
        if (detail::all_threads_exiting(directory.get())) return detail::system_error_of(ESRCH);
        ::sched_yield();
    }
    random_layout_ = is_placed_at_random(directory.get());
    // Without a pidfd this file shows whether the process has ended, even when no descriptors are left.
    if (!pidfd)
        if (const std::error_code ec = keep_stat()) return ec;
    // The layout of the next program may be the same: only a descriptor of the memory detects an exec.
    if (!random_layout_) {
        std::error_code ec;
        open_maps(ec);
        maps_permitted_ = maps_.get() >= 0;
        if (detail::is_exhaustion(ec)) return ec;
    }
    return {};
}

// Not by poll(3) and epoll_wait(3): those are cancellation points, which cost a quarter more once there are threads,
// and must not be in a noexcept function.
long process::state::ended_by_pidfd() const noexcept {
    if (!pidfd) return -1;
    epoll_event event{};
    if (watch_.get() >= 0) {
#ifdef SYS_epoll_wait
        const long ended = ::syscall(SYS_epoll_wait, watch_.get(), &event, 1, 0);
#else
        const long ended = ::syscall(SYS_epoll_pwait, watch_.get(), &event, 1, 0, nullptr, 0);
#endif
        if (ended >= 0) return ended;
    } else if (constexpr unsigned often = 256; questions_.load(std::memory_order_relaxed) < often) {
        // An epoll(7) is faster to query than the pidfd, but takes a descriptor: for frequent callers only.
        if (questions_.fetch_add(1, std::memory_order_relaxed) == often - 1) {
            detail::file_descriptor watch(::epoll_create1(EPOLL_CLOEXEC));
            event.events = EPOLLIN;
            if (watch && ::epoll_ctl(watch.get(), EPOLL_CTL_ADD, pidfd.get(), &event) == 0)
                watch_.keep(std::move(watch));
        }
    }
    pollfd asked{pidfd.get(), POLLIN, 0};
    timespec at_once{};
    if (const long ended = ::syscall(SYS_ppoll, &asked, 1, &at_once, nullptr, 0); ended >= 0) return ended;
    // ppoll(2) fails where RLIMIT_NOFILE is 0. To the signal 0 a zombie is alive, whose id is not recycled yet.
    if (::syscall(SYS_pidfd_send_signal, pidfd.get(), 0, nullptr, 0) == 0) return 0;
    const int error = detail::last_system_error().value();
    return error == ESRCH ? 1 : error == EPERM ? 0 : -1;
}

bool process::state::alive() const noexcept {
    if (const long ended = ended_by_pidfd(); ended >= 0) return ended == 0;
    detail::proc_stat status;
    const std::error_code ec = read_stat(status);
    return detail::is_exhaustion(ec) || (!ec && !status.ended());  // a shortage is no sign of an end
}

/// Reads through a cached descriptor if called often, or if there is no pidfd.
std::error_code process::state::read_stat(detail::proc_stat& status) const noexcept {
    constexpr unsigned often = 64;
    if (stat_.get() < 0) {
        if (readings_.fetch_add(1, std::memory_order_relaxed) < often)
            return detail::read_proc_stat(directory.get(), "stat", status);
        if (const std::error_code ec = keep_stat()) return ec;
    }
    return detail::read_proc_stat(stat_.get(), status);
}

std::error_code process::state::keep_stat() const noexcept {
    if (stat_.get() >= 0 || !directory) return {};
    detail::file_descriptor opened(detail::sys::openat(directory.get(), "stat", O_RDONLY | O_CLOEXEC));
    if (!opened) return detail::last_system_error();
    stat_.keep(std::move(opened));
    return {};
}

/// The C library of a program registers a robust list, which exec(2) unregisters: if its address is unchanged, with a
/// randomized layout, no exec has happened. Queried by PID.
/// `head`: the address of the list; 0 if it is unusable: none, not permitted, or near the heap, whose address has
/// little randomness.
bool process::state::keeps_robust_list(std::uintptr_t& head) const noexcept {
    head = 0;
    if (!random_layout_ || id == 0) return false;
    robust_list_head* list = nullptr;
    std::size_t size = 0;
    if (::syscall(SYS_get_robust_list, id, &list, &size) != 0) return false;
    const auto place = reinterpret_cast<std::uintptr_t>(list);
    const std::uintptr_t stack = program_.start_stack;
    const std::uintptr_t from_stack = place < stack ? stack - place : place - stack;
    const std::uintptr_t from_code = place < program_.end_data ? program_.end_data - place : place - program_.end_data;
    if (place == 0 || from_stack > from_code) return false;
    head = place;
    return place == robust_list_.load(std::memory_order_relaxed);
}

bool process::state::same_program(std::error_code& ec) const noexcept {
    ec.clear();
    std::uintptr_t robust_list = 0;
    if (keeps_robust_list(robust_list)) return alive();
    if (maps_.get() >= 0 && detail::memory_behind(maps_.get()).value() == ESRCH) return false;
    detail::proc_stat now;
    if (directory) ec = read_stat(now);
    if (!alive() || ec.value() == ESRCH || ec.value() == ENOENT) {
        ec.clear();
        return false;
    }
    if (ec || !directory) return true;
    if (program_.never_called_exec() && !now.never_called_exec()) return false;
    if (!program_.layout_known()) return true;
    if (!now.layout_known()) {
        // Not permitted to know; or the first thread has ended, or the next program is just being loaded.
        return now.start_code == 1 || maps_.get() >= 0;
    }
    if (now.start_code != program_.start_code || now.end_code != program_.end_code ||
        now.start_stack != program_.start_stack || now.start_data != program_.start_data ||
        now.end_data != program_.end_data)
        return false;
    if (robust_list != 0) robust_list_.store(robust_list, std::memory_order_relaxed);
    return true;
}

int process::state::open_maps(std::error_code& ec) const noexcept {
    ec.clear();
    if (const int opened = maps_.get(); opened >= 0) return opened;
    if (!directory || !maps_permitted_ || !program_known()) return ec = detail::system_error_of(EACCES), -1;
    detail::file_descriptor opened(detail::sys::openat(directory.get(), "maps", O_RDONLY | O_CLOEXEC));
    if (!opened) ec = detail::last_system_error();
    if (ec.value() == ENOENT) ec = detail::system_error_of(ESRCH);
    if (ec) return -1;
    // The file may belong to the next program already.
    if (!same_program(ec)) ec = detail::system_error_of(ESRCH);
    return ec ? -1 : maps_.keep(std::move(opened));
}

}  // namespace vmio
