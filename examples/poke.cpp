// SPDX-License-Identifier: BSL-1.0
/// Reads and changes the memory of another process, or any other memory, through a std::iostream.
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

#include <vmio/memory_stream.hpp>
#include <vmio/process_vm_stream.hpp>

#include "memory_argument.hpp"
#include "tool.hpp"

namespace {

std::streamoff position(vmio::address a) {
    return static_cast<std::streamoff>(a);
}

template <class Stream>
std::string line_at(Stream& memory, vmio::address where) {
    std::string line;
    memory.seekg(position(where));
    if (!memory) throw std::runtime_error("no position: " + memory.last_error().message());
    std::getline(memory, line);
    return line;
}

/// The next line that the target prints.
std::string heard(std::FILE* target) {
    char line[256];
    if (std::fgets(line, sizeof line, target) == nullptr) throw std::runtime_error("the target has ended");
    line[std::strcspn(line, "\n")] = '\0';
    return line;
}

bool demonstrate() {
    const auto program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "poke_target";
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> target(
        ::popen(("exec '" + program.string() + "'").c_str(), "r"), ::pclose);
    if (!target) throw std::runtime_error("cannot start " + program.string());
    pid_t id = 0;
    vmio::address greeting = 0;
    vmio::address counter = 0;
    if (std::sscanf(heard(target.get()).c_str(), "%d %lx %lx", &id, &greeting, &counter) != 3)
        throw std::runtime_error(program.string() + " did not say where its memory is");

    for (int i = 0; i < 3; ++i) std::cout << "target says: " << heard(target.get()) << std::endl;

    vmio::process_vm_stream memory(id);
    memory.exceptions(std::ios::badbit);
    std::cout << "poke reads:  " << line_at(memory, greeting) << std::endl;
    memory.seekp(position(greeting));
    memory << "Greetings from process " << ::getpid() << ".\n" << '\0';
    memory.seekp(position(counter));
    memory.write_value(1000L);
    memory.flush();
    std::cout << "poke writes another greeting, and 1000 into the counter" << std::endl;

    const std::string expected = " Greetings from process " + std::to_string(::getpid()) + ".";
    for (int i = 0; i < 20; ++i) {  // what it said before comes first
        const std::string line = heard(target.get());
        std::cout << "target says: " << line << std::endl;
        if (line.ends_with(expected) && std::stol(line) >= 1000) return true;
    }
    std::cerr << "poke: the target has not changed\n";
    return false;
}

}  // namespace

int main(int argc, char** argv) {
    tool::command poke{
        .usage = "[MEMORY ADDRESS [TEXT]]",
        .text =
            "Prints the line of text at ADDRESS in a process, or any other memory, or writes TEXT there.\n"
            "Without arguments: starts a target of its own, changes it, and checks that it changed.\n"
            "Before a TEXT that begins with a dash: --\n" +
            tool::place_text + tool::memory_text};
    poke.argument("MEMORY", tool::options::value<std::string>());
    poke.argument("ADDRESS", tool::options::value<std::string>());
    poke.argument("TEXT", tool::options::value<std::string>());
    return tool::run(std::move(poke), argc, argv, [](const tool::options::variables_map& given) {
        if (given.empty()) return demonstrate() ? tool::done : tool::failed;
        if (given.count("MEMORY") == 0 || given.count("ADDRESS") == 0)
            throw tool::usage_error("MEMORY and ADDRESS go together");
        const vmio::any_memory target = tool::open_memory(given["MEMORY"].as<std::string>());
        const vmio::address where = tool::places_in(target).address(given["ADDRESS"].as<std::string>());
        if (given.count("TEXT") != 0 && !target.writable())
            tool::refuse(target, "cannot be written: give a process, or gdb:HOST:PORT");
        vmio::memory_stream<vmio::any_memory> memory(target, where);
        memory.exceptions(std::ios::badbit);
        if (given.count("TEXT") != 0)
            memory << given["TEXT"].as<std::string>() << std::flush;
        else
            std::cout << line_at(memory, where) << '\n';
        return tool::done;
    });
}
