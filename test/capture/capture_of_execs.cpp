// SPDX-License-Identifier: BSL-1.0
// Captures and cores of a process that replaces its program all the time: each is of one program, or an error.
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/core_memory.hpp>
#include <vmio/error.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/write_core.hpp>

#include "processes/child.hpp"
#include "support/scratch.hpp"

using vmio::address;
using vmio::address_range;
using vmio::process;

namespace {

constexpr std::size_t parts = 4;
constexpr std::size_t size = std::size_t{256} << 10;
constexpr address apart = address{1} << 36;

class exec_chain {
public:
    exec_chain() : id_(::fork()) {
        test::must(id_ >= 0, "fork");
        if (id_ != 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::execl(VMIO_EXEC_CHAIN, "exec_chain", "1", std::to_string(size).c_str(), std::to_string(apart).c_str(),
                nullptr);
        ::_exit(127);
    }
    exec_chain(const exec_chain&) = delete;
    exec_chain& operator=(const exec_chain&) = delete;
    ~exec_chain() {
        ::kill(id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
    }

    pid_t id() const { return id_; }

private:
    pid_t id_;
};

/// The number that a program was called with.
std::uint64_t number_in(const std::string& arguments) {
    const std::size_t at = arguments.find(' ');
    return at == arguments.npos ? 0 : std::strtoull(arguments.c_str() + at, nullptr, 10);
}

/// Whether the memory holds nothing but zeros and the number of one program, as much of it as there is.
template <class Memory>
bool is_of_one_program(const Memory& memory) {
    std::uint64_t number = number_in(memory.arguments());  // 0 while the kernel has not put them in place
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 1; i <= parts; ++i) {
        std::error_code ec;
        const std::size_t got = memory.read_some(i * apart, bytes, ec);
        for (std::size_t at = 0; at + sizeof number <= got; at += sizeof number) {
            std::uint64_t found;
            std::memcpy(&found, &bytes[at], sizeof found);
            if (number == 0) number = found;
            if (found != 0 && found != number) return false;
        }
    }
    return true;
}

struct outcomes {
    std::size_t good = 0;
    std::size_t errors = 0;
    std::size_t wrong = 0;
};

/// Calls use(process), which returns whether the result is of one program, until it has been good and an error often
/// enough, or too often for that.
template <class F>
outcomes use_again_and_again(F&& use) {
    const exec_chain target;
    outcomes all;
    for (int i = 0; i < 2000 && (all.good < 30 || all.errors < 30); ++i) {
        try {
            ++(use(process(target.id())) ? all.good : all.wrong);
        } catch (const vmio::memory_error& e) {
            ++all.errors;
            BOOST_TEST((e.code().value() == ESTALE || e.code().value() == ESRCH), e.what());
        }
    }
    return all;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_capture_is_of_one_program_or_an_error) {
    for (const bool pause : {false, true}) {
        const outcomes all = use_again_and_again([&](const process& target) {
            vmio::capture_options options;
            options.pause = pause;
            return is_of_one_program(vmio::process_snapshot::capture(target, options));
        });
        BOOST_TEST(all.wrong == 0u);
        BOOST_TEST(all.good > 0u);
    }
}

BOOST_AUTO_TEST_CASE(a_core_is_of_one_program_or_an_error) {
    const test::scratch_directory directory;
    const std::filesystem::path path = directory / "core";
    for (const bool pause : {false, true}) {
        const outcomes all = use_again_and_again([&](const process& target) {
            vmio::core_options options;
            options.pause = pause;
            write_core(target, path, options);
            return is_of_one_program(vmio::core_memory::open(path));
        });
        BOOST_TEST(all.wrong == 0u);
        BOOST_TEST(all.good > 0u);
    }
}
