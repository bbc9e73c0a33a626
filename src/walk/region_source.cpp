// SPDX-License-Identifier: BSL-1.0
#include "walk/region_source.hpp"

#include <string_view>

#include "maps/file_kind.hpp"
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

/// By name: where devices are, some of whose memory must not be read. Memory of these that looks like a device, and is
/// none, is left in. The resources of PCI devices look like regular files.
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

bool is_region(const process& target, const mapping& m) noexcept {
    return is_region(m) || (m.perms.read && is_device(m.name) && shows_regular_file(target, m));
}

region_source::region_source(const process& target, const page_map* pages, const mapping& m,
                             const source_options& options, bool resident_only)
    : start_(m.range.start()), offset_(m.offset), inode_(m.inode), shared_(m.perms.shared), pages_(pages) {
    constexpr page_state unreadable = page_state::guard | page_state::poisoned;
    const page_state kept_out = options.read_swapped ? page_state::none : page_state::swapped;
    const bool may_stall = m.file_backed() && file_system_of(target, m) == file_system_kind::may_stall;
    if (may_stall || resident_only) {
        from_outside_ = region_piece::origin::gap;
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
    if (resident_only) return;
    if (!options.read_swapped) looked_for_ = kept_out | unreadable;
    if (anonymous && options.skip_untouched) {
        from_outside_ = region_piece::origin::zeros;
        looked_for_ |= unreadable | page_state::data;
    }
}

}  // namespace vmio::detail
