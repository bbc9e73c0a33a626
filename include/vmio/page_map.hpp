// SPDX-License-Identifier: BSL-1.0
/// The state of pages: which hold data, which the process has written, which were never touched.
#pragma once

#include <cstdint>
#include <memory>
#include <system_error>
#include <type_traits>
#include <vector>

#include <vmio/address.hpp>
#include <vmio/detail/config.hpp>
#include <vmio/page_state.hpp>
#include <vmio/process.hpp>

namespace vmio {

/// The page tables of a process, by /proc/PID/pagemap. Copies are cheap and share one descriptor; all members are
/// thread-safe. A scan does not change the target: nothing becomes present or comes back from swap. A moved-from
/// page_map can be assigned to and destroyed; its scan() fails with EBADF.
///
/// The ioctl PAGEMAP_SCAN (Linux 6.7) skips absent pages at once. Where it is missing or refused, an entry is read for
/// each page that is mapped (of up to 64 MiB, for each page), with the same results but for these: zero_page and huge
/// are never found, so a zero page counts as data, and as changed, since it is present and of no file. Guards are
/// known by either way since Linux 6.15, and look swapped before. Marks of userfaultfd(2) look swapped to a reader
/// without CAP_SYS_ADMIN; with it they are absent or poisoned.
///
/// **Races.** A state is that of one moment, and two runs may be of different moments.
class VMIO_EXPORT page_map {
public:
    /// Opens the page tables of `target`.
    /// Errors: memory_error with EACCES or EPERM, they may not be read (ptrace(2), PTRACE_MODE_READ); ESRCH, the
    /// process has ended; ESTALE, it has called exec(2) since it was opened; ENOSYS, this kernel has no pagemap. Cost:
    /// 3 microseconds.
    explicit page_map(process target);
    /// The same without memory_error. After an error scan() fails with EBADF.
    page_map(process target, std::error_code& ec) noexcept;

    /// Returns: the process.
    const process& target() const noexcept { return target_; }

    /// Finds the runs of pages in `range` that have any of the flags `wanted`.
    /// Returns: the runs by address, each as long as can be, with only those of its flags that are wanted. So
    /// `page_state::changed` finds the changed pages, whatever else they are, and `page_state::all` covers the whole
    /// range. Pages partly in `range` count in whole; the range may have holes, and may be all of the address space.
    /// Errors: memory_error with ESRCH or ESTALE, the process ended or called exec before the scan was over.
    /// Cost: 1 microsecond, and some 10 nanoseconds for each page that is not absent. Holds the target's mmap lock for
    /// at most 0.2 milliseconds at a time.
    std::vector<page_run> scan(address_range range, page_state wanted = page_state::all) const;

    /// The same without allocating: calls `each(const page_run&)`, any function or function object. If it returns a
    /// bool, false ends the scan. After a memory_error the runs that it was called with mean nothing.
    template <class F>
    void scan(address_range range, page_state wanted, F&& each) const {
        using callable = std::remove_reference_t<F>;
        if constexpr (std::is_function_v<callable>) {
            callable* function = &each;  // no void* can point to a function
            walk(range, wanted, &call<callable*>, &function);
        } else {
            walk(range, wanted, &call<callable>, const_cast<void*>(static_cast<const void*>(std::addressof(each))));
        }
    }

private:
    struct state;
    static std::shared_ptr<const state> open(const process&, std::error_code&) noexcept;
    template <class F>
    static bool call(void* f, const page_run& run) {
        F& each = *static_cast<F*>(f);
        using result = std::invoke_result_t<F&, const page_run&>;
        static_assert(std::is_same_v<result, bool> || std::is_void_v<result>,
                      "each() returns a bool, whether to continue, or nothing");
        if constexpr (std::is_same_v<result, bool>) return each(run);
        each(run);
        return true;
    }
    void walk(address_range, page_state wanted, bool (*each)(void*, const page_run&), void* context) const;

    process target_;
    std::shared_ptr<const state> state_;
};

/// page_map(target).scan(range, wanted), for a single scan.
VMIO_EXPORT std::vector<page_run> scan_pages(const process& target, address_range range,
                                             page_state wanted = page_state::all);

}  // namespace vmio
