// SPDX-License-Identifier: BSL-1.0
#include "proc/mount_info.hpp"

#include <string_view>

#include <sys/mman.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "processes/child.hpp"

using vmio::detail::file_system_kind;
using vmio::detail::kind_of_device;
using vmio::detail::kind_of_type;

namespace {

/// A file with this text.
class text_file {
public:
    explicit text_file(std::string_view text) : fd_(::memfd_create("text", MFD_CLOEXEC)) {
        test::must(::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size()), "write");
    }
    text_file(const text_file&) = delete;
    text_file& operator=(const text_file&) = delete;
    ~text_file() { ::close(fd_); }

    file_system_kind of(std::uint32_t major, std::uint32_t minor) const { return kind_of_device(fd_, major, minor); }

private:
    int fd_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_device_has_the_kind_of_its_file_system) {
    const text_file mounts(
        "22 1 254:0 / / rw,relatime - ext4 /dev/root rw\n"
        "23 22 0:21 / /proc rw,nosuid shared:5 - proc proc rw\n"
        "24 22 0:22 / /sys rw shared:6 master:2 - sysfs sysfs rw\n"
        "25 22 0:45 / /mnt/with\\040-\\040space rw - fuse.sshfs host:/ rw,user_id=0\n"
        "this line makes no sense\n"
        "26 22 8:1 / /mnt/ntfs rw - fuseblk /dev/sda1 rw\n"
        "27 22 0:46 / /net rw - autofs auto.net rw\n"
        "28 22 0:4 / /tmp rw - tmpfs tmpfs rw\n"
        "29 22 0:47 /sub /x rw - fuse portal rw\n");
    BOOST_TEST((mounts.of(254, 0) == file_system_kind::ordinary));
    BOOST_TEST((mounts.of(0, 4) == file_system_kind::ordinary));
    BOOST_TEST((mounts.of(0, 21) == file_system_kind::kernel));
    BOOST_TEST((mounts.of(0, 22) == file_system_kind::kernel));
    BOOST_TEST((mounts.of(0, 45) == file_system_kind::may_stall));
    BOOST_TEST((mounts.of(8, 1) == file_system_kind::may_stall));
    BOOST_TEST((mounts.of(0, 46) == file_system_kind::may_stall));
    BOOST_TEST((mounts.of(0, 47) == file_system_kind::may_stall));
    BOOST_TEST((mounts.of(0, 2) == file_system_kind::unknown));
    BOOST_TEST((mounts.of(254, 1) == file_system_kind::unknown));
}

BOOST_AUTO_TEST_CASE(only_programs_and_automounters_may_stall) {
    for (const char* type : {"fuse", "fuse.gocryptfs", "fuseblk", "autofs"})
        BOOST_TEST((kind_of_type(type) == file_system_kind::may_stall), type);
    for (const char* type : {"ext4", "xfs", "btrfs", "tmpfs", "overlay", "nfs4", "fusectl", "squashfs"})
        BOOST_TEST((kind_of_type(type) == file_system_kind::ordinary), type);
}

BOOST_AUTO_TEST_CASE(a_list_that_cannot_be_read_knows_no_device) {
    BOOST_TEST((kind_of_device(-1, 0, 1) == file_system_kind::unknown));
}
