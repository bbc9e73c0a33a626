// SPDX-License-Identifier: BSL-1.0
/// The start of a child process between fork(2) and exec(3).
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <vmio/child_process.hpp>

#include "base/file_descriptor.hpp"

namespace vmio::detail {

struct started_child {
    pid_t id = 0;
    file_descriptor input;   // its standard input: what is written here
    file_descriptor output;  // its standard output: what can be read here
};

/// Starts a program, or a function of a fork if `command` is empty.
/// Errors: memory_error.
started_child start_child(const std::vector<std::string>& command, const std::function<int()>& body,
                          const child_options& options);

}  // namespace vmio::detail
