// SPDX-License-Identifier: BSL-1.0
/// Who may be read and written, by each of the two ways: one table, and what this kernel makes of it.
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/process_memory.hpp>

#include "processes/child.hpp"
#include "support/maps.hpp"
#include "support/pages.hpp"

namespace {

using vmio::address;

#ifndef MADV_GUARD_INSTALL
constexpr int MADV_GUARD_INSTALL = 102;
#endif
#ifndef SYS_memfd_secret
constexpr long SYS_memfd_secret = 447;
#endif

struct row {
    std::string what;
    address where;
    int vm_read;
    int mem_read;
    int vm_write;
    int mem_write;
};

address map(int protection, int flags, int fd = -1, std::size_t pages = 1) {
    void* p = ::mmap(nullptr, pages * vmio::page_size(), protection, flags, fd, 0);
    test::must(p != MAP_FAILED, "mmap");
    return test::address_of(p);
}

address anonymous(int final_protection) {
    const address a = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    void* const p = reinterpret_cast<void*>(a);
    std::memset(p, 7, vmio::page_size());
    test::must(::mprotect(p, vmio::page_size(), final_protection) == 0, "mprotect");
    return a;
}

std::vector<row> table() {
    constexpr int no = EFAULT;
    std::vector<row> rows{
        {"rw-", anonymous(PROT_READ | PROT_WRITE), 0, 0, 0, 0},
        {"r-- private", anonymous(PROT_READ), 0, 0, no, 0},
        {"r-x private", anonymous(PROT_READ | PROT_EXEC), 0, 0, no, 0},
        {"PROT_NONE", anonymous(PROT_NONE), no, 0, no, 0},
        {"--x", anonymous(PROT_EXEC), no, 0, no, 0},
        {"-w-", anonymous(PROT_WRITE), no, 0, 0, 0},
        {"unmapped, the first page", 0, no, no, no, no},
        {"[vsyscall]", 0xffffffffff600000, no, no, no, no},
        {"a kernel address", 0xffff888000000000, no, no, no, no},
        {"not canonical", address{1} << 60, no, no, no, no},
    };
    const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    rows.push_back({"r-- shared file", map(PROT_READ, MAP_SHARED, file), 0, 0, no, EIO});
    ::close(file);

    const int small = ::memfd_create("small", MFD_CLOEXEC);
    test::must(::ftruncate(small, 10) == 0, "ftruncate");
    const address past_end = map(PROT_READ | PROT_WRITE, MAP_PRIVATE, small, 2) + vmio::page_size();
    rows.push_back({"past the end of a file", past_end, no, EIO, no, EIO});

    const address guard = anonymous(PROT_READ | PROT_WRITE);
    if (::madvise(reinterpret_cast<void*>(guard), vmio::page_size(), MADV_GUARD_INSTALL) == 0)
        rows.push_back({"MADV_GUARD_INSTALL", guard, no, EIO, no, EIO});
    const int secret = static_cast<int>(::syscall(SYS_memfd_secret, 0));
    if (secret >= 0) {
        test::must(::ftruncate(secret, static_cast<off_t>(vmio::page_size())) == 0, "ftruncate");
        const address a = map(PROT_READ | PROT_WRITE, MAP_SHARED, secret);
        *reinterpret_cast<char*>(a) = 1;
        rows.push_back({"memfd_secret", a, no, EIO, no, EIO});
    }
    if (const auto vdso = test::mapping_named(::getpid(), "[vdso]"); !vdso.empty())
        rows.push_back({"[vdso]", vdso.start(), 0, 0, no, 0});
    if (const auto vvar = test::mapping_named(::getpid(), "[vvar]"); !vvar.empty())
        rows.push_back({"[vvar]", vvar.start(), no, EIO, no, EIO});
    return rows;
}

int read_error(const vmio::process_memory& memory, address where, std::byte& value) {
    std::error_code ec;
    const std::size_t moved = memory.read_some(where, {&value, 1}, ec);
    BOOST_TEST(moved == (ec ? 0u : 1u));
    return ec.value();
}

/// Writes the bytes that the memory holds already, if they are known.
int write_error(const vmio::process_memory& memory, address where, std::byte value) {
    std::error_code ec;
    const std::size_t moved = memory.write_some(where, {&value, 1}, ec);
    BOOST_TEST(moved == (ec ? 0u : 1u));
    return ec.value();
}

std::string word(int error) {
    return error == 0 ? "ok" : error == EFAULT ? "EFAULT" : error == EIO ? "EIO" : "?";
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_kind_of_memory_is_read_and_written_as_the_table_says) {
    const std::vector<row> rows = table();
    test::child_process child;
    const vmio::process target(child.id());
    const vmio::process_memory vm(target, {.method = vmio::transfer_method::process_vm});
    const vmio::process_memory mem(target, {.method = vmio::transfer_method::proc_mem});
    const vmio::process_memory forced(target, {.force_write = true});
    const vmio::process_memory automatic(target);
    std::cout << std::left << std::setw(26) << "memory" << std::setw(10) << "vm read" << std::setw(10) << "mem read"
              << std::setw(10) << "vm write"
              << "mem write\n";
    for (const row& r : rows) {
        BOOST_TEST_CONTEXT(r.what) {
            std::byte value{7};
            std::byte same{7};
            const int mem_read = read_error(mem, r.where, value);
            const int vm_read = read_error(vm, r.where, same);
            const int vm_write = write_error(vm, r.where, value);
            const int mem_write = write_error(mem, r.where, value);
            std::cout << std::left << std::setw(26) << r.what << std::setw(10) << word(vm_read) << std::setw(10)
                      << word(mem_read) << std::setw(10) << word(vm_write) << word(mem_write) << '\n';
            BOOST_TEST(vm_read == r.vm_read);
            BOOST_TEST(mem_read == r.mem_read);
            BOOST_TEST(vm_write == r.vm_write);
            BOOST_TEST(mem_write == r.mem_write);
            if (vm_read == 0) BOOST_TEST((same == value));
            BOOST_TEST(write_error(forced, r.where, value) == r.mem_write);
            BOOST_TEST(read_error(forced, r.where, value) == r.vm_read);
            BOOST_TEST(read_error(automatic, r.where, value) == r.vm_read);
            BOOST_TEST(write_error(automatic, r.where, value) == r.vm_write);
        }
    }
    BOOST_TEST((automatic.method() == vmio::transfer_method::process_vm));  // EFAULT is no reason to turn to mem
}
