// SPDX-License-Identifier: BSL-1.0
#include "faults/fault_trials.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <new>
#include <sstream>

#include <sched.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>

#include "faults/seccomp.hpp"
#include "support/files.hpp"

namespace test {

fault_memory::fault_memory() {
    std::strcpy(large.data() + large.size() - 100, text);
}

namespace {

/// As it is before each operation.
void write_saved(const fault_scene& s) {
    write_file(s.saved, std::as_bytes(std::span(s.old_content, std::strlen(s.old_content))));
}

/// What the operation must not have done to the target, or left anywhere; empty for nothing.
std::string traces(const fault_scene& s, bool failed) {
    std::string status;
    std::getline(std::ifstream("/proc/" + std::to_string(s.child.id()) + "/stat"), status);
    const char state = status.empty() ? '?' : status[status.rfind(')') + 2];
    if (std::strchr("RS", state) == nullptr) return std::string("a target in state ") + state;
    const auto bytes = peek(s.child.id(), s.constant.start(), s.constant.size());
    if (!is_pattern(s.constant.start(), bytes)) return "other bytes in the target";
    for (const auto& entry : std::filesystem::directory_iterator(s.directory.path()))
        if (entry.path() != s.saved) return "a file: " + entry.path().filename().string();
    const auto content = read_file(s.saved);
    const bool old = std::string_view(reinterpret_cast<const char*>(content.data()), content.size()) == s.old_content;
    if (failed && !old) return "another file in place of the old one";
    return {};
}

/// Asks until it holds: what ends, ends a moment later for the kernel's lists. 10,000 times at most.
template <class F>
bool soon(F&& holds) {
    for (int i = 0; i < 10000; ++i) {
        if (holds()) return true;
        ::sched_yield();
    }
    return false;
}

/// How it ended, in words; empty if that is as it should be. `failed`: it said that it did not succeed.
std::string run_once(const fault_operation& operation, const fault_scene& scene, bool& failed) {
    write_saved(scene);
    try {
        failed = operation.run(scene) != outcome::done;
    } catch (const wrong_result& e) {
        return std::string("not ") + e.what();
    } catch (const std::bad_alloc&) {
        failed = true;
    } catch (const vmio::memory_error&) {  // file_error too
        failed = true;
    } catch (const std::exception& e) {
        return std::string("an exception of another kind: ") + e.what();
    }
    return {};
}

/// One fault; what is wrong afterwards.
std::string with_fault(const fault_operation& operation, const fault_scene& scene, const holdings& before,
                       bool& reached) {
    bool failed = false;
    if (std::string wrong = run_once(operation, scene, failed); !wrong.empty()) return wrong;
    reached = fault_happened();
    if (failed && !reached) return "failed without a fault";
    std::string left;
    soon([&] { return (left = traces(scene, failed)).empty(); });
    if (!left.empty()) return "left behind: " + left;
    holdings after;
    if (!soon([&] { return (after = holdings::now()) == before; })) {
        std::ostringstream text;
        text << "leaked: " << after << "; before: " << before;
        return text.str();
    }
    return {};
}

std::string without_fault(const fault_operation& operation, const fault_scene& scene) {
    bool failed = false;
    set_fault(std::numeric_limits<std::size_t>::max() / 2, fault_length::once);
    const std::string wrong = run_once(operation, scene, failed);
    return wrong.empty() && failed ? "failed without a fault" : wrong;
}

/// Until the first thing that is wrong: 1 after words about it.
int try_everywhere(const fault_operation& operation, fault kind) {
    const fault_scene scene;
    prepare_faults(kind);
    operation.prepare();
    // No words before there is something to say: they would count among what is held.
    const auto is_wrong = [&](const std::string& wrong, const char* when, std::size_t k = 0, bool lasting = false) {
        if (!wrong.empty())
            std::cerr << operation.name << ", " << when << " fault " << k << (lasting ? " and all later: " : ": ")
                      << wrong << std::endl;
        return !wrong.empty();
    };
    for (int i = 0; i < 2; ++i)  // what is made once is made here
        if (is_wrong(without_fault(operation, scene), "without")) return 1;
    holdings::now();
    const holdings before = holdings::now();
    for (const fault_length length : {fault_length::once, fault_length::lasting}) {
        const bool lasting = length == fault_length::lasting;
        // Where all fail, the later places differ little.
        for (std::size_t k = 0;; k += lasting ? 1 + k / 8 : 1) {
            bool reached = false;
            set_fault(k, length);
            if (is_wrong(with_fault(operation, scene, before, reached), "with", k, lasting)) return 1;
            if (!reached) break;
            if (is_wrong(without_fault(operation, scene), "after", k, lasting)) return 1;
        }
    }
    return 0;
}

void try_all(fault kind) {
    const char* const only = std::getenv("VMIO_TEST_OPERATION");
    for (const fault_operation& operation : fault_operations) {
        if (only != nullptr && !std::string_view(operation.name).starts_with(only)) continue;
        BOOST_TEST_CONTEXT(operation.name) {
            BOOST_TEST(in_a_process([&] { return try_everywhere(operation, kind); }) == 0);
        }
    }
}

}  // namespace

void without_queries() {
    forbid({SYS_ioctl}, ENOTTY);
}

}  // namespace test

BOOST_AUTO_TEST_CASE(where_an_allocation_fails) {
    test::try_all(test::fault::allocation);
}

BOOST_AUTO_TEST_CASE(where_no_descriptor_is_to_be_had) {
    test::try_all(test::fault::descriptor);
}

BOOST_AUTO_TEST_CASE(where_a_file_cannot_be_written) {
    test::try_all(test::fault::storage);
}

#ifndef VMIO_TEST_SANITIZED
BOOST_AUTO_TEST_CASE(where_no_memory_can_be_mapped) {
    test::try_all(test::fault::memory);
}
#endif
