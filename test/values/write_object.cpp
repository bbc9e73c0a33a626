// SPDX-License-Identifier: BSL-1.0
#include <vmio/write_object.hpp>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <vmio/process_memory.hpp>
#include <vmio/read_object.hpp>

#include "processes/child.hpp"
#include "processes/piped_program.hpp"
#include "support/error_of.hpp"
#include "targets/random_objects.hpp"

using vmio::address_of;
using vmio::object_layout;
using vmio::read_object;
using vmio::write_object;

BOOST_AUTO_TEST_SUITE(write_object_)

BOOST_AUTO_TEST_CASE(values_and_strings_of_a_child_are_replaced) {
    struct plain {
        int number = 1;
        bool flag = false;
    };
    const plain value;
    const std::string text("short");
    const std::string longer(40, 'x');
    const test::child_process child;
    const vmio::process_memory memory(child.id());
    write_object(memory, address_of(&value), plain{2, true});
    BOOST_TEST(read_object<plain>(memory, address_of(&value)).number == 2);
    BOOST_TEST(value.number == 1);
    for (const std::string& s : {text, longer}) {
        const vmio::address at = s == text ? address_of(&text) : address_of(&longer);
        for (const std::string& now : {std::string("fifteen letters"), std::string(), std::string("a\0b", 3)}) {
            write_object(memory, at, now);
            BOOST_TEST(read_object<std::string>(memory, at) == now);
        }
        BOOST_TEST(test::error_of([&] { write_object(memory, at, std::string(1000, 'y')); }) == EMSGSIZE);
        BOOST_TEST(read_object<std::string>(memory, at).size() == 3u);
    }
    write_object(memory, address_of(&longer), std::string(40, 'z'));
    BOOST_TEST(read_object<std::string>(memory, address_of(&longer)) == std::string(40, 'z'));
    BOOST_TEST(text == "short");
}

BOOST_AUTO_TEST_CASE(strings_of_other_standard_libraries_are_replaced) {
    struct target {
        const char* program;
        object_layout layout;
    };
    const target targets[]{
#ifdef VMIO_OBJECT_TARGET_COW
        {VMIO_OBJECT_TARGET_COW, object_layout::libstdcxx_cow},
#endif
#ifdef VMIO_OBJECT_TARGET_LIBCXX
        {VMIO_OBJECT_TARGET_LIBCXX, object_layout::libcxx},
#endif
        {VMIO_OBJECT_TARGET, object_layout::native}};
    for (const target& t : targets) {
        test::piped_program program({t.program});
        const vmio::process_memory memory(program.id());
        const vmio::address objects = std::strtoull(program.next().c_str(), nullptr, 16);
        const auto first = read_object<vmio::address>(memory, objects);
        const vmio::address text = first + sizeof(void*);  // behind a bool
        int written = 0;
        for (unsigned i = 0; i < 50; ++i) {
            const auto size = read_object<vmio::address>(memory, objects + sizeof(void*)) - first;
            const vmio::address at = text + i * (size / test::object_count);
            const std::string old = test::random_object(i).text;
            BOOST_TEST_REQUIRE((read_object<std::string>(memory, at, {}, t.layout) == old));
            const std::string now(old.size(), static_cast<char>('a' + i % 26));
            if (test::error_of([&] { write_object(memory, at, now, t.layout); }) != 0) continue;
            ++written;
            BOOST_TEST((read_object<std::string>(memory, at, {}, t.layout) == now));
        }
        BOOST_TEST(written >= 30);  // strings as before C++11 that are empty are all one
    }
}

BOOST_AUTO_TEST_SUITE_END()
