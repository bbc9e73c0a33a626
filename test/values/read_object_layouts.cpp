// SPDX-License-Identifier: BSL-1.0
#include <vmio/read_object.hpp>

#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <vmio/process_memory.hpp>

#include "processes/piped_program.hpp"
#include "support/skip.hpp"
#include "targets/random_objects.hpp"

using vmio::object_layout;
using vmio::read_object;

namespace {

/// A program that has test::object_count objects.
class object_target {
public:
    explicit object_target(const std::string& program)
        : program_({program}), start_(std::strtoull(program_.next().c_str(), nullptr, 16)) {}

    pid_t id() const { return program_.id(); }
    vmio::address start() const { return start_; }

private:
    test::piped_program program_;
    vmio::address start_;
};

void check_objects(const std::string& program, object_layout layout, std::uint64_t most_calls) {
    const object_target target(program);
    const vmio::process_memory memory(target.id());
    struct counting {
        const vmio::process_memory& memory;
        std::uint64_t* calls;
        std::size_t read_some(vmio::address at, std::span<std::byte> to, std::error_code& ec) const noexcept {
            ++*calls;
            return memory.read_some(at, to, ec);
        }
        void read_blocks(std::span<const vmio::remote_block> blocks, std::span<vmio::block_transfer> results) const {
            ++*calls;
            memory.read_blocks(blocks, results);
        }
    };
    std::uint64_t calls = 0;
    const auto objects = read_object<std::vector<test::object>>(counting{memory, &calls}, target.start(), {}, layout);
    BOOST_TEST_REQUIRE(objects.size() == static_cast<std::size_t>(test::object_count));
    int wrong = 0;
    for (int i = 0; i < test::object_count; ++i)
        if (!(objects[static_cast<std::size_t>(i)] == test::random_object(static_cast<unsigned>(i)))) ++wrong;
    BOOST_TEST(wrong == 0);
    BOOST_TEST(calls < most_calls);
}

#ifdef VMIO_OBJECT_TARGET_COW
const char* const cow_target = VMIO_OBJECT_TARGET_COW;
#else
const char* const cow_target = nullptr;
#endif
#ifdef VMIO_OBJECT_TARGET_LIBCXX
const char* const libcxx_target = VMIO_OBJECT_TARGET_LIBCXX;
#else
const char* const libcxx_target = nullptr;
#endif

boost::test_tools::assertion_result has_cow_target(boost::unit_test::test_unit_id) {
    return test::unless_missing(cow_target != nullptr, "a compiler with libstdc++");
}
boost::test_tools::assertion_result has_libcxx_target(boost::unit_test::test_unit_id) {
    return test::unless_missing(libcxx_target != nullptr, "clang++ with libc++");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(read_object_layouts)

BOOST_AUTO_TEST_CASE(objects_of_this_standard_library_are_read_as_they_are) {
    check_objects(VMIO_OBJECT_TARGET, object_layout::native, 4000);
}

BOOST_AUTO_TEST_CASE(objects_with_strings_as_before_cxx11_are_read_as_they_are,
                     *boost::unit_test::precondition(has_cow_target)) {
    check_objects(cow_target, object_layout::libstdcxx_cow, 5000);
}

BOOST_AUTO_TEST_CASE(objects_of_libcxx_are_read_as_they_are, *boost::unit_test::precondition(has_libcxx_target)) {
    check_objects(libcxx_target, object_layout::libcxx, 4000);
}

BOOST_AUTO_TEST_CASE(the_library_of_a_target_is_seen_by_what_it_has_mapped,
                     *boost::unit_test::precondition(has_libcxx_target)) {
    const object_target libcxx(libcxx_target);
    BOOST_TEST((vmio::object_layout_of(vmio::process(libcxx.id())) == object_layout::libcxx));
    const object_target native(VMIO_OBJECT_TARGET);
    BOOST_TEST((vmio::object_layout_of(vmio::process(native.id())) == object_layout::libstdcxx));
}

BOOST_AUTO_TEST_SUITE_END()
