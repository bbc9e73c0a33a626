// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE byte_runs
#include <boost/test/unit_test.hpp>
BOOST_AUTO_TEST_CASE(x) {}
