// SPDX-License-Identifier: BSL-1.0
/// Files that may stall, and files below /dev that are files.
#include "maps/file_kind.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/backing_file.hpp>
#include <vmio/build_id.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/page_map.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/query_mapping.hpp>
#include <vmio/region_reader.hpp>
#include <vmio/search.hpp>

#include "processes/child.hpp"
#include "processes/fuse_server.hpp"
#include "support/mapped.hpp"
#include "support/mounts.hpp"
#include "support/scratch.hpp"
#include "support/skip.hpp"

using vmio::address;
using vmio::address_range;
using vmio::mapping;
using vmio::process;
using vmio::detail::file_system_kind;

namespace {

const std::size_t page = vmio::page_size();

boost::test_tools::assertion_result has_fuse(boost::unit_test::test_unit_id) {
    return test::unless_missing(test::in_a_process([] {
                                    const test::scratch_directory where;
                                    return test::have_own_mounts() && test::fuse_server(where.path()) ? 0 : 1;
                                }) == 0,
                                "root and FUSE");
}

/// A process that maps file `f` of a FUSE mount, and has looked at its first page or not.
struct fuse_target {
    test::child_process child;
    process target;

    fuse_target(const std::string& directory, address& at, bool touched)
        : child([&] {
              const int file = ::open((directory + "/f").c_str(), O_RDONLY | O_CLOEXEC);
              void* const p =
                  ::mmap(nullptr, test::fuse_server::file_size(), PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
              ::close(file);  // which waits for an answer
              if (p == MAP_FAILED) ::_exit(1);
              if (touched) [[maybe_unused]]
                  const char c = *static_cast<volatile char*>(p);
              at = vmio::address_of(p);
          }),
          target(child.id()) {}
};

/// Runs `body` where there is a FUSE mount. A body that waits for the silent server is killed, and has failed.
int beside_fuse(const std::function<int(test::fuse_server&, const std::string& directory, address& shared)>& body) {
    return test::in_a_process([&] {
        constexpr unsigned watchdog = 20;
        ::alarm(watchdog);
        const test::scratch_directory where;
        if (!test::have_own_mounts()) return 90;
        void* const shared = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        test::fuse_server server(where.path());
        return server ? body(server, where.path(), *static_cast<address*>(shared)) : 91;
    });
}

mapping mapping_at(const process& target, address at) {
    return vmio::query_mapping(target, at).value();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_file_of_a_silent_file_system_is_refused_without_a_request,
                     *boost::unit_test::precondition(has_fuse)) {
    BOOST_TEST(beside_fuse([](test::fuse_server& server, const std::string& directory, address& at) {
                   const fuse_target t(directory, at, true);
                   server.fall_silent();
                   const int requests = server.requests();
                   const mapping m = mapping_at(t.target, at);
                   if (vmio::detail::file_system_of(t.target, m) != file_system_kind::may_stall) return 1;
                   if (vmio::backing_file(t.target, m).refusal() != vmio::file_refusal::may_stall) return 2;
                   if (!vmio::build_id(t.target, m).empty()) return 3;
                   if (vmio::memory_map::load(t.target).find(at) == nullptr) return 4;
                   return server.requests() == requests ? 0 : 5;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_file_that_may_stall_is_opened_where_that_is_asked_for,
                     *boost::unit_test::precondition(has_fuse)) {
    BOOST_TEST(beside_fuse([](test::fuse_server&, const std::string& directory, address& at) {
                   const fuse_target t(directory, at, false);
                   const vmio::backing_file file(t.target, mapping_at(t.target, at), {.may_stall = true});
                   std::byte first{};
                   std::error_code ec;
                   return file && file.read_some(0, {&first, 1}, ec) == 1 && first == std::byte('f') ? 0 : 1;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(present_pages_of_a_silent_file_system_are_read_and_others_are_gaps,
                     *boost::unit_test::precondition(has_fuse)) {
    for (const bool use_files : {true, false})
        BOOST_TEST(beside_fuse([&](test::fuse_server& server, const std::string& directory, address& at) {
                       const fuse_target t(directory, at, true);
                       server.fall_silent();
                       const int requests = server.requests();
                       const auto range = address_range::of_size(at, test::fuse_server::file_size());
                       const auto present = vmio::scan_pages(t.target, range, vmio::page_state::present);
                       if (present.empty() || present[0].range.start() != at) return 1;
                       vmio::region_options options;
                       options.within = range;
                       options.use_backing_files = use_files;
                       vmio::region_reader reader(t.target, options);
                       if (!reader.next()) return 2;
                       const auto bytes = reader.fetch();
                       std::uint64_t in_gaps = 0;
                       for (const auto& gap : reader.gaps()) in_gaps += gap.size();
                       std::uint64_t here = 0;
                       for (const auto& run : present) {
                           here += run.range.size();
                           if (bytes[run.range.start() - at] != std::byte('f')) return 3;
                       }
                       if (here + in_gaps != range.size()) return 4;
                       return server.requests() == requests ? 0 : 5;
                   }) == 0);
}

BOOST_AUTO_TEST_CASE(a_search_and_a_capture_pass_by_a_silent_file_system, *boost::unit_test::precondition(has_fuse)) {
    static const test::mapped some(1);
    std::strcpy(some.data(), "beside the silent file");
    BOOST_TEST(beside_fuse([](test::fuse_server& server, const std::string& directory, address& at) {
                   const fuse_target t(directory, at, false);
                   server.fall_silent();
                   const vmio::process_memory memory(t.target);
                   const auto found = vmio::search(memory, vmio::byte_pattern::text("beside the silent file"));
                   if (std::find(found.begin(), found.end(), some.start()) == found.end()) return 1;
                   const auto frozen = vmio::process_snapshot::capture(t.target, {.pause = true});
                   char text[8];
                   std::error_code ec;
                   const std::size_t got = frozen.read_some(some.start(), std::as_writable_bytes(std::span(text)), ec);
                   return got == sizeof text && std::memcmp(text, "beside t", got) == 0 ? 0 : 2;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(a_regular_file_below_dev_is_a_region, *boost::unit_test::precondition(test::as_root)) {
    const std::string path = "/dev/vmio-test-" + std::to_string(::getpid());
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    BOOST_REQUIRE(file >= 0);
    BOOST_REQUIRE(::ftruncate(file, static_cast<off_t>(page)) == 0);
    {
        const test::mapped some(1, MAP_PRIVATE, file);
        some.write(0, 'x');
        const test::child_process child;
        const process target(child.id());
        const mapping m = mapping_at(target, some.start());
        BOOST_TEST(m.name == path);
        BOOST_TEST(vmio::detail::shows_regular_file(target, m));
        vmio::region_options options;
        options.within = some.range();
        vmio::region_reader reader(target, options);
        BOOST_REQUIRE(reader.next());
        BOOST_TEST((reader.fetch()[0] == std::byte('x')));
    }
    ::unlink(path.c_str());
    ::close(file);
}

BOOST_AUTO_TEST_CASE(a_device_is_no_regular_file) {
    const int file = ::open("/dev/zero", O_RDWR | O_CLOEXEC);
    const test::mapped some(1, MAP_PRIVATE, file);
    ::close(file);
    const process self = process::self();
    BOOST_TEST(!vmio::detail::shows_regular_file(self, mapping_at(self, some.start())));
}
