// SPDX-License-Identifier: BSL-1.0
/// main() of every test program.
#define BOOST_TEST_MODULE vmio
#ifdef BOOST_TEST_DYN_LINK
#include <boost/test/unit_test.hpp>
#else
#include <boost/test/included/unit_test.hpp>
#endif
