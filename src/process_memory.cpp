// SPDX-License-Identifier: BSL-1.0
#include <vmio/process_memory.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "iovec_batch.hpp"
#include "system_error.hpp"

namespace vmio {
namespace {

using vm_call = ssize_t (*)(pid_t, const iovec*, unsigned long, const iovec*, unsigned long, unsigned long);

/// Asks for batch after batch and stops where the kernel stopped: what lies behind a short batch is never tried, since
/// its bytes would land in the wrong place.
std::size_t transfer(vm_call call, pid_t id, address remote, std::byte* local, std::size_t size,
                     std::error_code& ec) noexcept {
    std::size_t done = 0;
    while (done < size) {
        iovec_batch batch;
        batch.add(remote + done, size - done);
        const iovec here{local + done, batch.bytes()};
        const ssize_t moved = call(id, &here, 1, batch.data(), batch.count(), 0);
        if (moved < 0) {
            if (done == 0) ec = last_system_error();
            break;
        }
        done += static_cast<std::size_t>(moved);
        if (static_cast<std::size_t>(moved) < batch.bytes() || remote + done == 0) break;
    }
    return done;
}

}  // namespace

std::error_code process_memory::probe() const noexcept {
    // A call of length 0 looks at nothing. Asking for the byte at 0, which no program maps, does: EFAULT is a yes.
    std::byte byte;
    std::error_code ec;
    transfer(::process_vm_readv, who_.id(), 0, &byte, 1, ec);
    if (!who_.alive()) return system_error_of(ESRCH);
    return ec.value() == EFAULT ? std::error_code() : ec;
}

process_memory::process_memory(process who, std::error_code& ec) noexcept : who_(std::move(who)) {
    ec = probe();
}

process_memory::process_memory(process who) : who_(std::move(who)) {
    if (const std::error_code ec = probe()) throw memory_error("open", who_.id(), 0, ec);
}

std::size_t process_memory::read_some(address from, std::span<std::byte> to, std::error_code& ec) const noexcept {
    ec.clear();
    if (to.empty()) return 0;
    const std::size_t done = transfer(::process_vm_readv, who_.id(), from, to.data(), to.size(), ec);
    if (who_.alive()) return done;
    ec = system_error_of(ESRCH);
    return 0;
}

std::size_t process_memory::write_some(address to, std::span<const std::byte> from,
                                       std::error_code& ec) const noexcept {
    ec.clear();
    if (from.empty()) return 0;
    if (!who_.alive()) {
        ec = system_error_of(ESRCH);
        return 0;
    }
    // process_vm_writev only reads the local side; the iovec has no const form.
    return transfer(::process_vm_writev, who_.id(), to, const_cast<std::byte*>(from.data()), from.size(), ec);
}

void process_memory::read(address from, std::span<std::byte> to) const {
    std::error_code ec;
    for (std::size_t done = 0; done < to.size();) {
        done += read_some(from + done, to.subspan(done), ec);
        if (ec) throw memory_error(read_operation(), who_.id(), from + done, ec);
    }
}

void process_memory::write(address to, std::span<const std::byte> from) const {
    std::error_code ec;
    for (std::size_t done = 0; done < from.size();) {
        done += write_some(to + done, from.subspan(done), ec);
        if (ec) throw memory_error(write_operation(), who_.id(), to + done, ec);
    }
}

std::string process_memory::read_string(address from, std::size_t limit) const {
    std::string text;
    std::size_t chunk = page_size() - static_cast<std::size_t>(from & (page_size() - 1));
    while (text.size() < limit) {
        const std::size_t before = text.size();
        text.resize(before + std::min(chunk, limit - before));
        std::error_code ec;
        const std::size_t got = read_some(from + before, std::as_writable_bytes(std::span(text).subspan(before)), ec);
        if (ec) throw memory_error(read_operation(), who_.id(), from + before, ec);
        text.resize(before + got);
        if (const auto nul = text.find('\0', before); nul != std::string::npos) {
            text.resize(nul);
            break;
        }
        chunk = align_down(text.size(), page_size()) + page_size();
    }
    return text;
}

}  // namespace vmio
