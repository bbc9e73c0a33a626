// SPDX-License-Identifier: BSL-1.0
#include "maps/mapping_name_resolver.hpp"

#include <climits>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "maps/file_kind.hpp"
#include "proc/map_files_link.hpp"
#include "proc/maps_text.hpp"
#include "proc/procmap_query.hpp"

namespace vmio::detail {
namespace {

bool same_file(const struct stat& a, const struct stat& b) noexcept {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool same_file(int directory, const char* path, const char* other) noexcept {
    struct stat a {};
    struct stat b {};
    return ::fstatat(directory, path, &a, 0) == 0 && ::stat(other, &b) == 0 && same_file(a, b);
}

/// Returns: the kernel's unescaped name of the file at the start of `m`; empty if it has none.
std::string spelt_out(const mapping& m, const process& target, int maps) {
    std::string name;
    procmap::query q{};
    q.query_addr = m.range.start();
    if (!procmap::ask(maps, q, name)) return name;
    char link[PATH_MAX];
    const ssize_t length = ::readlinkat(target.proc_directory(), map_files_link(m).path, link, sizeof link);
    return length > 0 ? std::string(link, static_cast<std::size_t>(length)) : std::string();
}

}  // namespace

void mapping_name_resolver::resolve(mapping& m, int maps) {
    if (!m.file_backed()) return;
    if (m.name.find('\n') != std::string::npos) {
        mapping exact = m;
        exact.name = spelt_out(m, target_, maps);
        take_deleted_mark(exact);
        // The target may have replaced the mapping meanwhile.
        if (name_in_text(exact) == name_in_text(m)) m.name = std::move(exact.name);
    }
    resolve_deleted(m);
}

void mapping_name_resolver::resolve_deleted(mapping& m) {
    if (!m.deleted) return;
    // Access to a path may block indefinitely there, and "deleted" is nearly always right.
    if (file_system_of(target_, m) == file_system_kind::may_stall) return;
    m.name += deleted_mark;
    if (leads_to(m.name, m))
        m.deleted = false;
    else
        m.name.resize(m.name.size() - deleted_mark.size());
}

bool mapping_name_resolver::leads_to(const std::string& path, const mapping& m) {
    if (!path.starts_with('/')) return false;
    constexpr int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    struct stat there {};
    struct stat mapped {};
    const auto is_mapped_file = [&] {
        if (there.st_ino == m.inode && major(there.st_dev) == m.device_major && minor(there.st_dev) == m.device_minor)
            return true;
        // Some file systems (btrfs, overlayfs) have other device numbers in stat(2) than in the maps.
        return ::fstatat(target_.proc_directory(), map_files_link(m).path, &mapped, 0) == 0 && same_file(there, mapped);
    };
    if (::fstatat(AT_FDCWD, path.c_str(), &there, flags) == 0 && is_mapped_file()) return true;
    return !same_paths() && ::fstatat(target_.proc_directory(), ("root" + path).c_str(), &there, flags) == 0 &&
           is_mapped_file();
}

/// Returns: whether paths mean the same in the target as in this process.
bool mapping_name_resolver::same_paths() {
    if (!same_paths_)
        same_paths_ = same_file(target_.proc_directory(), "ns/mnt", "/proc/thread-self/ns/mnt") &&
                      same_file(target_.proc_directory(), "root", "/");
    return *same_paths_;
}

}  // namespace vmio::detail
