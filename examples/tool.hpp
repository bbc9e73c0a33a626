// SPDX-License-Identifier: BSL-1.0
/// What the tools have in common: their command line, their exit status, numbers for people.
#pragma once

#include <algorithm>
#include <clocale>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/program_options.hpp>

#include <vmio/version.hpp>

#include "place_argument.hpp"
#include "standard_streams.hpp"
#include "text.hpp"
#include "usage_error.hpp"

namespace tool {

namespace options = boost::program_options;

/// Of every tool. A broken pipe ends it without a word, by its signal.
enum exit_status {
    done = 0,
    failed = 1,   ///< it could not be done; the standard error says why, and what would help
    misused = 2,  ///< wrong usage
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

/// main() of a tool: calls body(options::variables_map), which returns the exit status, and tells what went wrong.
template <class Body>
int run(command c, int argc, char** argv, Body&& body) {
    open_standard_descriptors();
    set_write_signals();
    std::setlocale(LC_CTYPE, "");
    std::ios::sync_with_stdio(false);
    const std::string_view name = own_name(argv[0]);
    standard_output output;
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
        if (!std::cout.flush()) throw std::runtime_error(output.problem());
        return status;
    } catch (const options::required_option& e) {
        const std::string missing = e.get_option_name();
        std::cerr << name << ": " << missing.substr(std::min(missing.find_first_not_of('-'), missing.size()))
                  << " is missing\nTry '" << name << " --help'.\n";
        return misused;
    } catch (const spelling_error& e) {
        std::cerr << name << ": "
                  << printable_message(e.what() + spelling_hint(e.spelling, {argv, static_cast<std::size_t>(argc)}))
                  << "\nTry '" << name << " --help'.\n";
        return misused;
    } catch (const options::error& e) {
        std::cerr << name << ": " << printable_message(e.what()) << "\nTry '" << name << " --help'.\n";
        return misused;
    } catch (const std::exception& e) {
        // What wrote to it knows only that it failed.
        std::cerr << name << ": " << printable_message(output.error() ? output.problem() : e.what()) << '\n';
        return c.failure;
    }
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

/// What --color asks for. NO_COLOR in the environment turns "auto" off.
inline bool wants_color(const options::variables_map& given) {
    const auto& when = given["color"].as<std::string>();
    if (when != "auto" && when != "always" && when != "never")
        throw usage_error("--color is always, never or auto, not " + in_quotes(when));
    const char* const refused = std::getenv("NO_COLOR");
    const bool allowed = refused == nullptr || *refused == '\0';
    return when == "always" || (when == "auto" && allowed && ::isatty(STDOUT_FILENO) == 1);
}

/// How many columns the terminal has: that of the output, or where that goes elsewhere, such as into a pager, of the
/// errors or the input; else COLUMNS of the environment, else 80.
inline std::size_t terminal_columns() {
    winsize size{};
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO, STDIN_FILENO})
        if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    const char* const set = std::getenv("COLUMNS");
    const unsigned long columns = set != nullptr ? std::strtoul(set, nullptr, 10) : 0;
    return columns > 0 && columns <= 1000 ? columns : 80;
}

}  // namespace tool
