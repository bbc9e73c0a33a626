// SPDX-License-Identifier: BSL-1.0
/// Reads and changes the memory of another process through a std::iostream.
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include <vmio/process_vm_stream.hpp>

namespace {

constexpr const char* usage =
    "usage: poke                        start a target of its own, change it, and check that it changed\n"
    "       poke PID ADDRESS            print the line of text at ADDRESS in process PID\n"
    "       poke PID ADDRESS TEXT       write TEXT there\n"
    "ADDRESS may be hexadecimal (0x...). Exit status: 0 done, 1 it could not be done, 2 wrong usage.\n";

std::streamoff position(vmio::address a) {
    return static_cast<std::streamoff>(a);
}

/// The whole of `text` as a number that fits; hexadecimal after 0x.
template <class T>
bool parse(std::string_view text, T& value) {
    const int base = text.starts_with("0x") ? 16 : 10;
    if (base == 16) text.remove_prefix(2);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    return error == std::errc() && end == text.data() + text.size();
}

std::string line_at(vmio::process_vm_stream& memory, vmio::address where) {
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
    if (std::sscanf(heard(target.get()).c_str(), "%d %lu %lu", &id, &greeting, &counter) != 3)
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
    for (int i = 0; i < 4; ++i) {
        const std::string line = heard(target.get());
        std::cout << "target says: " << line << std::endl;
        if (line.ends_with(expected) && std::stol(line) >= 1000) return true;
    }
    std::cerr << "poke: the target has not changed\n";
    return false;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc == 1) return demonstrate() ? 0 : 1;
        pid_t id = 0;
        vmio::address where = 0;
        if (argc < 3 || argc > 4 || !parse(argv[1], id) || !parse(argv[2], where)) {
            std::cerr << usage;
            return 2;
        }
        vmio::process_vm_stream memory(id, where);
        memory.exceptions(std::ios::badbit);
        if (argc == 4)
            memory << argv[3] << std::flush;
        else
            std::cout << line_at(memory, where) << '\n';
    } catch (const std::exception& e) {
        std::cerr << "poke: " << e.what() << '\n';
        return 1;
    }
}
