// SPDX-License-Identifier: BSL-1.0
/// Signal frames of arm64: struct rt_sigframe of the kernel, with the records of the vector registers.
#include "inject/signal_frame.hpp"

#if defined(__aarch64__)

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/system_error.hpp"

namespace vmio::detail {
namespace {

struct record_head {
    std::uint32_t magic, size;
};

struct fpsimd_record {
    record_head head{0x46508001, sizeof(fpsimd_record)};
    std::uint32_t status = 0, control = 0;
    std::byte registers[32][16]{};
};
static_assert(sizeof(fpsimd_record) == 528);

struct sve_record {  // followed by the registers Z, P and FFR
    record_head head{0x53564501, 0};
    std::uint16_t length = 0, flags = 0, reserved[2]{};
};
static_assert(sizeof(sve_record) == 16);

/// struct rt_sigframe; the records follow.
struct arm_frame {
    std::byte signal_info[128];
    std::uint64_t flags, link;
    std::uint64_t stack_start;
    std::uint32_t stack_flags, unused;
    std::uint64_t stack_size, mask;
    std::byte reserved[120 + 8];
    std::uint64_t fault_address, registers[31], sp, pc, pstate, padding;
};
static_assert(sizeof(arm_frame) == 128 + 464);

constexpr std::size_t records_size = 4096;

// What ptrace(2) hands out in NT_ARM_SVE, NT_ARM_SSVE and NT_ARM_ZA, before the registers.
struct vector_header {
    std::uint32_t size, max_size;
    std::uint16_t length, max_length, flags, reserved;
};
static_assert(sizeof(vector_header) == 16);
constexpr std::uint16_t holds_sve = 1;

constexpr int set_of_system_call = 0x404;    // NT_ARM_SYSTEM_CALL
constexpr int set_of_sve = 0x405;            // NT_ARM_SVE
constexpr int set_of_streaming_sve = 0x40b;  // NT_ARM_SSVE
constexpr int set_of_za = 0x40c;             // NT_ARM_ZA
constexpr int set_of_shadow_stack = 0x410;   // NT_ARM_GCS

constexpr std::uint64_t gap_below_stack = 128;
constexpr std::uint64_t branch_type_and_step = 0xc00 | 1u << 21;  // BTYPE, SS

/// Returns: the set; empty if this machine or kernel does not have it.
std::vector<std::byte> arm_register_set(pid_t thread, int type) {
    std::vector<std::byte> bytes(std::size_t{1} << 15);
    iovec place{bytes.data(), bytes.size()};
    if (::ptrace(PTRACE_GETREGSET, thread, type, &place) != 0) place.iov_len = 0;
    bytes.resize(place.iov_len);
    return bytes;
}

vector_header header_of(const std::vector<std::byte>& set) noexcept {
    vector_header header{};
    if (set.size() >= sizeof header) std::memcpy(&header, set.data(), sizeof header);
    return header;
}

constexpr std::size_t rounded(std::size_t size) noexcept {
    return (size + 15) / 16 * 16;
}

/// The bytes of registers of ptrace's NT_ARM_SVE: Z, P and FFR, for vectors of `length` bytes.
constexpr std::size_t size_of_sve(std::size_t length) noexcept {
    return 32 * length + 17 * (length / 8);
}

template <class Record>
void append_record(std::vector<std::byte>& to, const Record& record) {
    const auto* const bytes = reinterpret_cast<const std::byte*>(&record);
    to.insert(to.end(), bytes, bytes + sizeof record);
}

/// Makes the records of a signal frame.
/// Returns: false if that is not possible.
bool make_records(const std::vector<std::byte>& sve, const std::vector<std::byte>& fpsimd, std::vector<std::byte>& to) {
    constexpr std::size_t registers = sizeof fpsimd_record{}.registers;
    const vector_header header = header_of(sve);
    fpsimd_record simple;
    if ((header.flags & holds_sve) == 0) {
        if (fpsimd.size() < registers + 8) return false;
        std::memcpy(simple.registers, fpsimd.data(), registers);
        std::memcpy(&simple.status, &fpsimd[registers], 4);
        std::memcpy(&simple.control, &fpsimd[registers + 4], 4);
        append_record(to, simple);
    } else {
        const std::size_t length = header.length;
        const std::size_t size = size_of_sve(length);
        const std::size_t status_at = rounded(sizeof header + size);
        if (length < 16 || sve.size() < status_at + 8) return false;
        for (std::size_t i = 0; i < 32; ++i)
            std::memcpy(simple.registers[i], &sve[sizeof header + i * length], sizeof simple.registers[i]);
        std::memcpy(&simple.status, &sve[status_at], 4);
        std::memcpy(&simple.control, &sve[status_at + 4], 4);
        append_record(to, simple);
        sve_record scalable;
        scalable.head.size = static_cast<std::uint32_t>(rounded(sizeof scalable + size));
        scalable.length = header.length;
        append_record(to, scalable);
        const auto from = sve.begin() + sizeof header;
        to.insert(to.end(), from, from + static_cast<std::ptrdiff_t>(size));
        to.resize(rounded(to.size()));
    }
    append_record(to, record_head{0, 0});
    return to.size() <= records_size;
}

std::string obstacle_of(pid_t thread) {
    if ((header_of(arm_register_set(thread, set_of_streaming_sve)).flags & holds_sve) != 0 ||
        header_of(arm_register_set(thread, set_of_za)).size > sizeof(vector_header))
        return "it computes with the Scalable Matrix Extension";
    const std::vector<std::byte> shadow_stack = arm_register_set(thread, set_of_shadow_stack);
    if (!shadow_stack.empty() && (shadow_stack.front() & std::byte{1}) != std::byte{})
        return "it has a shadow stack, to which a return has to be known";
    return {};
}

bool find_words(std::span<const std::byte> code, address start, std::uint32_t first, std::uint32_t second,
                address& found) {
    for (std::size_t i = (0 - start) % 4; found == 0 && i + 8 <= code.size(); i += 4) {
        std::uint32_t words[2];
        std::memcpy(words, &code[i], sizeof words);
        if (words[0] == first && words[1] == second) found = start + i;
    }
    return found != 0;
}

}  // namespace

bool find_call_instructions(std::span<const std::byte> code, address start, call_instructions& found) {
    constexpr std::uint32_t call = 0xd4000001;                                        // svc #0
    const bool calls = find_words(code, start, call, 0xd65f03c0, found.call);         // ...; ret
    const bool returns = find_words(code, start, 0xd2801168, call, found.sigreturn);  // mov x8, #139; ...: in [vdso]
    return calls && returns;
}

std::error_code read_context(pid_t thread, thread_context& to, std::string& obstacle) {
    if (const std::error_code ec = get_registers(thread, to.registers)) {
        if (ec.value() != EINVAL) return ec;
        obstacle = "it runs 32-bit code";
        return {};
    }
    obstacle = obstacle_of(thread);
    if (::ptrace(PTRACE_GETSIGMASK, thread, sizeof to.signal_mask, &to.signal_mask) != 0) return last_system_error();
    const std::vector<std::byte> sve = arm_register_set(thread, set_of_sve);
    to.vectors.clear();
    to.saved.clear();
    if ((header_of(sve).flags & holds_sve) != 0) to.saved = sve;
    if (!make_records(sve, arm_register_set(thread, NT_PRFPREG), to.vectors) && obstacle.empty())
        obstacle = "its vector registers do not fit a signal frame";
    return {};
}

std::error_code get_registers(pid_t thread, user_regs_struct& to) noexcept {
    iovec place{&to, sizeof to};
    if (::ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &place) != 0) return last_system_error();
    return place.iov_len == sizeof to ? std::error_code() : system_error_of(EINVAL);
}

std::error_code set_registers(pid_t thread, const user_regs_struct& from) noexcept {
    user_regs_struct registers = from;
    iovec place{&registers, sizeof registers};
    return ::ptrace(PTRACE_SETREGSET, thread, NT_PRSTATUS, &place) == 0 ? std::error_code() : last_system_error();
}

/// A system call keeps of the scalable registers only what the simple ones hold, hence they are written first.
std::error_code write_context(pid_t thread, const thread_context& from) noexcept {
    iovec place{const_cast<std::byte*>(from.saved.data()), from.saved.size()};
    if (!from.saved.empty() && ::ptrace(PTRACE_SETREGSET, thread, set_of_sve, &place) != 0) return last_system_error();
    return set_registers(thread, from.registers);
}

/// Before it stops a thread in an interrupted call, the kernel sets its registers to begin the call anew: that cannot
/// be told from a thread that is about to call. So a sleep, of which the kernel would know the rest, takes its full
/// time again.
bool loses_call(const thread_context&) noexcept {
    return false;
}

signal_frames::signal_frames(const thread_context& context, const call_instructions& code,
                             const std::optional<remote_call>& undo)
    : context_(context), code_(code) {
    constexpr std::size_t size = sizeof(arm_frame) + records_size;
    back_ = align_down(context.registers.sp - gap_below_stack - size, 16);
    undo_ = back_ - size;
    start_ = undo ? undo_ : back_;
    bytes_.resize(undo ? 2 * size : size);

    const auto put = [&](address at, const user_regs_struct& r, std::uint64_t mask) {
        arm_frame frame{};
        frame.stack_flags = 0xffffffff;  // is refused, so that the alternate stack is kept
        frame.mask = mask;
        std::copy(std::begin(r.regs), std::end(r.regs), frame.registers);
        frame.sp = r.sp, frame.pc = r.pc, frame.pstate = r.pstate;
        std::byte* const to = &bytes_[static_cast<std::size_t>(at - start_)];
        std::memcpy(to, &frame, sizeof frame);
        std::memcpy(to + sizeof frame, context.vectors.data(), context.vectors.size());
    };
    put(back_, context.registers, context.signal_mask);
    if (!undo) return;
    user_regs_struct undoing = at_rest(false);
    std::copy(undo->arguments.begin(), undo->arguments.end(), undoing.regs);
    undoing.regs[8] = static_cast<unsigned long long>(undo->number);
    undoing.regs[30] = code.sigreturn;
    put(undo_, undoing, ~std::uint64_t{0});
}

user_regs_struct signal_frames::at_rest(bool undo) const noexcept {
    user_regs_struct r = context_.registers;
    r.pc = code_.call;
    r.sp = undo ? undo_ : back_;
    r.regs[8] = SYS_rt_sigreturn;
    r.regs[30] = code_.sigreturn;
    r.pstate &= ~branch_type_and_step;
    return r;
}

std::error_code signal_frames::replace_call(pid_t thread, const remote_call& call, bool undo) const noexcept {
    user_regs_struct r;
    if (const std::error_code ec = get_registers(thread, r)) return ec;
    std::copy(call.arguments.begin(), call.arguments.end(), r.regs);
    r.regs[8] = static_cast<unsigned long long>(call.number);
    r.regs[30] = code_.sigreturn;
    r.sp = undo ? undo_ : back_;
    if (const std::error_code ec = set_registers(thread, r)) return ec;
    int number = static_cast<int>(call.number);
    iovec place{&number, sizeof number};
    return ::ptrace(PTRACE_SETREGSET, thread, set_of_system_call, &place) == 0 ? std::error_code()
                                                                               : last_system_error();
}

address instruction_of(const user_regs_struct& registers) noexcept {
    return registers.pc;
}

void set_instruction(user_regs_struct& registers, address to) noexcept {
    registers.pc = to;
}

address stack_of(const user_regs_struct& registers) noexcept {
    return registers.sp;
}

long result_of(const user_regs_struct& registers) noexcept {
    return static_cast<long>(registers.regs[0]);
}

}  // namespace vmio::detail

#endif
