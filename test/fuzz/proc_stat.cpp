// SPDX-License-Identifier: BSL-1.0
/// libFuzzer on the text of /proc/PID/stat. The inputs in proc_stat/ are tried first; one that once failed stays there.
#include <cctype>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>

#include "fuzzing.hpp"
#include "proc/proc_stat.hpp"

using fuzz::must;
using vmio::detail::proc_stat;

namespace {

std::error_code read(std::span<const std::byte> text, proc_stat& status) {
    const fuzz::memory_file file(text);
    const vmio::detail::file_descriptor opened(::open(file.path().c_str(), O_RDONLY | O_CLOEXEC));
    must(static_cast<bool>(opened));
    return vmio::detail::read_proc_stat(opened.get(), status);
}

/// What the kernel would write, of a program whose name has parentheses and blanks.
std::string text_of(const proc_stat& s) {
    char text[1024];
    std::snprintf(
        text, sizeof text,
        "1 (a) R 1 (b) %c 1 2 3 4 5 %lu 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 %lu %lu %lu 29 30 %lu 32 33 34 "
        "35 36 37 38 39 40 41 42 43 44 %lu %lu 47 48\n",
        s.state, s.flags, s.start_code, s.end_code, s.start_stack, s.pending, s.start_data, s.end_data);
    return text;
}

bool are_equal(const proc_stat& a, const proc_stat& b) {
    return a.state == b.state && a.flags == b.flags && a.pending == b.pending && a.start_code == b.start_code &&
           a.end_code == b.end_code && a.start_stack == b.start_stack && a.start_data == b.start_data &&
           a.end_data == b.end_data;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    proc_stat status;
    const proc_stat untouched;
    const std::error_code ec = read(std::as_bytes(std::span(data, size)), status);
    if (ec) {
        must(ec.value() == (size == 0 ? ESRCH : EINVAL));
        must(are_equal(status, untouched));
        return 0;
    }
    must(std::isalpha(static_cast<unsigned char>(status.state)) != 0);
    must(!status.ended() || status.exiting());
    proc_stat again;
    const std::string text = text_of(status);
    must(!read(std::as_bytes(std::span(text.data(), text.size())), again));
    must(are_equal(again, status));
    return 0;
}
