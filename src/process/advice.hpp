// SPDX-License-Identifier: BSL-1.0
/// Words for the person who reads an error at three in the morning.
#pragma once

#include <string>
#include <system_error>

#include <sys/types.h>

namespace vmio::detail {

/// What the error means for a process's memory, and what to do about it; empty where errno says it all.
std::string advice(const std::error_code& code, pid_t process);

}  // namespace vmio::detail
