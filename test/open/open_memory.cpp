// SPDX-License-Identifier: BSL-1.0
#include <vmio/open_memory.hpp>

#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/prctl.h>

#include <boost/test/unit_test.hpp>

#include <vmio/core_memory.hpp>
#include <vmio/error.hpp>
#include <vmio/memory_stream.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/write_core.hpp>

#include "processes/child.hpp"
#include "support/error_of.hpp"
#include "support/pages.hpp"
#include "support/scratch.hpp"

using test::error_of;
using test::pages;
using vmio::address;
using vmio::any_memory;
using vmio::open_memory;
using vmio::process;

namespace {

/// The same program for every memory: a text, by a stream.
std::string text_in(const any_memory& memory, address where) {
    vmio::memory_stream<any_memory> stream(memory, where);
    std::string text;
    std::getline(stream, text, '\0');
    return text;
}

/// Two processes with a name that nothing else has, and whose memory holds a text.
class named_processes {
public:
    explicit named_processes(const std::string& name) : name_(name + std::to_string(::getpid())) {}

    void rename() const { ::prctl(PR_SET_NAME, name_.c_str()); }
    const std::string& name() const { return name_; }

private:
    std::string name_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(one_program_reads_a_process_its_core_and_its_snapshot) {
    const pages some(1);
    std::memcpy(some.data(), "the same text", 14);
    const named_processes who("vmio-a");
    const test::child_process child([&] { who.rename(); });
    const test::scratch_directory directory;
    const std::string id = std::to_string(child.id());
    const std::string core = (directory / "core");
    const std::string snapshot = (directory / "snapshot");
    const std::string raw = (directory / "raw");
    vmio::write_core(process(child.id()), core);
    vmio::process_snapshot::capture(process(child.id())).save(snapshot);
    std::ofstream(raw, std::ios::binary).write(reinterpret_cast<const char*>(some.data()), 14);

    for (const std::string& spelling :
         {id, "pid:" + id, "/proc/" + id, "proc:/proc/" + id, "comm:" + who.name(), "core:" + core, core,
          "snapshot:" + snapshot, snapshot, "raw:" + raw + "@" + std::to_string(some.start()),
          id + "#" + std::to_string(some.start()) + "+4K"}) {
        BOOST_TEST_CONTEXT(spelling) {
            const any_memory memory = open_memory(spelling);
            BOOST_TEST(text_in(memory, some.start()) == "the same text");
            BOOST_TEST(memory.name() == spelling);
        }
    }
    BOOST_TEST(text_in(open_memory("self"), some.start()) == "the same text");
    BOOST_TEST(open_memory(id).as<vmio::process_memory>() != nullptr);
    BOOST_TEST(open_memory(core).as<vmio::core_memory>() != nullptr);
    BOOST_TEST(open_memory(snapshot).as<vmio::process_snapshot>() != nullptr);
}

BOOST_AUTO_TEST_CASE(a_process_is_opened_without_its_memory) {
    const named_processes who("vmio-d");
    const test::child_process child([&] { who.rename(); });
    const std::string id = std::to_string(child.id());
    for (const std::string& spelling : {id, "pid:" + id, "/proc/" + id, "comm:" + who.name()}) {
        const auto found = vmio::open_process(spelling);
        BOOST_REQUIRE(found.has_value());
        BOOST_TEST(found->id() == child.id());
    }
    BOOST_TEST(vmio::open_process("proc:/proc/" + id)->alive());
    BOOST_TEST(vmio::open_process("self")->id() == ::getpid());
    for (const char* other : {"core:x", "snapshot:x", "raw:x", "gdb:127.0.0.1:1", "./x", "core:x#1-2"})
        BOOST_TEST(!vmio::open_process(other).has_value());
    BOOST_CHECK_THROW(vmio::open_process(id + "#0x1000+4K"), std::invalid_argument);
    BOOST_CHECK_THROW(vmio::open_process("cor:x"), std::invalid_argument);
    BOOST_TEST(error_of([] { vmio::open_process("comm:no such program"); }) == ESRCH);
}

BOOST_AUTO_TEST_CASE(a_name_of_several_processes_is_refused_with_their_ids) {
    const named_processes who("vmio-b");
    const test::child_process one([&] { who.rename(); });
    const test::child_process two([&] { who.rename(); });
    try {
        open_memory("comm:" + who.name());
        BOOST_TEST(false);
    } catch (const vmio::memory_error& e) {
        BOOST_TEST(e.code().value() == ENOTUNIQ);
        const std::string what = e.what();
        BOOST_TEST(what.find(std::to_string(one.id())) != what.npos);
        BOOST_TEST(what.find(std::to_string(two.id())) != what.npos);
    }
    BOOST_TEST(error_of([] { open_memory("comm:no such program"); }) == ESRCH);
}

BOOST_AUTO_TEST_CASE(a_zombie_is_not_found_by_its_name) {
    const named_processes who("vmio-c");
    test::child_process child([&] { who.rename(); });
    BOOST_TEST(open_memory("comm:" + who.name()).process_id() == child.id());
    child.kill();
    BOOST_TEST(error_of([&] { open_memory("comm:" + who.name()); }) == ESRCH);
}

BOOST_AUTO_TEST_CASE(a_file_of_another_content_is_refused) {
    const test::scratch_directory directory;
    const std::string text = (directory / "text");
    const std::string empty = (directory / "empty");
    std::ofstream(text) << "neither";
    std::ofstream(empty) << "";
    for (const std::string& file : {text, empty}) {
        BOOST_TEST(error_of([&] { open_memory(file); }) == EINVAL);
        BOOST_TEST(error_of([&] { open_memory("core:" + file); }) == EINVAL);
        BOOST_TEST(error_of([&] { open_memory("snapshot:" + file); }) == EINVAL);
    }
    BOOST_TEST(error_of([&] { open_memory("core:" + (directory / "none")); }) == ENOENT);
    BOOST_TEST(error_of([&] { open_memory(directory.path()); }) != 0);
    BOOST_CHECK_THROW(open_memory("cor:" + text), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_raw_image_ends_with_its_file) {
    const test::scratch_directory directory;
    const std::string file = (directory / "image");
    std::ofstream(file) << "0123456789";
    const any_memory image = open_memory("raw:" + file + "@0x100");
    BOOST_TEST(text_in(image, 0x104) == "456789");
    std::byte bytes[16];
    std::error_code ec;
    BOOST_TEST(image.read_some(0x108, bytes, ec) == 2u);
    BOOST_TEST(!ec);
    for (const address outside : {address{0}, address{0xff}, address{0x10a}}) {
        BOOST_TEST(image.read_some(outside, bytes, ec) == 0u);
        BOOST_TEST(ec.value() == EFAULT);
    }
    BOOST_TEST((image.ranges() == std::vector{vmio::address_range(0x100, 0x10a)}));
    std::ofstream(file, std::ios::trunc) << "01";
    BOOST_TEST(image.read_some(0x104, bytes, ec) == 0u);
    BOOST_TEST(ec.value() == EIO);
    BOOST_TEST(error_of([&] { open_memory("raw:" + file + "@0xffffffffffffffff"); }) == EOVERFLOW);
}
