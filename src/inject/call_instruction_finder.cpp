// SPDX-License-Identifier: BSL-1.0
#include "inject/call_instruction_finder.hpp"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <sys/uio.h>

#include <vmio/error.hpp>

#include "base/system_error.hpp"
#include "proc/line_reader.hpp"
#include "proc/maps_text.hpp"
#include "process/opening_error.hpp"
#include "process/proc_file.hpp"

namespace vmio::detail {

#ifdef VMIO_HAS_SIGNAL_FRAMES

namespace {

constexpr const char* finding = "search for instructions to make a system call with";

/// Returns: the readable, executable mappings, [vdso] first.
std::vector<address_range> code_of(const process& target) {
    std::error_code ec;
    const file_descriptor maps = open_proc_file(target, "maps", ec);
    if (ec) throw opening_error("open of /proc/PID/maps", target.id(), 0, ec);
    std::vector<address_range> code;
    line_reader lines(maps.get());
    for (std::string_view line; lines.next(line);) {
        maps_line m;
        // Of a shared mapping another process may change the bytes.
        if (!parse_maps_line(line, m) || !m.perms.execute || !m.perms.read || m.perms.shared) continue;
        if (m.name == "[vsyscall]") continue;  // not memory
        code.insert(m.name == "[vdso]" ? code.begin() : code.end(), m.range);
    }
    return code;
}

/// Returns: whether all has been found.
bool look_in(const process& target, const address_range& code, std::vector<std::byte>& buffer,
             call_instructions& found) {
    for (address at = code.start(); at < code.end();) {
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), code.end() - at));
        const iovec to{buffer.data(), size};
        const iovec from{reinterpret_cast<void*>(static_cast<std::uintptr_t>(at)), size};
        const ssize_t got = ::process_vm_readv(target.id(), &to, 1, &from, 1, 0);
        if (got < 0) {
            const std::error_code ec = last_system_error();
            if (ec.value() == EFAULT) return false;  // a hole; what is behind it does not matter
            throw opening_error("process_vm_readv", target.id(), at, ec);
        }
        if (find_call_instructions(std::span(buffer).first(static_cast<std::size_t>(got)), at, found)) return true;
        // The instructions may lie across the end of the buffer.
        if (static_cast<std::size_t>(got) < size || at + size == code.end()) return false;
        at += size - longest_instructions;
    }
    return false;
}

}  // namespace

call_instructions find_call_instructions(const process& target) {
    std::vector<std::byte> buffer(std::size_t{256} << 10);
    call_instructions found;
    for (const address_range& code : code_of(target))
        if (look_in(target, code, buffer, found)) return found;
    throw memory_error(finding, target.id(), 0, system_error_of(EOPNOTSUPP),
                       "its executable memory has no system call that is followed by a return, and nothing that calls "
                       "rt_sigreturn(2): no call can be made in it");
}

#else

call_instructions find_call_instructions(const process&) {
    return {};
}

#endif

}  // namespace vmio::detail
