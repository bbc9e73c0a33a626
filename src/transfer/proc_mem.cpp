// SPDX-License-Identifier: BSL-1.0
#include "transfer/proc_mem.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/vma_lookup.hpp"
#include "process/proc_file.hpp"
#include "transfer/iovec_batch.hpp"

namespace vmio::detail {

proc_mem::proc_mem(const process& target, std::error_code& ec) noexcept
    : target_(target), file_(sys::openat(target.proc_directory(), "mem", O_RDWR | O_CLOEXEC)) {
    ec = file_ ? std::error_code() : last_system_error();
    if (!file_ && (ec.value() == EROFS || ec.value() == EACCES || ec.value() == EPERM)) {
        // For a /proc that is mounted read-only, or where only writing is refused.
        write_error_ = ec;
        file_ = file_descriptor(sys::openat(target.proc_directory(), "mem", O_RDONLY | O_CLOEXEC));
        if (file_) ec.clear();
    }
    if (target.proc_directory() < 0) ec = system_error_of(EACCES);
    if (ec.value() == ENOENT) ec = system_error_of(ESRCH);
    if (!ec) ec = prepare_lost_program(target);
    if (!ec) maps_of(target, ec);
    if (const std::error_code lost = lost_program(target)) ec = lost;
}

template <class Move>
std::size_t proc_mem::transfer(address remote, std::size_t size, bool writing, protections protection, Move&& move,
                               std::error_code& ec) const noexcept {
    ec.clear();
    std::size_t done = 0;
    auto stop = [&](int error) {
        if (done == 0) ec = system_error_of(error);
        return done;
    };
    vma_lookup all(target_.maps());
    while (done < size) {
        const address at = remote + done;
        if (at < remote) return stop(EFAULT);
        vma_info mapped;
        if (const std::error_code none = all.at_or_above(at, mapped))
            return stop(none.value() == ENOENT ? EFAULT : gone_only_if_ended(target_, none).value());
        if (!mapped.range.contains(at)) return stop(EFAULT);
        const bool honour = protection == protections::honour;
        if (honour && !(writing ? mapped.perms.write : mapped.perms.read)) return stop(EFAULT);
        const auto piece = static_cast<std::size_t>(
            std::min<std::uint64_t>({size - done, mapped.range.end() - at, std::uint64_t{iovec_batch::max_bytes}}));
        const ssize_t moved = move(static_cast<off_t>(at), done, piece);
        if (moved < 0) {
            const int error = last_system_error().value();
            return stop(honour && error == EIO ? EFAULT : error);
        }
        if (moved == 0) return stop(gone_only_if_ended(target_, system_error_of(ESRCH)).value());
        done += static_cast<std::size_t>(moved);
        if (static_cast<std::size_t>(moved) < piece) break;
    }
    return done;
}

std::size_t proc_mem::read_some(address from, std::span<std::byte> to, protections protection,
                                std::error_code& ec) const noexcept {
    const std::size_t done = transfer(
        from, to.size(), false, protection,
        [&](off_t at, std::size_t done, std::size_t size) {
            return sys::pread(file_.get(), to.data() + done, size, at);
        },
        ec);
    // Memory that another process uses too outlives an exec; it is then no longer the target's.
    const std::error_code lost = lost_program(target_);
    if (!lost) return done;
    ec = lost;
    return 0;
}

std::size_t proc_mem::write_some(address to, std::span<const std::byte> from, protections protection,
                                 std::error_code& ec) const noexcept {
    ec = write_error_ ? write_error_ : lost_program(target_);
    if (ec) return 0;
    return transfer(
        to, from.size(), true, protection,
        [&](off_t at, std::size_t done, std::size_t size) {
            return sys::pwrite(file_.get(), from.data() + done, size, at);
        },
        ec);
}

}  // namespace vmio::detail
