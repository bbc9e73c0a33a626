// SPDX-License-Identifier: BSL-1.0
/// Mapped files that are made to cost time: what is read for them is counted.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/build_id.hpp>
#include <vmio/file_offset.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/query_mapping.hpp>

#include "faults/seccomp.hpp"
#include "proc/procmap_query.hpp"
#include "processes/child.hpp"
#include "support/mapped.hpp"
#include "support/usage.hpp"

using test::bytes_read;
using test::mapped;
using vmio::address;
using vmio::process;

namespace {

const std::size_t page = vmio::page_size();
constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

/// An ELF file whose headers, `count` of them, are all of notes that hold no build id.
class note_bomb {
public:
    static constexpr std::size_t note_size = std::size_t{64} << 10;

    explicit note_bomb(std::uint16_t count) : file_(::memfd_create("bomb", MFD_CLOEXEC)) {
        Elf64_Ehdr header{};
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
        header.e_ident[EI_VERSION] = EV_CURRENT;
        header.e_type = ET_DYN;
        header.e_phoff = sizeof header;
        header.e_phentsize = sizeof(Elf64_Phdr);
        header.e_phnum = count;
        Elf64_Phdr segment{};
        segment.p_type = PT_NOTE;
        segment.p_offset = sizeof header + std::uint64_t{count} * sizeof segment;
        segment.p_filesz = note_size;
        segment.p_align = 4;
        const std::vector<Elf64_Phdr> segments(count, segment);
        const Elf64_Nhdr other{0, 0, NT_GNU_ABI_TAG};
        const std::vector<Elf64_Nhdr> notes(note_size / sizeof other + 1, other);
        put(&header, sizeof header);
        put(segments.data(), segments.size() * sizeof segment);
        put(notes.data(), note_size);
    }
    note_bomb(const note_bomb&) = delete;
    note_bomb& operator=(const note_bomb&) = delete;
    ~note_bomb() { ::close(file_); }

    int get() const { return file_; }

private:
    void put(const void* bytes, std::size_t size) {
        test::must(::write(file_, bytes, size) == static_cast<ssize_t>(size), "write");
    }

    int file_;
};

/// Runs `body` where the kernel is not asked for build ids: what it reads for one counts as ours.
int without_the_kernels_reader(const std::function<int()>& body) {
    return test::in_a_process([&] {
        test::forbid_ioctl(vmio::detail::procmap::request, ENOTTY);
        return body();
    });
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_file_of_many_note_headers_is_given_up_after_a_bounded_number_of_bytes) {
    const note_bomb bomb(std::numeric_limits<std::uint16_t>::max());
    const mapped some(1, MAP_PRIVATE, bomb.get());
    const process self = process::self();
    const vmio::mapping m = vmio::query_mapping(self, some.start()).value();
    BOOST_TEST(without_the_kernels_reader([&] {
                   const std::uint64_t before = bytes_read();
                   if (!vmio::build_id(process::self(), m).empty()) return 1;
                   return bytes_read() - before < mebibyte ? 0 : 2;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(many_such_files_have_one_budget_in_a_capture) {
    constexpr std::size_t files = 200;
    std::vector<void*> places;
    for (std::size_t i = 0; i < files; ++i) {
        const note_bomb bomb(2000);
        places.push_back(::mmap(nullptr, page, PROT_READ | PROT_EXEC, MAP_PRIVATE, bomb.get(), 0));
        BOOST_TEST_REQUIRE(places.back() != MAP_FAILED);
    }
    {
        const test::child_process child;
        BOOST_TEST(without_the_kernels_reader([&] {
                       vmio::capture_options options;
                       options.regions.wanted = [](const vmio::mapping&) { return false; };
                       const std::uint64_t before = bytes_read();
                       vmio::process_snapshot::capture(process(child.id()), options);
                       return bytes_read() - before < 24 * mebibyte ? 0 : 1;
                   }) == 0);
    }
    for (void* place : places) ::munmap(place, page);
}

BOOST_AUTO_TEST_CASE(files_that_are_mapped_without_their_beginning_cost_one_load_of_the_list) {
    constexpr std::size_t files = 300;
    std::vector<void*> places;
    for (std::size_t i = 0; i < files; ++i) {
        const int file = ::memfd_create(std::to_string(i).c_str(), MFD_CLOEXEC);
        test::must(::ftruncate(file, static_cast<off_t>(2 * page)) == 0, "ftruncate");
        places.push_back(::mmap(nullptr, page, PROT_READ | PROT_EXEC, MAP_SHARED, file, static_cast<off_t>(page)));
        BOOST_TEST_REQUIRE(places.back() != MAP_FAILED);
        // So that neither the kernel nor the file can tell.
        test::must(::ftruncate(file, 0) == 0, "ftruncate");
        ::close(file);
    }
    {
        const test::child_process child;
        const process target(child.id());
        std::vector<address> addresses;
        for (void* place : places) addresses.push_back(vmio::address_of(place));
        std::sort(addresses.begin(), addresses.end());
        const std::uint64_t before = bytes_read();
        const vmio::file_offsets found = vmio::file_offset(target, addresses);
        const std::uint64_t of_offsets = bytes_read() - before;
        BOOST_TEST(found.files.size() == files);
        vmio::capture_options options;
        options.regions.wanted = [](const vmio::mapping&) { return false; };
        vmio::process_snapshot::capture(target, options);
        const std::uint64_t of_capture = bytes_read() - before - of_offsets;
        // A list of so many mappings has some 40 KB, and the mount tables are read for each file.
        BOOST_TEST(of_offsets < 4 * mebibyte);
        BOOST_TEST(of_capture < 4 * mebibyte);
    }
    for (void* place : places) ::munmap(place, page);
}
