// SPDX-License-Identifier: BSL-1.0
/// Preconditions of tests. A test whose need is not met is skipped with the reason. Where VMIO_NO_SKIP is in the
/// environment that is a failure, except for the needs that VMIO_MAY_SKIP names, separated by semicolons; a need that
/// it names and that is met is a failure too, so that the list cannot hide a test that could run.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include <locale.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

namespace test {

inline bool may_be_skipped(const std::string& need) {
    const char* const list = std::getenv("VMIO_MAY_SKIP");
    std::istringstream names(list != nullptr ? list : "");
    for (std::string name; std::getline(names, name, ';');)
        if (name == need) return true;
    return false;
}

inline boost::test_tools::assertion_result unless_missing(bool here, const std::string& what) {
    if (std::getenv("VMIO_NO_SKIP") != nullptr && here == may_be_skipped(what)) {
        std::fprintf(
            stderr,
            here ? "FAILED: VMIO_MAY_SKIP names what is here: %s\n" : "FAILED: a test was skipped: it needs %s\n",
            what.c_str());
        std::exit(1);
    }
    boost::test_tools::assertion_result result(here);
    if (!here) result.message() << "needs " << what;
    return result;
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
