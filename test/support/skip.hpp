// SPDX-License-Identifier: BSL-1.0
/// A test that cannot run here says so; where nothing may be left out (VMIO_NO_SKIP in the environment) that is a
/// failure.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include <locale.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

namespace test {

inline boost::test_tools::assertion_result unless_missing(bool here, const std::string& what) {
    if (here) return true;
    boost::test_tools::assertion_result no(false);
    no.message() << "needs " << what;
    if (std::getenv("VMIO_NO_SKIP") != nullptr) {
        BOOST_TEST_MESSAGE("skipped, though nothing may be: needs " << what);
        std::fprintf(stderr, "FAILED: a test was skipped: it needs %s\n", what.c_str());
        std::exit(1);
    }
    return no;
}

inline boost::test_tools::assertion_result as_root(boost::unit_test::test_unit_id) {
    return unless_missing(::geteuid() == 0, "root");
}

inline boost::test_tools::assertion_result has_utf8_locale(boost::unit_test::test_unit_id) {
    const ::locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    if (locale != nullptr) ::freelocale(locale);
    return unless_missing(locale != nullptr, "the locale C.UTF-8");
}

inline boost::test_tools::assertion_result kernel_threads_are_seen(boost::unit_test::test_unit_id) {
    std::string name;
    std::getline(std::ifstream("/proc/2/comm"), name);
    return unless_missing(name == "kthreadd", "the kernel's threads in sight");
}

}  // namespace test
