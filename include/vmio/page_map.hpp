// SPDX-License-Identifier: BSL-1.0
/// What state pages are in: which hold data, which the process has written, which were never touched.
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

/// The page tables of a process, /proc/PID/pagemap opened once. Copies are cheap and share it; all members are
/// thread-safe. The target is not touched: nothing becomes present or comes back from swap by looking.
///
/// By the ioctl PAGEMAP_SCAN (Linux 6.7), which passes by what is absent at once; where that is missing or refused, by
/// reading an entry a page of everything mapped (of a small range, of everything), with the same answers but for these:
/// zero_page and huge are never seen, so a zero page counts as data and, as all that is present and of no file, as
/// changed. Guards are known to either way since Linux 6.15, and look swapped before.
///
/// **What a running target makes untrue.** A state is that of a moment, and two runs may be of different ones.
class VMIO_EXPORT page_map {
public:
    /// memory_error: EACCES or EPERM if it may not be looked at (ptrace(2), PTRACE_MODE_READ), ESRCH if the process has
    /// ended, ESTALE if it has called exec(2) since it was opened, ENOSYS if this kernel has no pagemap. About 3
    /// microseconds.
    explicit page_map(process target);
    /// The same without an exception. After an error scan() gives EBADF.
    page_map(process target, std::error_code& ec) noexcept;

    /// Whose page tables these are.
    const process& target() const noexcept { return target_; }

    /// The runs of pages that have any of the flags `wanted`, by address; each is as long as can be and shows only
    /// flags that were asked for. So `page_state::changed` gives the runs of changed pages, whatever else they are, and
    /// `page_state::all` covers the whole range. Pages that lie in `range` in part count in whole; a range may hold
    /// holes, and may be all of the address space.
    ///
    /// memory_error: ESRCH or ESTALE if the process has ended or called exec before the scan was over.
    ///
    /// About 1 microsecond, and some 10 nanoseconds for each page that is not absent. The target's mmap lock is held
    /// for 0.2 milliseconds at a time at most.
    std::vector<page_run> scan(address_range range, page_state wanted = page_state::all) const;

    /// The same without allocating: calls each(const page_run&) and ends early when that returns false, if it returns a
    /// bool. After an exception of ours the runs handed out before mean nothing.
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
        static_assert(std::is_same_v<result, bool> || std::is_void_v<result>, "whether to go on is a bool, or nothing");
        if constexpr (std::is_same_v<result, bool>) return each(run);
        each(run);
        return true;
    }
    void walk(address_range, page_state wanted, bool (*each)(void*, const page_run&), void* context) const;

    process target_;
    std::shared_ptr<const state> state_;
};

/// page_map(who).scan(range, wanted), for whoever scans once.
VMIO_EXPORT std::vector<page_run> scan_pages(const process& target, address_range range,
                                             page_state wanted = page_state::all);

}  // namespace vmio
