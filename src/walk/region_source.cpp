// SPDX-License-Identifier: BSL-1.0
#include "walk/region_source.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vmio/smaps.hpp>

#include "maps/file_kind.hpp"
#include "proc/map_files_link.hpp"
#include "proc/procmap_query.hpp"

namespace vmio::detail {
namespace {

/// The same as PROCMAP_QUERY tells, for kernels that lack it.
bool has_huge_pages(const process& target, const mapping& m) noexcept {
    try {
        for (const smaps_entry& e : read_smaps(target, m.range))
            if (e.range == m.range) return e.page_size > page_size();
    } catch (const std::exception&) {  // not permitted, or the target has ended
    }
    return false;
}

/// Whether a mapping was made by mmap(2) with MAP_HUGETLB and without a file: it has an internal file of its own, which
/// no other process can change and only a privileged one may open. Reading a page that was never touched would take one
/// of the system's reserved huge pages.
bool is_anonymous_huge(const process& target, const mapping& m) noexcept {
    if (m.name != "/anon_hugepage" || !m.deleted) return false;
    procmap::query q{};
    q.query_addr = m.range.start();
    const std::error_code ec = procmap::ask(target.maps(), q);
    // Or it is an ordinary file of that name.
    return ec.value() == ENOTTY ? has_huge_pages(target, m)
                                : !ec && q.inode == m.inode && q.vma_page_size > page_size();
}

/// Whether memory is private and zero where it was never touched. The kernel's own mappings have names in brackets too,
/// but content that page tables do not show.
bool is_anonymous(const process& target, const mapping& m) noexcept {
    const std::string_view name = m.name;
    if (m.perms.shared) return false;
    if (m.file_backed()) return is_anonymous_huge(target, m);
    return !name.starts_with('[') || name == "[heap]" || name.starts_with("[stack") || name.starts_with("[anon");
}

/// Where devices are. The resources of PCI devices look like regular files.
bool names_a_device(std::string_view name) noexcept {
    if (name.starts_with("/sys/devices/") || name.starts_with("/proc/")) return true;
    return name.starts_with("/dev/") && name != "/dev/zero" && !name.starts_with("/dev/shm/") &&
           !name.starts_with("/dev/hugepages");
}

bool is_of_the_kernel(std::string_view name) noexcept {
    return name.starts_with("[vvar") || name == "[vsyscall]";
}

/// Whether the file of `m` is a device, other than /dev/zero, which is memory. Nothing is opened for use, which some
/// devices do not take well. False where that cannot be known.
bool shows_device(const process& target, const mapping& m) noexcept {
    struct statx status {};
    constexpr int flags = AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
    const map_files_link link(m);
    if (::statx(target.proc_directory(), link.path, flags, STATX_TYPE, &status) != 0) return false;
    const bool zeros = S_ISCHR(status.stx_mode) && status.stx_rdev_major == 1 && status.stx_rdev_minor == 5;
    return (S_ISCHR(status.stx_mode) || S_ISBLK(status.stx_mode)) && !zeros;
}

/// By the kind of the file, and by its name where that cannot be known. The name says nothing about devices of a
/// container, whose /dev is not ours; devices are mapped shared, so private mappings need not be asked about.
bool is_device(const process& target, const mapping& m) noexcept {
    if (names_a_device(m.name)) return !shows_regular_file(target, m);
    return m.file_backed() && m.perms.shared && shows_device(target, m);
}

}  // namespace

bool is_region(const process& target, const mapping& m, const source_options& options) noexcept {
    return (m.perms.read || options.read_protected) && !is_of_the_kernel(m.name) && !is_device(target, m);
}

bool is_region(const mapping& m) noexcept {
    return m.perms.read && !is_of_the_kernel(m.name) && !names_a_device(m.name);
}

region_source::region_source(const process& target, const page_map* pages, const mapping& m,
                             const source_options& options, bool resident_only)
    : start_(m.range.start()),
      offset_(m.offset),
      inode_(m.inode),
      shared_(m.perms.shared),
      protected_(!m.perms.read),
      pages_(pages) {
    constexpr page_state unreadable = page_state::guard | page_state::poisoned;
    const page_state kept_out = options.read_swapped ? page_state::none : page_state::swapped;
    const bool may_stall = m.file_backed() && file_system_of(target, m) == file_system_kind::may_stall;
    const bool spared = protected_ && options.skip_untouched;
    if (may_stall || resident_only || spared) {
        from_outside_ = region_piece::origin::gap;
        if (!may_stall && !resident_only) reason_outside_ = gap_reason::no_permission;
        if (pages != nullptr) looked_for_ = unreadable | page_state::data | kept_out;
        if (may_stall) return;
    }
    if (pages == nullptr) return;
    const bool anonymous = is_anonymous(target, m);
    if (!anonymous && options.use_backing_files && m.file_backed()) {
        if (backing_file file(target, m, {.may_stall = true}); file) {  // it does not: see above
            from_outside_ = region_piece::origin::file;
            looked_for_ = unreadable | page_state::changed | kept_out;
            file_.emplace(std::move(file));
            return;
        }
    }
    if (resident_only || (spared && !anonymous)) return;
    if (!options.read_swapped) looked_for_ = kept_out | unreadable;
    if (anonymous && options.skip_untouched) {
        from_outside_ = region_piece::origin::zeros;
        looked_for_ |= unreadable | page_state::data;
    }
}

std::uint64_t region_source::end_of_data(const backing_file& file, std::uint64_t offset) noexcept {
    const off_t hole = ::lseek(file.descriptor(), static_cast<off_t>(offset), SEEK_HOLE);
    return hole > 0 ? std::max(offset, static_cast<std::uint64_t>(hole)) : offset;
}

}  // namespace vmio::detail
