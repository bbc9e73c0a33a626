// SPDX-License-Identifier: BSL-1.0
/// Shows the next call of a function in a process, which then runs on as if nothing had been.
#include <iostream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

#include <vmio/query_mapping.hpp>
#include <vmio/symbols.hpp>

#include "memory_argument.hpp"
#include "text.hpp"
#include "tool.hpp"
#include "tracing/trap.hpp"

namespace {

/// The call, its caller, and what may be its arguments, with the text that they lead to.
std::string call_text(const vmio::process_memory& memory, pid_t thread, const machine::registers& r,
                      const std::string& function) {
    std::ostringstream out;
    const auto caller = machine::caller(r, memory);
    const auto from = vmio::query_mapping(memory.target(), caller).value_or(vmio::mapping{});
    out << "thread " << thread << " calls " << function << " from " << tool::hex(caller, 12) << ' '
        << tool::printable(from.name) << '\n';
    int number = 0;
    for (const std::uint64_t value : machine::arguments(r)) {
        std::string text(64, '\0');
        std::error_code ec;
        text.resize(memory.read_some(value, std::as_writable_bytes(std::span(text)), ec));
        text.resize(std::min(text.size(), text.find('\0')));
        out << "  argument " << ++number << "  0x" << tool::hex(value);
        if (!text.empty() && tool::printable(text) == text) out << "  \"" << text << '"';
        out << '\n';
    }
    return out.str();
}

/// Where the function is, in whichever file that is mapped.
std::optional<vmio::address> address_of(const vmio::process& target, const std::string& function) {
    for (const vmio::symbol& s : vmio::symbols::load(target).find_all(function))
        if (s.kind == vmio::symbol_kind::function) return s.start;
    return std::nullopt;
}

/// Whether it was called.
bool wait_for_call(tool::tracer& target, const std::string& function) {
    const vmio::process_memory memory{vmio::process(target.id())};
    // Its files and its memory are as slow as it likes: what reads them can be interrupted.
    const auto found = target.await([target = memory.target(), function] { return address_of(target, function); });
    if (!found) return false;
    const auto where = *found;
    if (!where) {
        target.cancel();
        throw std::runtime_error("no function '" + function + "' is there: 'nm FILE' or 'nm -D FILE' lists them");
    }
    const auto bring_code = [memory, where] {
        std::byte code[sizeof machine::trap];
        std::error_code ignored;
        return memory.read_some(*where, code, ignored);
    };
    if (!target.await(bring_code)) return false;
    const tool::trap trap(memory.target(), *where);
    const auto let_go = [&] {
        trap.remove();
        target.release([&](const tool::trace_event& e) { return trap.settle(e); });
    };
    target.forked = [&](pid_t copy) { trap.remove_from(vmio::process(copy)); };
    try {
        std::cout << "waiting for " << function << " at " << tool::hex(*where) << ", process " << target.id()
                  << std::endl;
        target.resume_all();
        while (const auto now = target.next()) {
            if (trap.met_by(*now)) {
                const auto text = target.await([=, r = tool::registers_of(now->thread), thread = now->thread] {
                    return call_text(memory, thread, r, function);
                });
                let_go();
                std::cout << text.value_or("") << std::flush;
                return text.has_value();
            }
            if (now->event() == PTRACE_EVENT_EXEC) break;
            target.resume(*now);
        }
    } catch (...) {
        let_go();
        throw;
    }
    let_go();
    return false;
}

}  // namespace

int main(int argc, char** argv) {
    using tool::options::value;
    tool::command breakpoint{
        .usage = "FUNCTION PROGRAM [ARGUMENT...]\n--pid PROCESS FUNCTION",
        .text =
            "Shows the next call of FUNCTION in a program, which it starts, or in PROCESS: the caller,\n"
            "and what the registers of the arguments hold, with text that they point to. The process\n"
            "then runs on as if nothing had been; also when this program is interrupted, but not when\n"
            "it is killed. The name is as in nm(1): of a running process in any file that is mapped, else\n"
            "in the program itself. Before arguments that begin with a dash: --\n",
        .statuses = "0 it was called, 1 it was not, or could not be waited for, 2 wrong usage"};
    breakpoint.offered.add_options()("pid,p", value<std::string>(),
                                     "a process that runs already: its id, or comm:NAME");
    breakpoint.argument("FUNCTION", value<std::string>()->required());
    breakpoint.argument("PROGRAM", value<std::vector<std::string>>());
    breakpoint.order.add("PROGRAM", -1);
    return tool::run(std::move(breakpoint), argc, argv, [](const tool::options::variables_map& given) {
        const bool runs = given.count("pid") != 0;
        if (runs == (given.count("PROGRAM") != 0)) throw tool::usage_error("either a program, or --pid");
        if (!machine::known) throw std::runtime_error("it knows the breakpoint instructions of x86-64 and arm64 only");
        if (!runs && tool::is_process_id(given["PROGRAM"].as<std::vector<std::string>>().front()) &&
            ::access(given["PROGRAM"].as<std::vector<std::string>>().front().c_str(), X_OK) != 0)
            throw tool::usage_error(given["PROGRAM"].as<std::vector<std::string>>().front() +
                                    " is a process and no program: --pid waits in one that runs");
        std::optional<tool::tracer> target;
        runs ? target.emplace(
                   tool::require_process(given["pid"].as<std::string>(), "calls nothing: give a process").id())
             : target.emplace(given["PROGRAM"].as<std::vector<std::string>>());
        const auto function = given["FUNCTION"].as<std::string>();
        const bool called = wait_for_call(*target, function);
        const bool interrupted = target->interrupted();
        if (!interrupted) target->wait_for_end();
        if (called) return tool::done;
        const std::string why = " was not called: the process ended, or called exec, or we were stopped";
        if (!interrupted) throw std::runtime_error(function + why);
        target.reset();
        std::cerr << "breakpoint: " << tool::printable(function) << why << std::endl;
        ::_exit(tool::failed);  // a thread may still read
    });
}
