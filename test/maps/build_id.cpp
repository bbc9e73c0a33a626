// SPDX-License-Identifier: BSL-1.0
#include <vmio/build_id.hpp>

#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/error.hpp>
#include <vmio/memory_map.hpp>

#include "faults/seccomp.hpp"
#include "maps/elf_build_id.hpp"
#include "processes/child.hpp"
#include "support/directory.hpp"
#include "support/skip.hpp"

using vmio::build_id;
using vmio::mapping;
using vmio::memory_map;
using vmio::process;

namespace {

std::string hex(std::span<const std::byte> bytes) {
    std::string text;
    for (const std::byte b : bytes) {
        char two[3];
        std::snprintf(two, sizeof two, "%02x", std::to_integer<unsigned>(b));
        text += two;
    }
    return text;
}

/// What readelf(1) says.
std::string by_readelf(const std::string& path) {
    const std::unique_ptr<FILE, int (*)(FILE*)> out(::popen(("readelf -n '" + path + "' 2>/dev/null").c_str(), "r"),
                                                    ::pclose);
    const std::string key = "Build ID: ";
    for (char line[512]; std::fgets(line, sizeof line, out.get()) != nullptr;)
        if (const char* at = std::strstr(line, key.c_str()))
            return std::string(at + key.size(), std::strcspn(at, "\n") - key.size());
    return {};
}

/// The ELF files that this process has mapped, each once, any part of it.
std::vector<mapping> elf_mappings() {
    std::vector<mapping> found;
    std::set<std::string> names;
    for (const mapping& m : memory_map::load(process::self())) {
        char magic[SELFMAG] = {};
        std::ifstream(m.name, std::ios::binary).read(magic, SELFMAG);
        if (std::memcmp(magic, ELFMAG, SELFMAG) == 0) {
            found.push_back(m);
            names.insert(m.name);
        }
    }
    BOOST_TEST(names.size() >= 3U);  // this program, the C library, the C++ library
    return found;
}

/// Reads from memory of ours.
vmio::detail::elf_reader reading(const std::vector<std::byte>& file) {
    return [&file](std::uint64_t offset, std::span<std::byte> to) {
        if (offset > file.size() || to.size() > file.size() - offset) return false;
        std::memcpy(to.data(), file.data() + offset, to.size());
        return true;
    };
}

std::vector<std::byte> this_program() {
    std::ifstream file("/proc/self/exe", std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_part_of_every_elf_file_has_the_id_that_readelf_prints) {
    for (const mapping& m : elf_mappings()) BOOST_TEST(hex(build_id(process::self(), m)) == by_readelf(m.name));
}

BOOST_AUTO_TEST_CASE(an_id_comes_from_the_file_without_the_ioctl, *boost::unit_test::precondition(test::as_root)) {
    const auto expected = hex(build_id(process::self(), elf_mappings().front()));
    BOOST_TEST(!expected.empty());
    BOOST_TEST(test::in_a_process([&] {
                   test::forbid({SYS_ioctl}, ENOTTY);
                   for (const mapping& m : elf_mappings())
                       if (hex(build_id(process::self(), m)) != by_readelf(m.name)) return 1;
                   return 0;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(an_id_comes_from_memory_without_the_file, *boost::unit_test::precondition(test::as_root)) {
    const test::directory place;
    std::filesystem::copy_file("/proc/self/exe", place / "program");
    const int fd = ::open((place / "program").c_str(), O_RDONLY | O_CLOEXEC);
    const auto size = static_cast<std::size_t>(std::filesystem::file_size(place / "program"));
    void* const p = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    BOOST_REQUIRE(p != MAP_FAILED);
    std::filesystem::remove(place / "program");
    ::mprotect(p, vmio::page_size(), PROT_READ | PROT_WRITE);  // two mappings now
    const std::string expected = by_readelf(std::filesystem::canonical("/proc/self/exe"));
    BOOST_TEST(!expected.empty());
    BOOST_TEST(test::as_nobody([&] {
                   test::forbid({SYS_ioctl}, ENOTTY);
                   const auto map = memory_map::load(process::self());
                   const auto* const first = map.find(vmio::address_of(p));
                   if (!first->deleted || hex(build_id(process::self(), *first)) != expected) return 1;
                   const auto* const second = map.find(first->range.end());
                   return second->offset > 0 && hex(build_id(process::self(), *second)) == expected ? 0 : 2;
               }) == 0);
    ::munmap(p, size);
    ::close(fd);
}

BOOST_AUTO_TEST_CASE(the_vdso_has_an_id_and_the_heap_has_none) {
    std::size_t seen = 0;
    for (const mapping& m : memory_map::load(process::self())) {
        if (m.name == "[vdso]") {
            BOOST_TEST(build_id(process::self(), m).size() >= 8U);
            ++seen;
        }
        if (m.name == "[heap]" || m.name.empty()) BOOST_TEST(build_id(process::self(), m).empty());
    }
    BOOST_TEST(seen == 1U);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_elf_file_has_no_id) {
    const test::directory place;
    std::ofstream(place / "text") << "not an ELF" << std::string(vmio::page_size(), '.');
    const int fd = ::open((place / "text").c_str(), O_RDONLY | O_CLOEXEC);
    void* const p = ::mmap(nullptr, vmio::page_size(), PROT_READ, MAP_PRIVATE, fd, 0);
    const auto map = memory_map::load(process::self());
    BOOST_TEST(build_id(process::self(), *map.find(vmio::address_of(p))).empty());
    ::munmap(p, vmio::page_size());
    ::close(fd);
}

BOOST_AUTO_TEST_CASE(a_process_that_has_ended_is_an_error) {
    test::child_process child;
    const process target(child.id());
    const auto map = memory_map::load(target);
    child.end();
    BOOST_CHECK_EXCEPTION(build_id(target, *map.begin()), vmio::memory_error,
                          [](const vmio::memory_error& e) { return e.code() == vmio::errc::no_such_process; });
}

BOOST_AUTO_TEST_CASE(a_damaged_elf_file_does_no_harm) {
    const std::vector<std::byte> whole = this_program();
    BOOST_TEST(hex(vmio::detail::elf_build_id(reading(whole), vmio::detail::elf_layout::file)) ==
               by_readelf(std::filesystem::canonical("/proc/self/exe")));
    // Each byte of the headers in turn, to all values that stand for much.
    Elf64_Ehdr header;
    std::memcpy(&header, whole.data(), sizeof header);
    const std::size_t headers = sizeof header + std::size_t{header.e_phnum} * sizeof(Elf64_Phdr);
    std::vector<std::byte> damaged = whole;
    for (std::size_t i = 0; i < headers; ++i)
        for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
            damaged[i] = static_cast<std::byte>(value);
            vmio::detail::elf_build_id(reading(damaged), vmio::detail::elf_layout::file);
            vmio::detail::elf_build_id(reading(damaged), vmio::detail::elf_layout::memory);
            damaged[i] = whole[i];
        }
    for (std::size_t size = 0; size < headers + 1024; size += 7) {
        const std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        vmio::detail::elf_build_id(reading(cut), vmio::detail::elf_layout::file);
    }
}
