// SPDX-License-Identifier: BSL-1.0
/// How far a long run is.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <utility>

#include <unistd.h>

#include "tool.hpp"

namespace tool {

/// On the terminal that errors go to, if they do; drawn ten times a second, so not at all for what is quick.
class progress_bar {
public:
    explicit progress_bar(bool wanted) : shown_(wanted && ::isatty(STDERR_FILENO) == 1) {}
    progress_bar(const progress_bar&) = delete;
    progress_bar& operator=(const progress_bar&) = delete;
    ~progress_bar() { clear(); }

    bool shown() const { return shown_; }

    /// In bytes.
    void draw(std::uint64_t done, std::uint64_t total) {
        constexpr std::size_t beside = 24;  // the brackets, the numbers
        const std::size_t columns = terminal_columns();
        const std::size_t width = std::min<std::size_t>(40, columns > beside ? columns - beside : 0);
        const auto time = std::chrono::steady_clock::now();
        if (!shown_ || time - drawn_at_ < std::chrono::milliseconds(100)) return;
        drawn_at_ = time;
        const double part = total > 0 ? std::min(1.0, double(done) / double(total)) : 1;
        std::string bar(static_cast<std::size_t>(part * double(width)), '#');
        bar.resize(width, '.');
        std::cerr << "\r[" << bar << "] " << int(part * 100) << " % of " << size_text(total) << clear_line
                  << std::flush;
        drawn_ = true;
    }
    /// The line is for something else.
    void clear() {
        if (std::exchange(drawn_, false)) std::cerr << '\r' << clear_line << std::flush;
    }

private:
    static constexpr const char* clear_line = "\033[K";
    bool shown_;
    bool drawn_ = false;
    std::chrono::steady_clock::time_point drawn_at_ = std::chrono::steady_clock::now();
};

}  // namespace tool
