// SPDX-License-Identifier: BSL-1.0
/// A memory that outlives its process's exec, since another process uses it too; and one that is gone before its
/// process.
#include <cerrno>
#include <csignal>
#include <cstring>
#include <set>

#include <sys/mman.h>

#include <boost/test/unit_test.hpp>

#include <vmio/process_memory.hpp>

#include "processes/child.hpp"
#include "processes/questions.hpp"
#include "processes/sharing_process.hpp"
#include "support/pages.hpp"

using test::memory_error_of;
using test::sharing;
using vmio::process;
using vmio::process_memory;
using vmio::transfer_method;

namespace {

constexpr sharing ways[] = {sharing::cloned_another, sharing::was_cloned, sharing::was_vforked};

}  // namespace

BOOST_AUTO_TEST_CASE(a_program_whose_memory_others_use_is_another_one_after_exec) {
    const test::pages some(1);
    for (const sharing how : ways) {
        BOOST_TEST_CONTEXT("sharing " << static_cast<int>(how)) {
            test::sharing_process target(how);
            const process looked_at(target.id());
            const process not_looked_at(target.id());
            const process_memory mem(looked_at, {.method = transfer_method::proc_mem});
            const process_memory forced(looked_at, {.force_write = true});
            BOOST_TEST(looked_at.same_program());
            BOOST_TEST((mem.read_value<std::byte>(some.start()) == test::pattern(some.start())));
            target.exec();
            for (const process& handle : {looked_at, not_looked_at}) {
                BOOST_TEST(handle.alive());
                BOOST_TEST(!handle.same_program());
            }
            std::byte byte{0x5a};
            std::error_code ec;
            BOOST_TEST(mem.read_some(some.start(), {&byte, 1}, ec) == 0u);
            BOOST_TEST(ec.value() == ESTALE);
            BOOST_TEST(forced.write_some(some.start(), {&byte, 1}, ec) == 0u);
            BOOST_TEST(ec.value() == ESTALE);
            const process again(target.id());
            BOOST_TEST(again.same_program());
        }
    }
    BOOST_TEST((*some.data() == test::pattern(some.start())));
}

BOOST_AUTO_TEST_CASE(memory_that_others_still_use_does_not_answer_for_an_old_program) {
    for (const sharing how : ways) {
        BOOST_TEST_CONTEXT("sharing " << static_cast<int>(how)) {
            test::sharing_process target(how);
            const process looked_at(target.id());
            const process not_looked_at(target.id());
            query_mapping(looked_at, 0, vmio::mapping_lookup::next_after);
            target.exec();
            for (const process& handle : {looked_at, not_looked_at}) {
                for (std::size_t i = 0; i < test::of_one_program.size(); ++i)
                    BOOST_TEST(memory_error_of([&] { test::of_one_program[i](handle); }) == ESTALE, "question " << i);
                // These are of the program that runs now.
                for (auto* const use : test::of_any_program) BOOST_TEST(memory_error_of([&] { use(handle); }) == 0);
                BOOST_TEST(!query_mapping(handle, test::address_of(&ways)));
                BOOST_TEST((vmio::memory_map::load(handle).find(test::address_of(&ways)) == nullptr));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_process_that_is_dying_is_no_such_process_and_never_another_program) {
    constexpr std::size_t size = std::size_t{384} << 20;
    std::size_t in_between = 0;
    for (std::size_t first = 0; first < test::of_one_program.size() + test::of_any_program.size() + 1; ++first) {
        test::child_process child([] {
            void* const much = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            test::must(much != MAP_FAILED, "mmap");
            ::madvise(much, size, MADV_NOHUGEPAGE);
            std::memset(much, 1, size);
        });
        const process target(child.id());
        const process_memory mem(target, {.method = transfer_method::proc_mem});
        BOOST_TEST(target.same_program());
        BOOST_TEST(mem.read_value<int>(test::address_of(&ways)) == 0);
        ::kill(child.id(), SIGKILL);
        std::set<int> errors;
        do {
            if (first < test::of_one_program.size())
                errors.insert(memory_error_of([&] { test::of_one_program[first](target); }));
            else if (const std::size_t other = first - test::of_one_program.size(); other < test::of_any_program.size())
                errors.insert(memory_error_of([&] { test::of_any_program[other](target); }));
            else
                errors.insert(memory_error_of([&] { mem.read_value<int>(test::address_of(&ways)); }));
            if (target.alive() && errors.count(ESRCH) != 0) ++in_between;
        } while (target.alive());
        errors.erase(0);
        errors.erase(ESRCH);
        BOOST_TEST(errors.empty(), "question " << first << ": error " << (errors.empty() ? 0 : *errors.begin()));
    }
    BOOST_TEST_MESSAGE(in_between << " answers came while the memory was gone and the process was not");
}
