// SPDX-License-Identifier: BSL-1.0
#include <string>

#include <boost/test/unit_test.hpp>

#include "processes/gdb.hpp"

BOOST_AUTO_TEST_SUITE(gdb_printers, *boost::unit_test::precondition(test::with_gdb))

BOOST_AUTO_TEST_CASE(gdb_prints_values_as_the_library_does) {
    std::string commands = "-ex 'source " VMIO_GDB_PRINTERS "' -ex 'break printers_target.cpp:18' -ex run";
    for (const char* const name : {"range", "perms", "mapping", "gap", "block", "pointer"})
        commands += std::string(" -ex 'print ") + name + "'";
    const std::string printed = test::gdb(commands + " " VMIO_PRINTERS_TARGET);
    for (const char* const line :
         {"$1 = [0x1000, 0x3000)\n", "$2 = r-xp\n", "$3 = [0x1000, 0x3000) r-xp /usr/lib/one\n",
          "$4 = [0x1000, 0x3000): guard_page\n", "$5 = 8 bytes at 0x10\n", "$6 = (int *) 0x1234\n"})
        BOOST_TEST(printed.find(line) != std::string::npos, line << " is not in " << printed);
}

BOOST_AUTO_TEST_SUITE_END()
