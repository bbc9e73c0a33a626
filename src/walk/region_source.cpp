// SPDX-License-Identifier: BSL-1.0
#include "walk/region_source.hpp"

#include <algorithm>
#include <string_view>

#include <unistd.h>

#include "proc/procmap_query.hpp"

namespace vmio::detail {
namespace {

/// What mmap(2) gives for MAP_HUGETLB without a file: each has a file of its own, which nobody else can change and only
/// some of us may open. To read what was never touched would take huge pages of those that the system has set aside.
bool is_anonymous_huge(const process& target, const mapping& m) noexcept {
    if (m.name != "/anon_hugepage" || !m.deleted) return false;
    procmap::query q{};
    q.query_addr = m.range.start();
    return !procmap::ask(target.maps(), q) && q.inode == m.inode &&
           q.vma_page_size > page_size();  // not a file named so
}

/// Private, and zero where it was never touched. The kernel's own mappings have names in brackets too, and content that
/// no page table shows.
bool is_anonymous(const process& target, const mapping& m) noexcept {
    const std::string_view name = m.name;
    if (m.perms.shared) return false;
    if (m.file_backed()) return is_anonymous_huge(target, m);
    return !name.starts_with('[') || name == "[heap]" || name.starts_with("[stack") || name.starts_with("[anon");
}

/// By name, since only an open would tell, which some devices do not take well. Memory of these that looks like a
/// device, and is none, is left in. The resources of PCI devices look like regular files.
bool is_device(std::string_view name) noexcept {
    if (name.starts_with("/sys/devices/") || name.starts_with("/proc/")) return true;
    return name.starts_with("/dev/") && name != "/dev/zero" && !name.starts_with("/dev/shm/") &&
           !name.starts_with("/dev/hugepages");
}

}  // namespace

bool is_region(const mapping& m) noexcept {
    const std::string_view name = m.name;
    return m.perms.read && !name.starts_with("[vvar") && name != "[vsyscall]" && !is_device(name);
}

region_source::region_source(const process& target, const page_map* pages, const mapping& m,
                             const source_options& options)
    : start_(m.range.start()), offset_(m.offset), inode_(m.inode), shared_(m.perms.shared), pages_(pages) {
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
