// SPDX-License-Identifier: BSL-1.0
/// RLIMIT_FSIZE, which the kernel also applies to memfds: an error, never SIGXFSZ.
#include <cerrno>
#include <functional>

#include <sys/resource.h>

#include <boost/test/unit_test.hpp>

#include <vmio/process_snapshot.hpp>
#include <vmio/snapshot.hpp>
#include <vmio/write_core.hpp>

#include "processes/child.hpp"
#include "support/files.hpp"
#include "support/mapped.hpp"
#include "support/scratch.hpp"

using vmio::process;
using vmio::process_snapshot;
using vmio::snapshot;

namespace {

/// The errno of that in a process that may make files of one page only; 0 if it returns. More than 128: a signal.
int error_of(
    const std::function<void()>& call, const std::function<void()>& before = [] {}) {
    return test::in_a_process([&] {
        before();
        const rlimit one_page{vmio::page_size(), vmio::page_size()};
        test::must(::setrlimit(RLIMIT_FSIZE, &one_page) == 0, "setrlimit");
        try {
            call();
        } catch (const vmio::memory_error& e) {
            return e.code().value();
        }
        return 0;
    });
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_snapshot_larger_than_files_may_be_is_an_error) {
    const test::scratch_directory directory;
    const std::vector<std::byte> bytes(4 * vmio::page_size(), std::byte{1});
    test::write_file(directory / "file", bytes);
    snapshot::from_bytes(bytes).save(directory / "saved");
    BOOST_TEST(error_of([&] { snapshot::zeroed(bytes.size()); }) == EFBIG);
    BOOST_TEST(error_of([&] { snapshot::from_bytes(bytes); }) == EFBIG);
    BOOST_TEST(error_of([&] { snapshot::from_file(directory / "file"); }) == EFBIG);
    BOOST_TEST(error_of([&] { snapshot::load(directory / "saved"); }) == EFBIG);
    const snapshot s = snapshot::from_bytes(bytes);
    BOOST_TEST(error_of([&] { snapshot(s).view_mutable(); }) == EFBIG);
    BOOST_TEST(error_of([&] { s.save(directory / "saved"); }) == EFBIG);
    BOOST_TEST(error_of([&] { snapshot::from_bytes({bytes.data(), vmio::page_size()}); }) == 0);
}

BOOST_AUTO_TEST_CASE(a_capture_larger_than_files_may_be_is_an_error) {
    const test::mapped memory(4);
    memory.data()[0] = memory.data()[3 * vmio::page_size()] = 'x';
    const test::child_process child;
    const test::scratch_directory directory;
    vmio::capture_options options;
    options.ranges = {memory.range()};
    const process_snapshot captured = process_snapshot::capture(process(child.id()), options);
    captured.save(directory / "saved");
    BOOST_TEST(error_of([&] { process_snapshot::capture(process(child.id()), options); }) == EFBIG);
    BOOST_TEST(error_of([&] { process_snapshot::load(directory / "saved"); }) == EFBIG);
    BOOST_TEST(error_of([&] { captured.save(directory / "saved"); }) == EFBIG);
    BOOST_TEST(error_of([&] { captured.save_core(directory / "core"); }) == EFBIG);
    BOOST_TEST(error_of([&] { vmio::write_core(process(child.id()), std::filesystem::path(directory / "core")); }) ==
               EFBIG);
}
