// SPDX-License-Identifier: BSL-1.0
/// Preconditions of tests that need a feature of the kernel, each found by using it. test/scripts/absent_features.py
/// finds the same by other means.
#pragma once

#include <cstddef>
#include <cstdint>

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vmio/address.hpp>

#include "proc/pagemap_scan.hpp"
#include "support/mapped.hpp"
#include "support/skip.hpp"

namespace test {

inline boost::test_tools::assertion_result has_guard_pages(boost::unit_test::test_unit_id) {
    return unless_missing(install_guards(mapped(1).data(), vmio::page_size()), "MADV_GUARD_INSTALL (Linux 6.13)");
}

/// Whether a process may be opened by the id of a thread that is not its first.
inline boost::test_tools::assertion_result has_thread_pidfds(boost::unit_test::test_unit_id) {
    const long fd = ::syscall(SYS_pidfd_open, ::getpid(), O_EXCL);
    if (fd >= 0) ::close(static_cast<int>(fd));
    return unless_missing(fd >= 0, "PIDFD_THREAD (Linux 6.9)");
}

/// Without it neither the page of zeros nor a huge page is told from others.
inline bool scans_page_tables() {
    const int file = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    vmio::detail::pagemap::region found;
    vmio::detail::pagemap::scan nothing{};
    nothing.size = sizeof nothing;
    nothing.vec = reinterpret_cast<std::uintptr_t>(&found);
    nothing.vec_len = 1;
    const bool can = ::ioctl(file, vmio::detail::pagemap::request, &nothing) == 0;
    ::close(file);
    return can;
}

/// Whether reading an untouched anonymous page maps the kernel's zero page. A kernel may map a page of the process's
/// own instead, as one does whose hypervisor asks for that; to all interfaces the page is then the same as a written
/// one. Asked of pagemap without PAGEMAP_SCAN: a page that no other mapping shares has bit 56 set, which the zero page
/// never has.
inline bool has_zero_page() {
    const mapped some(1);
    some.read(0);
    const int file = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    std::uint64_t entry = 0;
    const auto place = static_cast<off_t>(some.start() / some.size() * sizeof entry);
    must(::pread(file, &entry, sizeof entry, place) == sizeof entry && (entry >> 63 & 1) != 0, "a page that was read");
    ::close(file);
    return (entry >> 56 & 1) == 0;
}

/// Whether that page is told from a written one by the page tables of this kernel.
inline bool tells_zero_page() {
    return has_zero_page() && scans_page_tables();
}

inline boost::test_tools::assertion_result has_pagemap_scan(boost::unit_test::test_unit_id) {
    return unless_missing(scans_page_tables(), "PAGEMAP_SCAN (Linux 6.7)");
}

/// Whether writes are tracked by write protection here.
inline boost::test_tools::assertion_result can_write_protect(boost::unit_test::test_unit_id) {
    const auto fd = static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | 1));
    uffdio_api api{};
    api.api = UFFD_API;
    api.features = 1u << 15;  // UFFD_FEATURE_WP_ASYNC
    const bool can = fd >= 0 && ::ioctl(fd, UFFDIO_API, &api) == 0;
    if (fd >= 0) ::close(fd);
    return unless_missing(can, "asynchronous write protection by userfaultfd");
}

}  // namespace test
