// SPDX-License-Identifier: BSL-1.0
/// Tools whose standard descriptors are closed, full, or limited; what they say of themselves.
#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "processes/child.hpp"
#include "processes/run_program.hpp"
#include "support/scratch.hpp"

using test::must;
using test::program_result;
using test::run_program;

namespace {

void close_standard_descriptors() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(fd);
}

void fill_output() {
    const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    must(full >= 0 && ::dup2(full, STDOUT_FILENO) == STDOUT_FILENO, "dup2");
}

void limit_file_size() {
    const rlimit limit{1 << 16, 1 << 16};
    must(::setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_tool_without_standard_descriptors_ends_with_an_error) {
    test::child_process child;
    const std::string id = std::to_string(child.id());
    BOOST_TEST(run_program({VMIO_VMMAP, id}, close_standard_descriptors).status == 1);
    BOOST_TEST(run_program({VMIO_VMCAT, id, "[stack]"}, close_standard_descriptors).status == 1);
    BOOST_TEST(run_program({VMIO_SNAPSHOT_DIFF, id}, close_standard_descriptors).status == 2);
    const program_result closed = run_program({VMIO_VMMAP, id}, [] { ::close(STDOUT_FILENO); });
    BOOST_TEST(closed.status == 1);
    BOOST_TEST(closed.err == "vmmap: cannot write to the standard output: Bad file descriptor\n");
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_named) {
    test::child_process child;
    const std::string id = std::to_string(child.id());
    for (const std::vector<std::string>& command : {std::vector<std::string>{VMIO_VMMAP, id},
                                                    {VMIO_VMDUMP, "-q", id, "-"},
                                                    {VMIO_VMDUMP, "-qz", id, "-"},
                                                    {VMIO_VMDUMP, "-qz", id, "/dev/full"},
                                                    {VMIO_VMDUMP, "-q", id, "/dev/full"},
                                                    {VMIO_VMCAT, id, "[stack]"}}) {
        const program_result full = run_program(command, fill_output);
        BOOST_TEST(full.status == 1);
        BOOST_TEST(full.err.ends_with("No space left on device\n"), full.err);
    }
}

BOOST_AUTO_TEST_CASE(a_file_beyond_the_limit_of_its_size_is_an_error_and_not_a_signal) {
    const test::scratch_directory directory;
    test::child_process child;
    const std::string id = std::to_string(child.id());
    for (const char* option : {"-q", "-qz"}) {
        const program_result limited = run_program({VMIO_VMDUMP, option, id, directory / "core"}, limit_file_size);
        BOOST_TEST(limited.status == 1);
        BOOST_TEST(limited.err.find("File too large") != std::string::npos, limited.err);
    }
    BOOST_TEST(std::filesystem::is_empty(directory.path()));
    const program_result output = run_program({VMIO_VMDUMP, "-q", id, "-"}, limit_file_size);  // a memfd
    BOOST_TEST(output.status == 1);
    BOOST_TEST(output.err == "vmdump: cannot write to the standard output: File too large\n");
}
