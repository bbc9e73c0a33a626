// SPDX-License-Identifier: BSL-1.0
#include "proc/proc_stat.hpp"

#include <cctype>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file_descriptor.hpp"
#include "base/system_call.hpp"
#include "base/system_error.hpp"

namespace vmio::detail {
namespace {

/// The fields of the text are numbered from 1; the third, the state, is a letter.
bool parse(const char* text, proc_stat& status) noexcept {
    // The second field, the name, is in parentheses and may contain any byte: fields are counted from the last one.
    const char* rest = std::strrchr(text, ')');
    if (rest == nullptr || rest[1] != ' ' || !std::isalpha(static_cast<unsigned char>(rest[2]))) return false;
    proc_stat found;
    found.state = rest[2];
    rest += 3;
    int field = 4;
    for (; field <= 46; ++field) {
        char* end = nullptr;
        const unsigned long value = std::strtoul(rest, &end, 10);  // of a negative number: what it is modulo 2^64
        if (end == rest) break;
        rest = end;
        switch (field) {
            case 4: found.parent = static_cast<int>(value); break;
            case 5: found.process_group = static_cast<int>(value); break;
            case 6: found.session = static_cast<int>(value); break;
            case 9: found.flags = value; break;
            case 19: found.nice = static_cast<int>(value); break;
            case 20: found.threads = value; break;
            case 26: found.start_code = value; break;
            case 27: found.end_code = value; break;
            case 28: found.start_stack = value; break;
            case 31: found.pending = value; break;
            case 45: found.start_data = value; break;
            case 46: found.end_data = value; break;
            default: break;
        }
    }
    if (field <= 9) return false;
    status = found;
    return true;
}

/// The fields used of getdents64(2), struct linux_dirent64.
constexpr std::size_t entry_size_at = 16;
constexpr std::size_t entry_name_at = 19;

enum class look { all_exiting, one_runs, vanished, unseen };

bool is_gone(const std::error_code& ec) noexcept {
    return ec.value() == ESRCH || ec.value() == ENOENT;
}

/// Checks every thread once. `vanished`: one of them did meanwhile. `unseen`: there are more threads than were listed;
/// by the time that the listed ones are looked at, they may have begun, and called exec(2), which ends the others.
look look_at_threads(int directory) noexcept {
    const file_descriptor list(sys::openat(directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!list) return is_gone(last_system_error()) ? look::all_exiting : look::one_runs;
    bool vanished = false;
    unsigned long seen = 0;
    unsigned long threads = 0;
    char entries[4096];
    for (;;) {
        const long size = sys::getdents64(list.get(), entries, sizeof entries);
        if (size < 0) return is_gone(last_system_error()) ? look::all_exiting : look::one_runs;
        if (size == 0) break;
        for (long at = 0; at < size;) {
            const char* const name = entries + at + entry_name_at;
            unsigned short entry_size = 0;
            std::memcpy(&entry_size, entries + at + entry_size_at, sizeof entry_size);
            at += entry_size;
            if (!std::isdigit(static_cast<unsigned char>(*name))) continue;
            char place[40];
            std::snprintf(place, sizeof place, "%.20s/stat", name);
            proc_stat thread;
            const std::error_code ec = read_proc_stat(list.get(), place, thread);
            ++seen;
            if (is_gone(ec))
                vanished = true;
            else if (ec || !thread.exiting())
                return look::one_runs;
            else
                threads = thread.threads;
        }
    }
    if (vanished || seen == 0) return look::vanished;
    return threads > seen ? look::unseen : look::all_exiting;
}

}  // namespace

std::error_code read_proc_stat(int file, proc_stat& status) noexcept {
    char text[2048];
    const ssize_t length = sys::pread(file, text, sizeof text - 1, 0);
    if (length < 0) return last_system_error();
    if (length == 0) return system_error_of(ESRCH);
    text[length] = 0;
    return parse(text, status) ? std::error_code() : system_error_of(EINVAL);
}

std::error_code read_proc_stat(int directory, const char* name, proc_stat& status) noexcept {
    const file_descriptor file(sys::openat(directory, name, O_RDONLY | O_CLOEXEC));
    return file ? read_proc_stat(file.get(), status) : last_system_error();
}

bool all_threads_exiting(int directory) noexcept {
    // A thread that vanished may have ended, or have become the first one by exec(2): only a pass without that is
    // conclusive; and only if another one agrees, since a thread can begin while others are looked at.
    constexpr int most_looks = 100;
    look before = look::vanished;
    for (int looks = 0; looks < most_looks; ++looks) {
        const look seen = look_at_threads(directory);
        if (seen == look::one_runs || (seen == look::all_exiting && before == seen)) return seen == look::all_exiting;
        if (seen != look::all_exiting) ::sched_yield();
        before = seen;
    }
    return before != look::unseen;  // threads end one by one, and none was seen running
}

}  // namespace vmio::detail
