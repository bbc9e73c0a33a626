// SPDX-License-Identifier: BSL-1.0
#include "proc/thread_wait.hpp"

#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "base/file_descriptor.hpp"
#include "base/system_call.hpp"
#include "proc/line_reader.hpp"

namespace vmio::detail {
namespace {

/// Returns: the beginning of task/TID/`name` as a string.
std::size_t read_text(int directory, pid_t thread, const char* name, char* to, std::size_t size) noexcept {
    char place[48];
    std::snprintf(place, sizeof place, "task/%d/%s", thread, name);
    const file_descriptor file(sys::openat(directory, place, O_RDONLY | O_CLOEXEC));
    const ssize_t got = file ? sys::read(file.get(), to, size - 1) : 0;
    const std::size_t length = got > 0 ? static_cast<std::size_t>(got) : 0;
    to[length] = 0;
    return length;
}

template <class Number>
void parse(std::string_view text, Number& to) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    std::from_chars(text.data(), text.data() + text.size(), to);
}

}  // namespace

thread_status read_thread_status(int directory, pid_t thread) {
    thread_status status;
    char place[32];
    std::snprintf(place, sizeof place, "task/%d/status", thread);
    const file_descriptor file(sys::openat(directory, place, O_RDONLY | O_CLOEXEC));
    line_reader lines(file.get());
    for (std::string_view line; lines.next(line);) {
        const std::size_t colon = line.find(':');
        if (colon == line.npos) continue;
        const std::string_view key = line.substr(0, colon);
        std::string_view value = line.substr(colon + 1);
        if (!value.empty()) value.remove_prefix(1);
        if (key == "Name") status.name = value;
        if (key == "State" && !value.empty()) status.state = value.front();
        if (key == "Tgid") parse(value, status.process);
        if (key == "TracerPid") parse(value, status.tracer);
        if (key == "voluntary_ctxt_switches") parse(value, status.voluntary_switches);
        if (key == "Seccomp") parse(value, status.seccomp);
        if (key == "x86_Thread_features") status.shadow_stack = value.find("shstk") != value.npos;
    }
    return status;
}

bool read_blocked_call(int directory, pid_t thread, blocked_call& call) noexcept {
    char text[256];
    if (read_text(directory, thread, "syscall", text, sizeof text) == 0) return false;
    auto& a = call.arguments;
    // "running"; "-1 stack instruction" of a thread that waits, but in no system call.
    return std::sscanf(text,
                       "%ld 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64
                       " 0x%" SCNx64 " 0x%" SCNx64,
                       &call.number, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5], &call.stack, &call.instruction) == 9;
}

bool can_read_blocked_call(int directory, pid_t thread) noexcept {
    char text[256];
    return read_text(directory, thread, "syscall", text, sizeof text) > 0;
}

std::string kernel_function(int directory, pid_t thread) {
    char name[128];
    const std::size_t length = read_text(directory, thread, "wchan", name, sizeof name);
    return length > 1 ? std::string(name, length) : std::string();  // "0": not known
}

std::string describe_wait(int directory, pid_t thread) {
    const thread_status status = read_thread_status(directory, thread);
    std::string text = "thread " + std::to_string(thread);
    if (!status.name.empty()) text += " (" + status.name + ")";
    text += ": state ";
    text += status.state;
    blocked_call call;
    if (read_blocked_call(directory, thread, call)) text += ", in system call " + std::to_string(call.number);
    if (const std::string function = kernel_function(directory, thread); !function.empty())
        text += ", kernel function " + function;
    return text;
}

std::string describe_process(pid_t thread) {
    char path[32];
    std::snprintf(path, sizeof path, "/proc/%d", thread);
    const file_descriptor directory(sys::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
    pid_t id = read_thread_status(directory.get(), thread).process;
    if (id == 0) id = thread;
    if (id == ::getpid()) return "this process";
    const std::string name = read_thread_status(directory.get(), id).name;
    return "process " + std::to_string(id) + (name.empty() ? "" : " (" + name + ")");
}

}  // namespace vmio::detail
