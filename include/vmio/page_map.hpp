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
/// each mapped page (for each page in a range of up to 64 MiB), with these differences: zero_page and huge are never
/// reported, so a zero page counts as data, and as changed, since it is present and not file-backed. Both methods
/// recognise guard pages since Linux 6.15, and report them as swapped before. Markers of userfaultfd(2) are reported as
/// swapped to a reader without CAP_SYS_ADMIN, and as absent or poisoned with it.
///
/// **Races.** Each state is that of one moment; two runs may be of different moments.
class VMIO_EXPORT page_map {
public:
    /// Opens the page tables of `target`.
    /// Errors: memory_error with EACCES or EPERM, access refused (ptrace(2), PTRACE_MODE_READ); ESRCH, the process has
    /// ended; ESTALE, it has called exec(2) since it was opened; ENOSYS, the kernel has no pagemap.
    /// Cost: 3 microseconds.
    explicit page_map(process target);
    /// Does the same, but reports errors in `ec`. After an error scan() fails with EBADF.
    page_map(process target, std::error_code& ec) noexcept;

    /// Returns: the process.
    const process& target() const noexcept { return target_; }

    /// Returns: the flags that scan() cannot report here, to this thread: zero_page and huge where PAGEMAP_SCAN is
    /// missing or refused. What looks like data then may be the page of zeros: only read_smaps() tells how much of it
    /// is.
    page_state unreported() const noexcept;

    /// Finds the runs of pages in `range` that have any of the flags `wanted`.
    /// Returns: the runs by address, each of maximum length, with only those flags that are in `wanted`. Thus
    /// `page_state::changed` finds the changed pages, whatever their other flags, and `page_state::all` covers the
    /// whole range. Pages partly in `range` are included whole; the range may have holes, and may be the whole address
    /// space.
    /// Errors: memory_error with ESRCH or ESTALE, the process ended or called exec(2) before the scan was complete.
    /// Cost: 1 microsecond, and about 10 nanoseconds for each page that is not absent. Holds the target's mmap lock for
    /// at most 0.2 milliseconds at a time.
    std::vector<page_run> scan(address_range range, page_state wanted = page_state::all) const;

    /// Does the same without allocating: calls `each(const page_run&)`, any function or function object. If it returns
    /// a bool, false ends the scan. After a memory_error the runs already passed to it are invalid.
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

/// Returns: page_map(target).scan(range, wanted), for a single scan.
VMIO_EXPORT std::vector<page_run> scan_pages(const process& target, address_range range,
                                             page_state wanted = page_state::all);

}  // namespace vmio
