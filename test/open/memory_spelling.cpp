// SPDX-License-Identifier: BSL-1.0
#include "open/memory_spelling.hpp"

#include <fstream>
#include <stdexcept>
#include <string>

#include <boost/test/unit_test.hpp>

#include "support/scratch.hpp"

using vmio::address_range;
using vmio::detail::memory_kind;
using vmio::detail::memory_spelling;
using vmio::detail::parse_memory_spelling;

namespace {

bool is(const memory_spelling& s, memory_kind kind, const std::string& text, pid_t id = 0) {
    return s.kind == kind && s.text == text && s.process_id == id && !s.window;
}

/// The message, or nothing if there is no error.
std::string refusal(const std::string& spelling) {
    try {
        parse_memory_spelling(spelling);
    } catch (const std::invalid_argument& e) {
        return e.what();
    }
    return {};
}

bool says(const std::string& message, const char* what) {
    return message.find(what) != message.npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_kind_has_its_spelling) {
    BOOST_TEST(is(parse_memory_spelling("1234"), memory_kind::process, "", 1234));
    BOOST_TEST(is(parse_memory_spelling("/proc/77"), memory_kind::process, "", 77));
    BOOST_TEST(parse_memory_spelling("pid:5").process_id == 5);
    BOOST_TEST((parse_memory_spelling("self").kind == memory_kind::self));
    BOOST_TEST((parse_memory_spelling("/proc/self").kind == memory_kind::self));
    BOOST_TEST(is(parse_memory_spelling("comm:a b:c"), memory_kind::program, "a b:c"));
    BOOST_TEST(is(parse_memory_spelling("proc:/host/proc/8"), memory_kind::foreign_proc, "/host/proc/8"));
    BOOST_TEST(is(parse_memory_spelling("core:some/file"), memory_kind::core, "some/file"));
    BOOST_TEST(is(parse_memory_spelling("snapshot:x"), memory_kind::snapshot, "x"));
    BOOST_TEST(is(parse_memory_spelling("./x:y"), memory_kind::file, "./x:y"));
    const memory_spelling raw = parse_memory_spelling("raw:image.bin@0x10000");
    BOOST_TEST(raw.text == "image.bin");
    BOOST_TEST(raw.start == 0x10000u);
    BOOST_TEST(parse_memory_spelling("raw:image.bin").start == 0u);
}

BOOST_AUTO_TEST_CASE(a_window_follows_each) {
    BOOST_TEST((parse_memory_spelling("1#0x1000-0x2000").window == address_range(0x1000, 0x2000)));
    BOOST_TEST((parse_memory_spelling("core:x#4096+4K").window == address_range(4096, 8192)));
    BOOST_TEST((parse_memory_spelling("self#0+1T").window == address_range(0, 1ull << 40)));
    BOOST_TEST((parse_memory_spelling("raw:x@0x10#0x20-0x20").window->empty()));
    BOOST_TEST(parse_memory_spelling("raw:x@0x10#0x20-0x20").start == 0x10u);
}

BOOST_AUTO_TEST_CASE(a_file_with_that_name_comes_first) {
    const test::scratch_directory directory;
    const std::string name = (directory / "a#1-2");
    const std::string image = (directory / "b@3");
    std::ofstream(name) << 'x';
    std::ofstream(image) << 'x';
    BOOST_TEST(is(parse_memory_spelling(name), memory_kind::file, name));
    BOOST_TEST(is(parse_memory_spelling("core:" + name), memory_kind::core, name));
    BOOST_TEST(is(parse_memory_spelling("raw:" + image), memory_kind::raw, image));
    BOOST_TEST((parse_memory_spelling(name + "#1-3").window == address_range(1, 3)));
}

BOOST_AUTO_TEST_CASE(what_is_not_understood_is_refused_with_the_nearest_spelling) {
    BOOST_TEST(says(refusal("cor:x"), "did you mean 'core:x'?"));
    BOOST_TEST(says(refusal("snapshots:x"), "did you mean 'snapshot:x'?"));
    BOOST_TEST(says(refusal("PID:12"), "the kinds are"));
    BOOST_TEST(says(refusal("no-such-program"), "'comm:no-such-program'"));
    BOOST_TEST(says(refusal("pid:redis"), "'comm:NAME'"));
    BOOST_TEST(says(refusal("pid:0x10"), "decimal"));
    BOOST_TEST(says(refusal("0"), "from 1 on"));
    BOOST_TEST(says(refusal("99999999999"), "from 1 on"));
    BOOST_TEST(says(refusal("core:"), "nothing follows"));
    BOOST_TEST(says(refusal(""), "empty"));
    BOOST_TEST(says(refusal("self#12"), "no range"));
    BOOST_TEST(says(refusal("self#0x20-0x10"), "no range"));
    BOOST_TEST(says(refusal("self#0xffffffffffffffff+2"), "no range"));
    BOOST_TEST(says(refusal("self#1+99999999T"), "no range"));
    BOOST_TEST(says(refusal("raw:x@y"), "no address"));
}
