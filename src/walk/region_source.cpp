// SPDX-License-Identifier: BSL-1.0
#include "walk/region_source.hpp"

#include <algorithm>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_descriptor.hpp"
#include "base/system_call.hpp"
#include "proc/map_files_link.hpp"
#include "proc/procmap_query.hpp"

namespace vmio::detail {
namespace {

/// Whether a mapping was made by mmap(2) with MAP_HUGETLB and without a file: it has an internal file of its own, which
/// no other process can change and only a privileged one may open. Reading a page that was never touched would take one
/// of the system's reserved huge pages.
bool is_anonymous_huge(const process& target, const mapping& m) noexcept {
    if (m.name != "/anon_hugepage" || !m.deleted) return false;
    procmap::query q{};
    q.query_addr = m.range.start();
    return !procmap::ask(target.maps(), q) && q.inode == m.inode &&
           q.vma_page_size > page_size();  // or it is an ordinary file of that name
}

/// Whether memory is private and zero where it was never touched. The kernel's own mappings have names in brackets too,
/// but content that page tables do not show.
bool is_anonymous(const process& target, const mapping& m) noexcept {
    const std::string_view name = m.name;
    if (m.perms.shared) return false;
    if (m.file_backed()) return is_anonymous_huge(target, m);
    return !name.starts_with('[') || name == "[heap]" || name.starts_with("[stack") || name.starts_with("[anon");
}

/// The resources of PCI devices, which look like regular files.
bool names_a_resource(std::string_view name) noexcept {
    return name.starts_with("/sys/devices/") || name.starts_with("/proc/");
}

bool names_a_device(std::string_view name) noexcept {
    return name.starts_with("/dev/") && name != "/dev/zero" && !name.starts_with("/dev/shm/") &&
           !name.starts_with("/dev/hugepages");
}

bool is_of_the_kernel(std::string_view name) noexcept {
    return name.starts_with("[vvar") || name == "[vsyscall]";
}

enum class file_kind { device, no_device, unknown };

/// Of what a path leads to, if that is the file of `m`. Nothing is opened for use, which some devices do not take well,
/// and no server of a file system is asked.
file_kind kind_at(const mapping& m, int directory, const char* path, bool is_the_file) noexcept {
    const file_descriptor place(sys::openat(directory, path, O_PATH | O_CLOEXEC | (is_the_file ? 0 : O_NOFOLLOW)));
    if (!place) return file_kind::unknown;
    struct statx s {};
    constexpr unsigned wanted = STATX_TYPE | STATX_INO;
    if (::statx(place.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, wanted, &s) != 0 || (s.stx_mask & STATX_TYPE) == 0)
        return file_kind::unknown;
    const bool same = s.stx_ino == m.inode && s.stx_dev_major == m.device_major && s.stx_dev_minor == m.device_minor;
    if (!is_the_file && !same) return file_kind::unknown;
    const bool is_zero = S_ISCHR(s.stx_mode) && s.stx_rdev_major == 1 && s.stx_rdev_minor == 5;  // /dev/zero
    const bool device = (S_ISCHR(s.stx_mode) || S_ISBLK(s.stx_mode)) && !is_zero;
    return device ? file_kind::device : file_kind::no_device;
}

file_kind kind_of_file(const process& target, const mapping& m) noexcept {
    const file_kind kind = kind_at(m, target.proc_directory(), map_files_link(m).path, true);
    if (kind != file_kind::unknown || !names_a_device(m.name)) return kind;
    // Without the right to follow that link. The path is one of a device, so nothing else has to be asked for it.
    const file_descriptor root(sys::openat(target.proc_directory(), "root", O_PATH | O_DIRECTORY | O_CLOEXEC));
    return root ? kind_at(m, root.get(), m.name.c_str() + 1, false) : file_kind::unknown;
}

/// By the kind of the file; by its name where the kind cannot be known. The name says nothing of a device of a
/// container, whose /dev is not ours; devices are mapped shared, so that private mappings need not be asked about.
bool is_device(const process& target, const mapping& m) noexcept {
    if (names_a_resource(m.name)) return true;
    const bool named = names_a_device(m.name);
    if (!m.file_backed() || (!named && !m.perms.shared)) return named;
    const file_kind kind = kind_of_file(target, m);
    return kind == file_kind::unknown ? named : kind == file_kind::device;
}

}  // namespace

bool is_region(const process& target, const mapping& m, const source_options& options) noexcept {
    return (m.perms.read || options.read_protected) && !is_of_the_kernel(m.name) && !is_device(target, m);
}

bool is_region(const mapping& m) noexcept {
    return m.perms.read && !is_of_the_kernel(m.name) && !names_a_resource(m.name) && !names_a_device(m.name);
}

region_source::region_source(const process& target, const page_map* pages, const mapping& m,
                             const source_options& options)
    : start_(m.range.start()),
      offset_(m.offset),
      inode_(m.inode),
      shared_(m.perms.shared),
      protected_(!m.perms.read),
      pages_(pages) {
    if (pages == nullptr) return;
    constexpr page_state unreadable = page_state::guard | page_state::poisoned;
    if (!options.read_swapped) looked_for_ = page_state::swapped | unreadable;
    if (is_anonymous(target, m)) {
        if (!options.skip_untouched) return;
        from_outside_ = region_piece::origin::zeros;
        looked_for_ |= unreadable | page_state::data;
    } else if (options.use_backing_files && m.file_backed()) {
        backing_file file(target, m);
        if (!file) return;
        from_outside_ = region_piece::origin::file;
        looked_for_ |= unreadable | page_state::changed;
        file_.emplace(std::move(file));
    }
}

std::uint64_t region_source::end_of_data(const backing_file& file, std::uint64_t offset) noexcept {
    const off_t hole = ::lseek(file.descriptor(), static_cast<off_t>(offset), SEEK_HOLE);
    return hole > 0 ? std::max(offset, static_cast<std::uint64_t>(hole)) : offset;
}

}  // namespace vmio::detail
