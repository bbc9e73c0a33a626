// SPDX-License-Identifier: BSL-1.0
/// Snapshots from files, and files from snapshots.
#include <cerrno>
#include <random>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <boost/crc.hpp>
#include <boost/test/unit_test.hpp>

#include <vmio/file_error.hpp>
#include <vmio/snapshot.hpp>

#include "faults/seccomp.hpp"
#include "snapshot/copy_file.hpp"
#include "snapshot/sealed_memfd.hpp"
#include "snapshot/snapshot_format.hpp"
#include "support/file_errors.hpp"
#include "support/files.hpp"
#include "support/resources.hpp"
#include "support/skip.hpp"
#include "support/snapshots.hpp"

using test::bytes_of;
using test::equal;
using test::pattern_bytes;
using test::says;
using vmio::snapshot;

namespace {

const std::size_t page = vmio::page_size();

std::vector<std::filesystem::path> files_in(const test::directory& directory) {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(directory.path())) found.push_back(entry.path());
    return found;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_snapshot_of_a_file_does_not_follow_it) {
    test::directory directory;
    const auto path = directory / "file";
    const std::vector<std::byte> bytes = pattern_bytes(5 * page + 17);
    test::write_file(path, bytes);
    const snapshot s = snapshot::from_file(path);
    const vmio::cow_view view = s.view();
    BOOST_TEST(s.size() == bytes.size());
    {
        std::fstream file(path, std::ios::in | std::ios::out);
        file << "an edit";
    }
    BOOST_TEST(equal(view.bytes(), bytes));
    std::filesystem::resize_file(path, 10);  // where a mapping of the file would give SIGBUS
    BOOST_TEST(equal(view.bytes(), bytes));
    std::filesystem::remove(path);
    BOOST_TEST(equal(bytes_of(s), bytes));
}

BOOST_AUTO_TEST_CASE(holes_of_a_file_stay_holes) {
    test::directory directory;
    const auto path = directory / "file";
    const std::size_t block = std::max<std::size_t>(page, 1 << 16);
    test::write_file(path, pattern_bytes(page));
    std::filesystem::resize_file(path, 1000 * block + 5);
    {
        std::fstream file(path, std::ios::in | std::ios::out);
        file.seekp(static_cast<std::streamoff>(500 * block));
        file << "here";
    }
    const snapshot s = snapshot::from_file(path);
    BOOST_TEST(s.size() == 1000 * block + 5);
    BOOST_TEST(s.memory_used() <= 4 * block);
    const vmio::cow_view view = s.view();
    BOOST_TEST(test::is_pattern(0, view.bytes().first(page)));
    BOOST_TEST((view[500 * block] == std::byte{'h'}));
    BOOST_TEST((view[1000 * block + 4] == std::byte{0}));
}

BOOST_AUTO_TEST_CASE(files_that_do_not_tell_their_size_or_lie_are_read_to_their_end) {
    const snapshot version = snapshot::from_file("/proc/version");
    BOOST_TEST(equal(bytes_of(version), test::read_file("/proc/version")));
    const char* const page_long = "/sys/kernel/mm/transparent_hugepage/enabled";  // it says
    if (std::filesystem::exists(page_long)) {
        BOOST_TEST(std::filesystem::file_size(page_long) > test::read_file(page_long).size());
        BOOST_TEST(equal(bytes_of(snapshot::from_file(page_long)), test::read_file(page_long)));
    }
    test::directory directory;
    BOOST_REQUIRE(::mkfifo((directory / "pipe").c_str(), 0600) == 0);
    const std::vector<std::byte> bytes = pattern_bytes(1000000);
    std::thread writer([&] { test::write_file(directory / "pipe", bytes); });
    const snapshot piped = snapshot::from_file(directory / "pipe");
    writer.join();
    BOOST_TEST(equal(bytes_of(piped), bytes));
}

BOOST_AUTO_TEST_CASE(an_unreadable_file_is_an_error_that_names_it) {
    test::directory directory;
    BOOST_CHECK_EXCEPTION(snapshot::from_file(directory / "missing"), vmio::file_error, says(ENOENT, "No such file"));
    BOOST_CHECK_EXCEPTION(snapshot::from_file(directory.path()), vmio::file_error, says(EISDIR, "directory"));
    BOOST_CHECK_EXCEPTION(snapshot::from_file("/dev/null"), vmio::file_error, says(EINVAL, ""));
    BOOST_CHECK_EXCEPTION(snapshot::load(directory / "missing"), vmio::file_error, says(ENOENT, "No such file"));
}

BOOST_AUTO_TEST_CASE(a_file_that_becomes_shorter_while_it_is_copied_is_an_error) {
    test::directory directory;
    test::write_file(directory / "file", pattern_bytes(3 * page));
    const vmio::detail::file_descriptor from(::open((directory / "file").c_str(), O_RDONLY | O_CLOEXEC));
    const vmio::detail::file_descriptor to = vmio::detail::new_memfd(5 * page);
    BOOST_TEST(!vmio::detail::copy_part(from.get(), to.get(), {0, 3 * page}));
    BOOST_TEST(vmio::detail::copy_part(from.get(), to.get(), {page, 5 * page}).value() == ENODATA);
    BOOST_TEST(vmio::detail::copy_part(from.get(), to.get(), {4 * page, 5 * page}).value() == ENODATA);

    // In earnest: either all of it, or the error.
    const auto path = directory / "changing";
    std::atomic<bool> over = false;
    test::write_file(path, pattern_bytes(64 * page));
    std::thread shortener([&] {
        while (!over) {
            test::must(::truncate(path.c_str(), static_cast<off_t>(page)) == 0, "truncate");
            test::must(::truncate(path.c_str(), static_cast<off_t>(64 * page)) == 0, "truncate");
        }
    });
    for (int i = 0; i < 300; ++i) {
        try {
            const snapshot s = snapshot::from_file(path);
            BOOST_TEST((s.size() == page || s.size() == 64 * page));
            const vmio::cow_view view = s.view();
            BOOST_TEST(test::is_pattern(0, view.bytes().first(page)));
        } catch (const vmio::file_error& e) {
            BOOST_TEST(e.code().value() == ENODATA);
        }
    }
    over = true;
    shortener.join();
}

BOOST_AUTO_TEST_CASE(files_are_read_where_they_cannot_be_spliced) {
    test::directory directory;
    const std::vector<std::byte> bytes = pattern_bytes(300 * page + 3);
    test::write_file(directory / "file", bytes);
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid({SYS_sendfile}, EINVAL);
                   const snapshot s = snapshot::from_file(directory / "file");
                   return equal(bytes_of(s), bytes) ? 0 : 1;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_saved_snapshot_can_be_loaded) {
    test::directory directory;
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, page, 3 * page + 5, std::size_t{1000000}}) {
        const snapshot s = snapshot::from_bytes(pattern_bytes(size));
        s.save(directory / "saved");
        const snapshot loaded = snapshot::load(directory / "saved");
        BOOST_TEST(loaded.size() == size);
        BOOST_TEST(equal(bytes_of(loaded), pattern_bytes(size)));
    }
    BOOST_TEST(files_in(directory).size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_layered_snapshot_is_saved_whole) {
    test::directory directory;
    vmio::cow_view view = snapshot::zeroed(100 * page + 3).view();
    for (const std::size_t i : {3, 4, 50, 100}) view[i * page + 1] = std::byte{1};
    view.take_snapshot().save(directory / "saved");
    BOOST_TEST(equal(bytes_of(snapshot::load(directory / "saved")), view.bytes()));
    std::filesystem::resize_file(directory / "saved", 10);
    view.take_snapshot().save(directory / "saved");  // replaces the file
    BOOST_TEST(equal(bytes_of(snapshot::load(directory / "saved")), view.bytes()));
}

BOOST_AUTO_TEST_CASE(a_failed_save_leaves_the_file_as_it_was) {
    test::directory directory;
    snapshot::from_bytes(pattern_bytes(page)).save(directory / "saved");
    const auto before = test::read_file(directory / "saved");
    const snapshot large = snapshot::from_bytes(pattern_bytes(10 * page));
    BOOST_TEST(test::in_a_process([&] {
                   ::signal(SIGXFSZ, SIG_IGN);
                   const rlimit small{2 * page, 2 * page};
                   test::must(::setrlimit(RLIMIT_FSIZE, &small) == 0, "setrlimit");
                   try {
                       large.save(directory / "saved");
                   } catch (const vmio::file_error& e) {
                       return e.code().value() == EFBIG ? 0 : 1;
                   }
                   return 2;
               }) == 0);
    BOOST_TEST((test::read_file(directory / "saved") == before));
    BOOST_TEST(files_in(directory).size() == 1u);
    BOOST_CHECK_EXCEPTION(large.save(directory / "no/such"), vmio::file_error, says(ENOENT, "No such file"));
    BOOST_CHECK_EXCEPTION(large.save(directory.path()), vmio::file_error, says(EINVAL, "not a regular file"));
    BOOST_REQUIRE(::mkfifo((directory / "pipe").c_str(), 0600) == 0);
    BOOST_CHECK_EXCEPTION(large.save(directory / "pipe"), vmio::file_error, says(EINVAL, "not a regular file"));
    BOOST_TEST(std::filesystem::is_fifo(directory / "pipe"));
}

BOOST_AUTO_TEST_CASE(a_file_is_not_replaced_by_one_that_more_may_read) {
    using std::filesystem::perms;
    test::directory directory;
    test::write_file(directory / "saved", {});
    std::filesystem::permissions(directory / "saved", perms(0600));
    snapshot::from_bytes(pattern_bytes(page)).save(directory / "saved");
    BOOST_TEST((std::filesystem::status(directory / "saved").permissions() == perms(0600)));
}

BOOST_AUTO_TEST_CASE(a_file_is_not_replaced_by_one_that_another_group_may_read,
                     *boost::unit_test::precondition(test::as_root)) {
    test::directory directory;
    const auto saved_over = [&](gid_t group) {
        test::write_file(directory / "saved", {});
        BOOST_REQUIRE(::chown((directory / "saved").c_str(), 65534, group) == 0);
        BOOST_REQUIRE(::chmod((directory / "saved").c_str(), 0640) == 0);
        BOOST_REQUIRE(::chmod(directory.path().c_str(), 0777) == 0);
        struct stat status {};
        const int done = test::as_nobody([&] {
            snapshot::from_bytes(pattern_bytes(page)).save(directory / "saved");
            return 0;
        });
        BOOST_REQUIRE((done == 0 && ::stat((directory / "saved").c_str(), &status) == 0));
        return status;
    };
    BOOST_TEST((saved_over(65534).st_mode & 0777) == 0640u);
    BOOST_TEST((saved_over(4).st_mode & 0777) == 0600u);  // a group that nobody is not in
    test::write_file(directory / "saved", {});
    BOOST_REQUIRE(::chown((directory / "saved").c_str(), 0, 4) == 0);
    BOOST_REQUIRE(::chmod((directory / "saved").c_str(), 0640) == 0);
    snapshot::from_bytes(pattern_bytes(page)).save(directory / "saved");
    struct stat status {};
    BOOST_REQUIRE(::stat((directory / "saved").c_str(), &status) == 0);
    BOOST_TEST(status.st_gid == 4u);
    BOOST_TEST((status.st_mode & 0777) == 0640u);
}

BOOST_AUTO_TEST_CASE(the_target_of_a_link_is_replaced_and_not_the_link) {
    test::directory directory;
    test::write_file(directory / "file", {});
    std::filesystem::create_symlink("file", directory / "link");
    snapshot::from_bytes(pattern_bytes(page)).save(directory / "link");
    BOOST_TEST(std::filesystem::is_symlink(directory / "link"));
    BOOST_TEST(equal(bytes_of(snapshot::load(directory / "file")), pattern_bytes(page)));
    std::filesystem::remove(directory / "file");
    snapshot::from_bytes(pattern_bytes(2 * page)).save(directory / "link");
    BOOST_TEST(std::filesystem::is_symlink(directory / "link"));
    BOOST_TEST(equal(bytes_of(snapshot::load(directory / "file")), pattern_bytes(2 * page)));
    std::filesystem::create_symlink(directory / "round", directory / "round");
    BOOST_CHECK_EXCEPTION(snapshot::zeroed(1).save(directory / "round"), vmio::file_error, says(ELOOP, ""));
}

BOOST_AUTO_TEST_CASE(a_file_that_was_not_saved_here_is_refused) {
    test::directory directory;
    const auto path = directory / "file";
    const auto is_foreign = says(EINVAL, "not a saved snapshot");
    test::write_file(path, {});
    BOOST_CHECK_EXCEPTION(snapshot::load(path), vmio::file_error, is_foreign);
    test::write_file(path, pattern_bytes(10));
    BOOST_CHECK_EXCEPTION(snapshot::load(path), vmio::file_error, is_foreign);
    test::write_file(path, pattern_bytes(3 * page));
    BOOST_CHECK_EXCEPTION(snapshot::load(path), vmio::file_error, is_foreign);
    BOOST_CHECK_EXCEPTION(snapshot::load(directory.path()), vmio::file_error, says(EINVAL, "not a regular file"));
    BOOST_CHECK_EXCEPTION(snapshot::load("/dev/zero"), vmio::file_error, says(EINVAL, "not a regular file"));
    snapshot::zeroed(page).save(path);
    auto bytes = test::read_file(path);
    bytes[8] = std::byte{2};
    test::write_file(path, bytes);
    BOOST_CHECK_EXCEPTION(snapshot::load(path), vmio::file_error, says(EOPNOTSUPP, "version"));
}

BOOST_AUTO_TEST_CASE(every_damaged_byte_and_every_missing_end_is_noticed) {
    test::directory directory;
    const auto path = directory / "file";
    vmio::cow_view view = snapshot::zeroed(10 * page).view();
    view[2 * page] = view[7 * page + 1] = std::byte{1};
    view.take_snapshot().save(path);
    test::check_that_damage_is_noticed(path, [](const auto& p) { snapshot::load(p); });
    BOOST_TEST(equal(bytes_of(snapshot::load(path)), view.bytes()));
}

namespace {

struct raw_extent {
    std::uint64_t offset;
    std::uint64_t size;
};

/// A header with a valid checksum, whatever the extents are.
std::vector<std::byte> encoded(std::uint64_t size, const std::vector<raw_extent>& extents) {
    namespace format = vmio::detail::snapshot_format;
    using vmio::detail::put_little_endian;
    const std::vector<vmio::address_range> any(extents.size(), {0, 1});
    std::vector<std::byte> bytes = format::encoded(size, any, 0);
    std::uint64_t data_size = 0;
    std::byte* at = bytes.data() + format::header_size;
    for (const raw_extent& e : extents) {
        put_little_endian(at, e.offset);
        put_little_endian(at + 8, e.size);
        at += format::extent_size;
        data_size += e.size;
    }
    put_little_endian(bytes.data() + 32, data_size);
    vmio::detail::crc32 checksum;
    checksum.add(std::span<const std::byte>(bytes).subspan(format::start_of_checked));
    put_little_endian(bytes.data() + 12, checksum.value());
    return bytes;
}

}  // namespace

BOOST_AUTO_TEST_CASE(headers_that_lie_are_refused_whatever_their_checksum) {
    test::directory directory;
    const auto path = directory / "file";
    const auto refused = [&](std::uint64_t size, const std::vector<raw_extent>& extents, std::size_t data) {
        std::vector<std::byte> bytes = encoded(size, extents);
        bytes.resize(bytes.size() + data);
        test::write_file(path, bytes);
        BOOST_CHECK_EXCEPTION(snapshot::load(path), vmio::file_error, says(EBADMSG, ""));
    };
    const std::uint64_t most = ~std::uint64_t{0};
    refused(100, {{0, 101}}, 101);
    refused(100, {{101, 1}}, 1);
    refused(100, {{50, 0}}, 0);
    refused(100, {{50, 10}, {59, 1}}, 11);
    refused(100, {{50, 10}, {0, 10}}, 20);
    refused(most, {{most, 1}}, 1);
    refused(most, {{1, most}}, 20);
    refused(most, {{10, most - 10}, {5, 10}}, 0);
    refused(most, {}, 0);
    refused(most / 2 + 1, {{0, 10}}, 10);
    refused(100, {{0, 10}}, 9);
    refused(100, {}, 5);
}

BOOST_AUTO_TEST_CASE(the_checksum_is_the_usual_one) {
    std::mt19937 random(3);
    for (const std::size_t size : {0, 1, 7, 8, 9, 63, 64, 1000}) {
        const std::vector<std::byte> bytes = pattern_bytes(size);
        boost::crc_32_type oracle;
        oracle.process_bytes(bytes.data(), bytes.size());
        vmio::detail::crc32 ours;
        for (std::span<const std::byte> rest = bytes; !rest.empty();) {
            const std::size_t n = std::min<std::size_t>(rest.size(), random() % 20);
            ours.add(rest.first(n));
            rest = rest.subspan(n);
        }
        BOOST_TEST(ours.value() == oracle.checksum());
    }
}
