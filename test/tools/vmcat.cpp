// SPDX-License-Identifier: BSL-1.0
#include <csignal>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/address.hpp>

#include "processes/child.hpp"
#include "processes/run_program.hpp"
#include "processes/stopped.hpp"
#include "support/mapped.hpp"
#include "support/maps.hpp"
#include "support/pages.hpp"
#include "support/scratch.hpp"
#include "tool.hpp"

using test::program_result;

namespace {

const std::size_t page = vmio::page_size();

program_result vmcat(
    std::vector<std::string> arguments, const std::function<void()>& before = [] {}) {
    arguments.insert(arguments.begin(), VMIO_VMCAT);
    return test::run_program(arguments, before);
}

/// With `input` to read.
program_result vmcat_from(const std::string& input, const std::vector<std::string>& arguments) {
    return vmcat(arguments, [&] {
        const int fd = ::memfd_create("input", 0);
        test::must(::write(fd, input.data(), input.size()) == static_cast<ssize_t>(input.size()), "write");
        test::must(::lseek(fd, 0, SEEK_SET) == 0 && ::dup2(fd, STDIN_FILENO) == STDIN_FILENO, "dup2");
    });
}

std::string plus(vmio::address start, std::uint64_t size) {
    return tool::hex(start) + '+' + std::to_string(size);
}

std::string to(vmio::address start, vmio::address end) {
    return tool::hex(start) + '-' + tool::hex(end);
}

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

test::pages pages_with_hole(std::size_t count, std::size_t hole) {
    test::pages pages(count);
    pages.make_hole(hole);
    return pages;
}

/// Three good pages, a hole, and two more.
struct with_a_hole {
    test::pages pages = pages_with_hole(6, 3);
    test::child_process child;
    std::string id = std::to_string(child.id());

    std::string bytes(std::size_t first, std::size_t count) const {
        return text_of(pages.bytes().subspan(first * page, count * page));
    }
    std::string now(std::size_t offset, std::size_t size) const {
        return text_of(test::peek(child.id(), pages.start() + offset, size));
    }
};

std::string repeated(std::size_t count, const std::string& text) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += text;
    return all;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_range_comes_out_as_it_is, with_a_hole) {
    for (const std::string& range : {to(pages.start(), pages.page(3)), plus(pages.start(), 3 * page),
                                     "0x" + tool::hex(pages.start()) + "-0x" + tool::hex(pages.page(3)),
                                     tool::hex(pages.start()) + "+0x" + tool::hex(3 * page)}) {
        const program_result all = vmcat({id, range});
        BOOST_TEST(all.status == 0);
        BOOST_TEST(all.err == "");
        BOOST_TEST((all.out == bytes(0, 3)));
    }
    const program_result some = vmcat({id, plus(pages.start() + 5, page)});
    BOOST_TEST((some.out == bytes(0, 2).substr(5, page)));
    const program_result none = vmcat({id, plus(pages.page(3), 0)});
    BOOST_TEST((none.status == 0 && none.out.empty() && none.err.empty()));
}

BOOST_FIXTURE_TEST_CASE(a_start_alone_means_up_to_the_end_of_its_mapping, with_a_hole) {
    const program_result rest = vmcat({id, tool::hex(pages.page(1) + 7)});
    BOOST_TEST(rest.status == 0);
    BOOST_TEST((rest.out == bytes(1, 2).substr(7)));
    const program_result none = vmcat({id, "10"});
    BOOST_TEST(none.status == 1);
    BOOST_TEST(none.err == "vmcat: nothing is mapped at 0x10: 'vmmap " + id + "' lists what is\n");
}

BOOST_AUTO_TEST_CASE(a_region_goes_by_its_name) {
    const test::scratch_directory directory;
    const std::string path = directory / "some c++";
    const std::string content = repeated(3 * page, "x") + repeated(page, "y");
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    test::must(::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()), "write");
    const test::mapped file(4, MAP_PRIVATE, fd);
    test::must(::mprotect(file.data(1), page, PROT_READ) == 0, "mprotect");  // three mappings, side by side
    ::close(fd);
    test::child_process child;
    const std::string id = std::to_string(child.id());
    for (const std::string& name : {path, std::string("some c++")}) {
        const program_result all = vmcat({id, name});
        BOOST_TEST(all.status == 0);
        BOOST_TEST((all.out == content));
        const program_result some = vmcat({id, name + "+9"});
        BOOST_TEST(some.out == "xxxxxxxxx");
    }
    const test::stopped at_rest(child.id());
    const auto stack = test::mapping_named(child.id(), "[stack]");
    const program_result whole = vmcat({id, "[stack]"});
    BOOST_TEST(whole.status == 0);
    BOOST_TEST((whole.out == text_of(test::peek(child.id(), stack.start(), stack.size()))));
    const program_result unknown = vmcat({id, "b c++"});
    BOOST_TEST(unknown.status == 1);
    BOOST_TEST(unknown.err == "vmcat: no region is called 'b c++': 'vmmap " + id + "' lists them\n");
}

BOOST_FIXTURE_TEST_CASE(raw_bytes_end_with_an_error_before_a_hole, with_a_hole) {
    const program_result cut = vmcat({id, to(pages.page(1) + 3, pages.page(6))});
    BOOST_TEST(cut.status == 1);
    BOOST_TEST((cut.out == bytes(1, 2).substr(3)));
    BOOST_TEST(cut.err.find(tool::hex(pages.page(3))) != std::string::npos);
    BOOST_TEST(cut.err.find("--zero-gaps") != std::string::npos);
    const program_result nothing = vmcat({id, to(pages.page(3), pages.page(6))});
    BOOST_TEST((nothing.status == 1 && nothing.out.empty()));
}

BOOST_FIXTURE_TEST_CASE(gaps_are_zeros_where_that_is_wanted_and_told_of, with_a_hole) {
    const program_result all = vmcat({id, "--zero-gaps", to(pages.page(2), pages.page(6))});
    BOOST_TEST(all.status == 1);
    BOOST_TEST((all.out == bytes(2, 1) + std::string(page, '\0') + bytes(4, 2)));
    BOOST_TEST(all.err == "vmcat: not read: " + tool::hex(pages.page(3), 12) + '-' + tool::hex(pages.page(4), 12) +
                              ", the process itself may not read it\n");
    const program_result whole = vmcat({id, "-z", to(pages.start(), pages.page(3))});
    BOOST_TEST((whole.status == 0 && whole.err.empty() && whole.out == bytes(0, 3)));
}

BOOST_AUTO_TEST_CASE(a_gap_that_is_larger_than_a_piece_is_reported_once) {
    const test::mapped region(600);
    test::must(::mprotect(region.data(1), 598 * page, PROT_NONE) == 0, "mprotect");
    region.write(0, 'a');
    region.write(599, 'z');
    test::child_process child;
    const program_result all = vmcat({std::to_string(child.id()), "-z", to(region.start(), region.page(600))});
    std::string expected(600 * page, '\0');
    expected[0] = 'a';
    expected[599 * page] = 'z';
    BOOST_TEST((all.out == expected));
    const std::string told = "not read: " + tool::hex(region.page(1), 12) + '-' + tool::hex(region.page(599), 12) +
                             ", the process itself may not read it\n";
    BOOST_TEST(all.err == "vmcat: " + told);
    const program_result dump = vmcat({std::to_string(child.id()), "-x", to(region.start(), region.page(600))});
    BOOST_TEST(dump.err == "vmcat: " + told);
    BOOST_TEST(std::count(dump.out.begin(), dump.out.end(), '\n') == static_cast<long>(2 * page / 16));
}

BOOST_FIXTURE_TEST_CASE(a_hexdump_has_addresses_and_dashes, with_a_hole) {
    std::memcpy(pages.chars() + 3 * page - 24,
                "\0\x1f ~\x7f\xff"
                "Dump of some bytes",
                24);
    test::child_process later;
    const std::string other = std::to_string(later.id());
    const vmio::address first = pages.page(3) - 24;
    const program_result dump = vmcat({other, "--hex", plus(first, 4 * 16)});
    BOOST_TEST(dump.status == 1);
    BOOST_TEST(dump.out == tool::hex(first, 12) +
                               "  00 1f 20 7e 7f ff 44 75  6d 70 20 6f 66 20 73 6f  |.. ~..Dump of so|\n" +
                               tool::hex(first + 16, 12) +
                               "  6d 65 20 62 79 74 65 73  -- -- -- -- -- -- -- --  |me bytes        |\n");
    const program_result odd = vmcat({other, "-x", plus(pages.page(3) - 5, 5)});
    BOOST_TEST(odd.status == 0);
    BOOST_TEST(odd.out ==
               tool::hex(pages.page(3) - 5, 12) + "  62 79 74 65 73                                    |bytes|\n");
}

BOOST_AUTO_TEST_CASE(a_dump_of_the_whole_address_space_does_not_try_what_is_not_mapped) {
    // 128 TiB, of which all but a few MiB would take an hour to try.
    test::child_process child;
    const auto stack = test::mapping_named(child.id(), "[stack]");
    const program_result dump =
        vmcat({std::to_string(child.id()), "--hex", to(stack.start() - (1ULL << 40), stack.end())});
    BOOST_TEST(dump.status == 1);
    BOOST_TEST(dump.out.find("\n" + tool::hex(stack.end() - 16, 12)) != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(input_is_written, with_a_hole) {
    const program_result some = vmcat_from("hello", {id, "--write", plus(pages.start() + 1, 8)});
    BOOST_TEST((some.status == 0 && some.out.empty() && some.err.empty()));
    BOOST_TEST((now(0, page) == bytes(0, 1).replace(1, 5, "hello")));
    const std::string much = repeated(page, "abc");
    BOOST_TEST(vmcat_from(much, {id, "-w", tool::hex(pages.start())}).status == 0);
    BOOST_TEST((now(0, 3 * page) == much));
    BOOST_TEST(vmcat_from("", {id, "-w", plus(pages.start(), 0)}).status == 0);
}

BOOST_FIXTURE_TEST_CASE(input_never_goes_beyond_the_range, with_a_hole) {
    const program_result longer = vmcat_from("hello", {id, "--write", plus(pages.start(), 4)});
    BOOST_TEST(longer.status == 1);
    BOOST_TEST(longer.err == "vmcat: the input is longer than the range, which was written: " +
                                 tool::hex(pages.start(), 12) + '-' + tool::hex(pages.start() + 4, 12) + '\n');
    BOOST_TEST((now(0, page) == bytes(0, 1).replace(0, 4, "hell")));
    BOOST_TEST(vmcat_from("hello", {id, "--write", plus(pages.start(), 5)}).status == 0);
    const program_result hole = vmcat_from(std::string(2 * page, '!'), {id, "-w", to(pages.page(2), pages.page(4))});
    BOOST_TEST(hole.status == 1);
    BOOST_TEST(hole.err.find(tool::hex(pages.page(3))) != std::string::npos);
    BOOST_TEST((now(2 * page, page) == std::string(page, '!')));
}

BOOST_AUTO_TEST_CASE(the_option_force_writes_where_the_process_may_not) {
    test::pages pages(1);
    pages.protect(0, PROT_READ);
    test::child_process child;
    const std::string id = std::to_string(child.id());
    const program_result refused = vmcat_from("!", {id, "-w", plus(pages.start(), 1)});
    BOOST_TEST(refused.status == 1);
    BOOST_TEST(refused.err.find("--force") != std::string::npos);
    BOOST_TEST((test::peek(child.id(), pages.start(), 1)[0] == pages.data()[0]));
    BOOST_TEST(vmcat_from("!", {id, "-wf", plus(pages.start(), 1)}).status == 0);
    BOOST_TEST((test::peek(child.id(), pages.start(), 1)[0] == std::byte{'!'}));
}

BOOST_AUTO_TEST_CASE(a_large_region_is_streamed_in_little_memory) {
    const test::mapped region(std::size_t{1} << 18);  // 1 GiB, untouched
    region.write(0, 'a');
    region.write((std::size_t{1} << 18) - 1, 'z');
    test::child_process child;
    const std::string command = std::string("ulimit -v 100000; '") + VMIO_VMCAT + "' " + std::to_string(child.id()) +
                                ' ' + plus(region.start(), region.size()) + " | tr -d '\\0'; true";
    if (std::getenv("ASAN_OPTIONS") != nullptr || std::getenv("UBSAN_OPTIONS") != nullptr) return;
    const program_result ended = test::run_program({"sh", "-c", command});
    BOOST_TEST(ended.out == "az");
    BOOST_TEST(ended.err == "");
}

BOOST_FIXTURE_TEST_CASE(a_reader_that_has_gone_ends_it_quietly_and_a_full_disk_does_not, with_a_hole) {
    const std::string range = to(pages.start(), pages.page(3));
    for (const char* option : {"--raw", "--hex", "--zero-gaps"}) {
        for (const auto handler : {SIG_DFL, SIG_IGN}) {
            const program_result piped = vmcat({option, id, range}, [handler] {
                int ends[2];
                test::must(::pipe(ends) == 0 && ::close(ends[0]) == 0 && ::dup2(ends[1], STDOUT_FILENO) >= 0, "pipe");
                std::signal(SIGPIPE, handler);
            });
            BOOST_TEST(piped.status == 128 + SIGPIPE);
            BOOST_TEST(piped.err == "");
        }
        const program_result full = vmcat({option, id, range}, [] {
            test::must(::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO) >= 0, "/dev/full");
        });
        BOOST_TEST(full.status == 1);
        BOOST_TEST(full.err == "vmcat: cannot write to the standard output: No space left on device\n");
    }
    const program_result closed = vmcat({"-w", id, range}, [] { ::close(STDIN_FILENO); });
    BOOST_TEST(closed.status == 1);
    BOOST_TEST(closed.err == "vmcat: cannot read the standard input: closed, or a directory\n");
}

BOOST_FIXTURE_TEST_CASE(a_terminal_gets_a_hexdump, with_a_hole) {
    const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    BOOST_REQUIRE((terminal >= 0 && ::grantpt(terminal) == 0 && ::unlockpt(terminal) == 0));
    const int other_side = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
    const auto onto_terminal = [&] { ::dup2(other_side, STDOUT_FILENO); };
    char shown[256];
    const auto shows = [&](std::size_t size) {  // it may come in pieces
        std::size_t seen = 0;
        for (ssize_t got = 1; seen < size && got > 0; seen += got > 0 ? static_cast<std::size_t>(got) : 0)
            got = ::read(terminal, shown, sizeof shown);
        int more = 0;
        return seen == size && ::ioctl(terminal, FIONREAD, &more) == 0 && more == 0;
    };
    BOOST_TEST(vmcat({id, plus(pages.start(), 16)}, onto_terminal).status == 0);
    BOOST_TEST(shows(12 + 2 + 49 + 2 + 18 + 1));  // and a carriage return
    BOOST_TEST(vmcat({id, "--raw", "[stack]+4"}, onto_terminal).status == 0);
    BOOST_TEST(shows(4));
    ::close(other_side);
    ::close(terminal);
}

BOOST_AUTO_TEST_CASE(a_process_that_cannot_be_read_is_an_error) {
    test::child_process child;
    const std::string id = std::to_string(child.id());
    child.end();
    const program_result gone = vmcat({id, "[stack]"});
    BOOST_TEST(gone.status == 1);
    BOOST_TEST(gone.err.find("no process has this id") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(wrong_usage_has_an_exit_status_of_its_own) {
    const std::string self = std::to_string(::getpid());
    using command = std::vector<std::string>;
    for (const command& wrong : {command{},
                                 {"x"},
                                 {self},
                                 {"0", "[stack]"},
                                 {self, "10-8"},
                                 {self, "10+"},
                                 {self, "10+x"},
                                 {self, "10-x"},
                                 {self, "12345678901234567"},
                                 {self, "ffffffffffffffff+2"},
                                 {self, "10-20", "x"},
                                 {self, "--hex", "--write", "10-20"},
                                 {self, "--hex", "--raw", "10-20"},
                                 {self, "--zero-gaps", "--write", "10-20"},
                                 {self, "--force", "10-20"},
                                 {self, "--no-such", "10-20"}}) {
        const program_result told = vmcat(wrong);
        BOOST_TEST(told.status == 2);
        BOOST_TEST(told.out == "");
        BOOST_TEST(told.err.starts_with("vmcat: "));
        BOOST_TEST(told.err.ends_with("Try 'vmcat --help'.\n"));
    }
    const program_result help = vmcat({"--help"});
    BOOST_TEST(help.status == 0);
    BOOST_TEST(help.err == "");
    BOOST_TEST(help.out.starts_with("usage: vmcat [OPTION...] MEMORY RANGE\n"));
    BOOST_TEST(help.out.find("exit status: 0") != std::string::npos);
}
