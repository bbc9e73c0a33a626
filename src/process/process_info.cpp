// SPDX-License-Identifier: BSL-1.0
#include "process/process_info.hpp"

#include <algorithm>
#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <exception>

#include <unistd.h>

#include <vmio/address.hpp>
#include <vmio/detail/word_size.hpp>
#include <vmio/error.hpp>

#include "base/system_call.hpp"
#include "base/system_error.hpp"
#include "proc/proc_stat.hpp"
#include "process/opening_error.hpp"
#include "process/proc_file.hpp"
#include "process/process_state.hpp"

namespace vmio::detail {
namespace {

constexpr const char* read_operation = "read of a file of /proc/PID";

std::string text_of(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The name, which may contain newlines of its own: the kernel adds one.
std::string name_in(const std::vector<std::byte>& comm) {
    std::string name = text_of(comm);
    if (name.ends_with('\n')) name.pop_back();
    return name;
}

/// The arguments, separated by blanks as in the kernel's own cores.
std::string arguments_in(const std::vector<std::byte>& cmdline) {
    std::string text = text_of(cmdline);
    while (text.ends_with('\0')) text.pop_back();
    std::replace(text.begin(), text.end(), '\0', ' ');
    return text;
}

/// The first of the four ids in a line of /proc/PID/status is the real one.
std::uint32_t real_id(const std::string& status, const char* field) {
    const std::size_t at = status.find(field);
    std::uint32_t id = 0;
    if (at != status.npos) std::sscanf(status.c_str() + at + std::strlen(field), "%" SCNu32, &id);
    return id;
}

process_numbers read_numbers(const process& target) {
    process_numbers numbers;
    std::error_code ec;
    const file_descriptor file = open_proc_file(target, "stat", ec);
    proc_stat stat;
    if (!ec) ec = read_proc_stat(file.get(), stat);
    if (ec) throw opening_error(read_operation, target.id(), 0, ec);
    numbers.state = stat.state;
    numbers.nice = stat.nice;
    numbers.flags = stat.flags;
    numbers.parent = stat.parent;
    numbers.process_group = stat.process_group;
    numbers.session = stat.session;
    const std::string status = text_of(read_proc_file(target, "status"));
    numbers.user = real_id(status, "\nUid:");
    numbers.group = real_id(status, "\nGid:");
    return numbers;
}

template <class Word>
bool has_page_size(std::span<const std::byte> vector) {
    constexpr Word at_page_size = 6;  // AT_PAGESZ of getauxval(3)
    for (std::size_t at = 0; at + 2 * sizeof(Word) <= vector.size(); at += 2 * sizeof(Word)) {
        Word entry[2];
        std::memcpy(entry, vector.data() + at, sizeof entry);
        if (entry[0] == at_page_size && entry[1] == page_size()) return true;
    }
    return false;
}

}  // namespace

std::vector<std::byte> read_proc_file(const process& target, const char* name) {
    std::error_code ec;
    const file_descriptor file = open_proc_file(target, name, ec);
    std::vector<std::byte> bytes;
    while (!ec) {
        const std::size_t have = bytes.size();
        bytes.resize(have + 4096);
        const ssize_t got = sys::read(file.get(), bytes.data() + have, 4096);
        if (got < 0) ec = last_system_error();
        bytes.resize(have + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (got <= 0) break;
    }
    if (ec) throw opening_error(read_operation, target.id(), 0, ec);
    return bytes;
}

std::vector<std::byte> read_auxiliary_vector(const process& target) {
    return read_proc_file(target, "auxv");
}

// The entry of the page size, which each vector has, tells.
unsigned word_size_in(std::span<const std::byte> auxiliary_vector) noexcept {
    if (has_page_size<std::uint64_t>(auxiliary_vector)) return 8;
    return has_page_size<std::uint32_t>(auxiliary_vector) ? 4 : sizeof(void*);
}

unsigned word_size_of(const process& target) noexcept {
    std::atomic<unsigned>& known = process_access::state_of(target)->word_size;
    if (known == 0) {
        try {
            known = word_size_in(read_auxiliary_vector(target));
        } catch (const std::exception&) {
            return sizeof(void*);
        }
    }
    return known;
}

process_info read_process_info(const process& target, const pause_guard* pause) {
    process_info info;
    info.process_id = target.id();
    info.program = name_in(read_proc_file(target, "comm"));
    info.arguments = arguments_in(read_proc_file(target, "cmdline"));
    info.numbers = read_numbers(target);
    info.auxiliary_vector = read_auxiliary_vector(target);
    if (pause != nullptr) info.threads = pause->registers();
    return info;
}

}  // namespace vmio::detail
