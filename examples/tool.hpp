// SPDX-License-Identifier: BSL-1.0
/// What the tools have in common: their command line, their exit status, numbers for people.
#pragma once

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <clocale>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/program_options.hpp>

#include <vmio/version.hpp>

namespace tool {

namespace options = boost::program_options;

/// Of every tool. A broken pipe ends it without a word, by its signal.
enum exit_status {
    done = 0,
    failed = 1,   ///< it could not be done; the standard error says why, and what would help
    misused = 2,  ///< wrong usage
};

/// Arguments that make no sense, where the parser cannot know.
struct usage_error : options::error {
    using error::error;
};

/// What a command line may say.
struct command {
    std::string usage;  ///< the arguments, as in a manual: "[OPTION...] PID"; a line for each way to call it
    std::string text;   ///< what it does, in whole lines
    options::options_description offered{"options"};
    int failure = failed;  ///< its exit status then, where 1 says something else
    std::string statuses = "0 done, 1 it could not be done, 2 wrong usage";

    /// The next positional argument. Shown in the usage only.
    void argument(const char* what, const options::value_semantic* type) {
        arguments.add_options()(what, type, "");
        order.add(what, 1);
    }

    options::options_description arguments{};
    options::positional_options_description order{};
};

/// The name that a tool was called by, and calls itself: a package may have given it another.
inline std::string_view own_name(const char* called) {
    const std::string_view path = called == nullptr ? "?" : called;
    return path.substr(path.rfind('/') + 1);
}

inline void print_usage(std::string_view name, std::string_view usage) {
    const char* before = "usage: ";
    while (!usage.empty()) {
        const std::string_view line = usage.substr(0, usage.find('\n'));
        std::cout << std::exchange(before, "       ") << name << ' ' << line << '\n';
        usage.remove_prefix(std::min(usage.size(), line.size() + 1));
    }
}

/// Files that are opened must not become the standard ones because those are closed.
inline void open_standard_files() {
    for (const int wanted : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::fcntl(wanted, F_GETFD) < 0)
            ::open("/dev/null", wanted == STDIN_FILENO ? O_WRONLY : O_RDONLY);  // as closed
}

/// The end of a message of what could not be written; errno is that of the call.
inline std::string why_not_written() {
    return errno != 0 ? std::string(": ") + std::strerror(errno) : ": closed, or a full disk";
}

/// main() of a tool: calls body(options::variables_map), which returns the exit status, and tells what went wrong.
template <class Body>
int run(command c, int argc, char** argv, Body&& body) {
    open_standard_files();
    std::signal(SIGPIPE, SIG_DFL);     // the parent may have told us to ignore it
    std::signal(SIGXFSZ, [](int) {});  // a limit of the size of files is an error of the call
    std::setlocale(LC_CTYPE, "");
    std::ios::sync_with_stdio(false);
    const std::string_view name = own_name(argv[0]);
    try {
        c.offered.add_options()("help,h", "show this text")("version,V", "show the version");
        options::options_description all;
        all.add(c.offered).add(c.arguments);
        options::variables_map given;
        options::store(options::command_line_parser(argc, argv).options(all).positional(c.order).run(), given);
        int status = done;
        if (given.count("help") != 0) {
            print_usage(name, c.usage);
            std::cout << c.text << '\n' << c.offered << "\nexit status: " << c.statuses << '\n';
        } else if (given.count("version") != 0) {
            std::cout << name << " (vmio) " << VMIO_VERSION << '\n';
        } else {
            options::notify(given);
            status = body(std::as_const(given));
        }
        errno = 0;
        if (!std::cout.flush()) throw std::runtime_error("cannot write to the standard output" + why_not_written());
        return status;
    } catch (const options::required_option& e) {
        const std::string missing = e.get_option_name();
        std::cerr << name << ": " << missing.substr(std::min(missing.find_first_not_of('-'), missing.size()))
                  << " is missing\nTry '" << name << " --help'.\n";
        return misused;
    } catch (const options::error& e) {
        std::cerr << name << ": " << e.what() << "\nTry '" << name << " --help'.\n";
        return misused;
    } catch (const std::exception& e) {
        std::cerr << name << ": " << e.what() << '\n';
        return c.failure;
    }
}

/// The whole of `text` as a number; hexadecimal after 0x, else it may be followed by K, M, G or T: of 1024.
inline std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    std::string_view digits = text.substr(hexadecimal ? 2 : 0);
    unsigned shift = 0;
    if (const std::size_t unit = std::string_view("KMGT").find(digits.empty() ? ' ' : digits.back());
        !hexadecimal && unit != std::string_view::npos) {
        shift = 10 * (static_cast<unsigned>(unit) + 1);
        digits.remove_suffix(1);
    }
    const char* const last = digits.data() + digits.size();
    const auto [end, error] = std::from_chars(digits.data(), last, value, hexadecimal ? 16 : 10);
    if (error != std::errc() || end != last || value << shift >> shift != value)
        throw usage_error('\'' + std::string(text) + "' is not a number: 4096, 4K, or 0x1000");
    return value << shift;
}

inline std::string hex(std::uint64_t number, int digits = 1) {
    char text[24];
    std::snprintf(text, sizeof text, "%0*llx", digits, static_cast<unsigned long long>(number));
    return text;
}

/// Of so many bytes: "512 B", "9.5 MiB", "128 TiB".
inline std::string size_text(std::uint64_t bytes) {
    static constexpr const char* units[]{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    auto value = static_cast<double>(bytes);
    const char* const* unit = units;
    for (; value >= 999.5; ++unit) value /= 1024;
    char text[24];
    std::snprintf(text, sizeof text, unit != units && value < 9.95 ? "%.1f %s" : "%.0f %s", value, *unit);
    return text;
}

/// How many columns the terminal has that the output goes to; 80 if it goes elsewhere.
inline std::size_t terminal_columns() {
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace tool
