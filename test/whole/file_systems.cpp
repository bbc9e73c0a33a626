// SPDX-License-Identifier: BSL-1.0
/// Where a name, a device and an inode do not tell which file is mapped.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/backing_file.hpp>
#include <vmio/build_id.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/region_reader.hpp>

#include "faults/seccomp.hpp"
#include "proc/procmap_query.hpp"
#include "processes/child.hpp"
#include "support/directory.hpp"
#include "support/mapped.hpp"
#include "support/mounts.hpp"
#include "support/pages.hpp"
#include "support/refusal_prints.hpp"
#include "support/skip.hpp"

using test::can_mount;
using test::child_process;
using test::must;
using vmio::backing_file;
using vmio::file_refusal;
using vmio::mapping;
using vmio::process;

namespace {

const std::size_t page = vmio::page_size();

struct own_mounts {
    own_mounts() { must(test::have_own_mounts(), "unshare"); }
};

void write_letters(const std::filesystem::path& path, char letter) {
    std::ofstream(path, std::ios::binary) << std::string(3 * page, letter);
}

/// In its first page, and where it is.
void change(const std::filesystem::path& path, char letter) {
    std::fstream(path, std::ios::binary | std::ios::in | std::ios::out) << std::string(page / 2, letter);
}

/// At `where`, or anywhere.
std::byte* map_privately(const std::filesystem::path& path, int protection = PROT_READ | PROT_WRITE,
                         std::byte* where = nullptr, std::size_t offset = 0) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    must(file >= 0, "open");
    void* const p = ::mmap(where, std::filesystem::file_size(path) - offset, protection,
                           MAP_PRIVATE | (where != nullptr ? MAP_FIXED : 0), file, static_cast<off_t>(offset));
    must(p != MAP_FAILED, "mmap");
    ::close(file);
    return static_cast<std::byte*>(p);
}

/// The mapping at the same place in `target`.
mapping mapping_at(const process& target, const std::byte* p) {
    const vmio::memory_map map = vmio::memory_map::load(target);
    const mapping* const m = map.find(test::address_of(p));
    must(m != nullptr, "find");
    return *m;
}

std::vector<std::byte> read_region(const process& target, const vmio::address_range& range) {
    vmio::region_options options;
    options.within = range;
    vmio::region_reader reader(target, options);
    must(reader.next(), "next");
    const auto bytes = reader.fetch();
    return {bytes.begin(), bytes.end()};
}

// ---- overlayfs ----

/// On a tmpfs, since an overlay cannot lie upon another.
struct overlay : own_mounts {
    test::directory place;
    test::mounted room{"tmpfs", place.path(), "mode=755"};
    std::filesystem::path lower = made("lower");
    std::filesystem::path upper = made("upper");
    std::filesystem::path work = made("work");
    std::filesystem::path merged = made("merged");

    std::filesystem::path made(const char* name) const {
        must(::mkdir((place / name).c_str(), 0755) == 0, "mkdir");
        return place / name;
    }
    std::string options() const {
        return "lowerdir=" + lower.string() + ",upperdir=" + upper.string() + ",workdir=" + work.string();
    }
};

bool tells_layers(const std::filesystem::path& place) {
    alignas(::file_handle) char room[sizeof(::file_handle) + MAX_HANDLE_SZ]{};
    auto* const handle = reinterpret_cast<::file_handle*>(room);
    handle->handle_bytes = MAX_HANDLE_SZ;
    int mount = 0;
    return ::name_to_handle_at(AT_FDCWD, place.c_str(), handle, &mount, 0x200) == 0;  // AT_HANDLE_FID
}

boost::test_tools::assertion_result has_overlays(boost::unit_test::test_unit_id id) {
    const auto mounts = can_mount(id);
    if (!mounts) return mounts;
    return test::unless_missing(
        test::in_a_process([] {
            const overlay o;
            return test::mounted("overlay", o.merged, o.options()) && tells_layers(o.merged) ? 0 : 1;
        }) == 0,
        "overlayfs that has file handles (Linux 6.6)");
}

// ---- btrfs ----

/// On a loop device; one directory of it is a subvolume.
struct btrfs : own_mounts {
    test::directory place;
    std::filesystem::path root = place / "root";
    bool here = made();

    bool made() const {
        const std::string image = place / "image";
        must(::mkdir(root.c_str(), 0755) == 0, "mkdir");
        std::ofstream(image).close();
        std::filesystem::resize_file(image, std::uintmax_t{200} << 20);
        const std::string quiet = " >/dev/null 2>&1";
        if (std::system(("mkfs.btrfs " + image + quiet).c_str()) != 0 ||
            std::system(("mount -o loop " + image + ' ' + root.string() + quiet).c_str()) != 0)
            return false;
        btrfs_ioctl_vol_args name{};
        std::string("subvolume").copy(name.name, sizeof name.name);
        const int directory = ::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const bool done = ::ioctl(directory, BTRFS_IOC_SUBVOL_CREATE, &name) == 0;
        ::close(directory);
        return done;
    }
    ~btrfs() { ::umount2(root.c_str(), MNT_DETACH); }
};

boost::test_tools::assertion_result has_btrfs(boost::unit_test::test_unit_id id) {
    const auto mounts = can_mount(id);
    if (!mounts) return mounts;
    return test::unless_missing(test::in_a_process([] { return btrfs().here ? 0 : 1; }) == 0,
                                "mkfs.btrfs, a loop device, and a kernel that has both");
}

/// The files of two libraries of this program, which have a build id.
std::vector<std::string> libraries() {
    std::vector<std::string> names;
    for (const mapping& m : vmio::memory_map::load(process::self()))
        if (m.name.find(".so") != std::string::npos && std::find(names.begin(), names.end(), m.name) == names.end() &&
            !build_id(process::self(), m).empty())
            names.push_back(m.name);
    must(names.size() >= 2, "two libraries");
    return names;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_mapped_file_of_an_overlay_is_read_not_its_later_copy,
                     *boost::unit_test::precondition(has_overlays)) {
    const overlay o;
    const std::vector<std::string> names{"pristine", "changed before", "changed after"};
    for (const std::string& name : names) write_letters(o.lower / name, 'l');
    const test::mounted overlaid("overlay", o.merged, o.options());
    change(o.merged / "changed before", 'u');
    std::vector<std::byte*> places;
    for (const std::string& name : names) places.push_back(map_privately(o.merged / name));
    const child_process child([&] {
        for (std::byte* const p : places) p[page] = std::byte{'p'};
    });
    change(o.merged / "changed after", 'u');
    const process target(child.id());
    for (std::byte* const p : places) {
        const mapping m = mapping_at(target, p);
        const auto seen = read_region(target, m.range);
        BOOST_TEST((seen == test::peek(child.id(), m.range.start(), m.range.size())));
        BOOST_TEST(backing_file(target, m).refusal() == file_refusal::layered);
        BOOST_TEST(test::as_nobody([&] {
                       const process self = process::self();
                       return backing_file(self, m).refusal() == file_refusal::layered ? 0 : 1;
                   }) == 0);
    }
}

BOOST_AUTO_TEST_CASE(a_file_made_on_an_overlay_is_found, *boost::unit_test::precondition(has_overlays)) {
    const overlay o;
    const test::mounted overlaid("overlay", o.merged, o.options());
    write_letters(o.merged / "file", 'm');
    const std::byte* const p = map_privately(o.merged / "file");
    const process self = process::self();
    const mapping m = mapping_at(self, p);
    BOOST_TEST(backing_file(self, m).refusal() == file_refusal::none);
    BOOST_TEST(
        test::as_nobody([&] { return backing_file(process::self(), m).refusal() == file_refusal::none ? 0 : 1; }) == 0);
    ::munmap(const_cast<std::byte*>(p), m.range.size());
}

BOOST_AUTO_TEST_CASE(a_file_of_btrfs_is_found_by_root_and_refused_to_others,
                     *boost::unit_test::precondition(has_btrfs)) {
    const btrfs b;
    for (const char* const name : {"file", "subvolume/file"}) {
        write_letters(b.root / name, 'b');
        const std::byte* const p = map_privately(b.root / name);
        const process self = process::self();
        const mapping m = mapping_at(self, p);
        BOOST_TEST(backing_file(self, m).refusal() == file_refusal::none);
        BOOST_TEST((read_region(self, m.range) == test::peek(self.id(), m.range.start(), m.range.size())));
        BOOST_TEST(test::as_nobody([&] {
                       return backing_file(process::self(), m).refusal() == file_refusal::replaced ? 0 : 1;
                   }) == 0);
        ::munmap(const_cast<std::byte*>(p), m.range.size());
    }
}

BOOST_AUTO_TEST_CASE(two_files_of_one_device_and_inode_keep_their_build_ids,
                     *boost::unit_test::precondition(has_btrfs)) {
    const btrfs b;
    const auto from = libraries();
    const std::vector<std::filesystem::path> to{b.root / "library", b.root / "subvolume/library"};
    std::size_t room = page;
    for (std::size_t i = 0; i < to.size(); ++i) {
        std::filesystem::copy_file(from[i], to[i]);
        room += vmio::align_up(std::filesystem::file_size(to[i]), page);
    }
    // The first, the second, and once more the first without its first page.
    const test::mapped reserved(2 * room / page);
    auto* const one = reinterpret_cast<std::byte*>(reserved.data());
    auto* const two = one + vmio::align_up(std::filesystem::file_size(to[0]), page);
    auto* const rest_of_one = one + room;
    map_privately(to[0], PROT_READ | PROT_EXEC, one);
    map_privately(to[1], PROT_READ | PROT_EXEC, two);
    map_privately(to[0], PROT_READ | PROT_EXEC, rest_of_one, page);
    const child_process child;
    const process target(child.id());
    const mapping first = mapping_at(target, one);
    const mapping second = mapping_at(target, two);
    BOOST_TEST_REQUIRE(first.inode == second.inode);
    BOOST_TEST_REQUIRE(first.device_minor == second.device_minor);
    const auto first_id = build_id(target, first);
    const auto second_id = build_id(target, second);
    BOOST_TEST((first_id != second_id));
    const auto kept = vmio::process_snapshot::capture(target);
    BOOST_TEST(std::ranges::equal(kept.build_id(first), first_id));
    BOOST_TEST(std::ranges::equal(kept.build_id(second), second_id));
    BOOST_TEST(test::as_nobody([&] {  // from memory, where neither the kernel nor a file tells
                   test::forbid_ioctl(vmio::detail::procmap::request, ENOTTY);
                   const process self = process::self();
                   if (build_id(self, mapping_at(self, two)) != second_id) return 1;
                   return build_id(self, mapping_at(self, rest_of_one)) == first_id ? 0 : 2;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_path_is_one_of_the_targets_own_mounts, *boost::unit_test::precondition(can_mount)) {
    const own_mounts ours;
    const test::directory place;
    write_letters(place / "file", 'd');  // a decoy
    std::byte* p = nullptr;
    const test::pages shared(1);
    const child_process child([&] {
        must(test::have_own_mounts(), "unshare");
        must(::mount("tmpfs", place.path().c_str(), "tmpfs", 0, "") == 0, "mount");
        write_letters(place / "file", 't');
        p = map_privately(place / "file");
    });
    const process target(child.id());
    std::size_t found = 0;
    for (mapping m : vmio::memory_map::load(target)) {
        if (!m.name.ends_with("/file")) continue;
        ++found;
        m.name = place / "file";
        BOOST_TEST((read_region(target, m.range).front() == std::byte{'t'}));
        m.range = {m.range.start(), m.range.start() + page};  // map_files has no such name
        const backing_file file(target, m);
        BOOST_TEST(file.refusal() == file_refusal::none);
        std::byte first{};
        std::error_code ec;
        file.read_some(0, std::span(&first, 1), ec);
        BOOST_TEST((first == std::byte{'t'}));
    }
    BOOST_TEST(found == 1U);
}
