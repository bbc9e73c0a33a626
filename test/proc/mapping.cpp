// SPDX-License-Identifier: BSL-1.0
#include <vmio/mapping.hpp>

#include <sstream>
#include <string>

#include <boost/test/unit_test.hpp>

#include "proc/maps_text.hpp"

using vmio::mapping;
using vmio::to_string;

BOOST_AUTO_TEST_CASE(a_mapping_prints_as_the_line_that_the_kernel_writes) {
    for (const std::string line : {
             "00400000-00452000 r-xp 00001000 08:02 173521 /usr/bin/dbus-daemon",
             "7f84b7600000-7f84b7699000 rw-s 0019a000 fe:1f 333430 /x y (deleted)",
             "7f84b7600000-7f84b7699000 ---p 00000000 00:00 0",
             "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]",
             "7f84b7600000-7f84b7699000 r--p 00000000 fe:1f 7 /of\\012two lines",
         }) {
        const vmio::detail::maps_list list = vmio::detail::parse_maps(line);
        BOOST_REQUIRE(list.mappings.size() == 1u);
        BOOST_TEST(to_string(list.mappings[0]) == line);
        std::ostringstream out;
        out << list.mappings[0].perms << ' ' << list.mappings[0];
        BOOST_TEST(out.str() == to_string(list.mappings[0].perms) + ' ' + line);
    }
}
