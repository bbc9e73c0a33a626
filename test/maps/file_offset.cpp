// SPDX-License-Identifier: BSL-1.0
#include <vmio/file_offset.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>

#include <sys/syscall.h>

#include <boost/test/unit_test.hpp>

#include <vmio/build_id.hpp>
#include <vmio/error.hpp>
#include <vmio/memory_map.hpp>

#include "faults/seccomp.hpp"
#include "processes/child.hpp"
#include "support/maps.hpp"

using vmio::address;
using vmio::process;

namespace {

int here() {
    return 1;
}

template <class F>
address address_of(F* f) {
    return reinterpret_cast<std::uintptr_t>(f);
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_address_is_a_place_in_a_file) {
    test::on_self_and_child([](pid_t id) {
        const process target(id);
        static int data = 1;
        int on_stack = 1;
        std::vector<address> addresses{0,
                                       address_of(&here),
                                       address_of(&here) + 1,
                                       address_of(&std::snprintf),
                                       address_of(&data),
                                       address_of(&on_stack),
                                       ~address{0}};
        std::sort(addresses.begin(), addresses.end());
        const auto result = vmio::file_offset(target, addresses);
        const auto map = vmio::memory_map::load(target);
        BOOST_REQUIRE(result.locations.size() == addresses.size());
        for (std::size_t i = 0; i < addresses.size(); ++i) {
            const auto& location = result.locations[i];
            BOOST_TEST(location.where == addresses[i]);
            const vmio::mapping* const m = map.find(addresses[i]);
            BOOST_TEST(location.file.has_value() == (m != nullptr && !m->name.empty()));
            if (!location.file) continue;
            const auto& file = result.files[*location.file];
            BOOST_TEST(file.name == m->name);
            BOOST_TEST(file.inode == m->inode);
            BOOST_TEST(location.offset == addresses[i] - m->range.start() + m->offset);
            BOOST_TEST((file.build_id == vmio::build_id(target, *m)));
        }
    });
}

BOOST_AUTO_TEST_CASE(a_file_is_listed_once_however_many_mappings_it_has) {
    const auto map = vmio::memory_map::load(process::self());
    std::vector<address> addresses;
    for (const vmio::mapping& m : map)
        for (address a = m.range.start(); a < m.range.end() && a < m.range.start() + 5; ++a) addresses.push_back(a);
    const auto result = vmio::file_offset(process::self(), addresses);
    for (std::size_t i = 0; i < result.files.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            BOOST_TEST(
                !(result.files[i].name == result.files[j].name && result.files[i].inode == result.files[j].inode));
    BOOST_TEST(result.files.size() >= 4U);
}

BOOST_AUTO_TEST_CASE(unsorted_addresses_are_refused_and_no_addresses_have_no_locations) {
    const std::vector<address> unsorted{2, 1};
    BOOST_CHECK_THROW(vmio::file_offset(process::self(), unsorted), std::invalid_argument);
    const auto nothing = vmio::file_offset(process::self(), {});
    BOOST_TEST((nothing.files.empty() && nothing.locations.empty()));
}

BOOST_AUTO_TEST_CASE(a_process_that_has_ended_is_an_error) {
    test::child_process child;
    const process target(child.id());
    child.end();
    const std::vector<address> one{address_of(&here)};
    BOOST_CHECK_EXCEPTION(vmio::file_offset(target, one), vmio::memory_error,
                          [](const vmio::memory_error& e) { return e.code() == vmio::errc::no_such_process; });
}

BOOST_AUTO_TEST_CASE(a_build_id_that_may_not_be_read_is_empty_and_no_error) {
    const test::child_process child;
    const process target(child.id());
    const std::vector<address> one{test::mapping_named(child.id(), "[vdso]").start()};
    BOOST_TEST(!vmio::file_offset(target, one).files.at(0).build_id.empty());
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid({SYS_process_vm_readv}, EPERM);
                   test::forbid_with(SYS_pread64, 3, ~0xffffu, EPERM);  // of memory, not of the text of the maps
                   const auto found = vmio::file_offset(target, one);
                   return found.files.size() == 1 && found.files[0].build_id.empty() ? 0 : 1;
               }) == 0);
}
