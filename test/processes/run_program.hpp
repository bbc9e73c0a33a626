// SPDX-License-Identifier: BSL-1.0
/// A program run to its end, and what it said.
#pragma once

#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes/child.hpp"

namespace test {

struct program_result {
    int status = 0;  ///< of its exit; 128 and the signal that ended it, as in a shell
    std::string out;
    std::string err;
};

/// `before` runs in the new process first.
inline program_result run_program(
    const std::vector<std::string>& command, const std::function<void()>& before = [] {}) {
    const int heard[]{::memfd_create("out", MFD_CLOEXEC), ::memfd_create("err", MFD_CLOEXEC)};
    must(heard[0] >= 0 && heard[1] >= 0, "memfd_create");
    const pid_t id = ::fork();
    must(id >= 0, "fork");
    if (id == 0) {
        must(::dup2(heard[0], STDOUT_FILENO) >= 0 && ::dup2(heard[1], STDERR_FILENO) >= 0, "dup2");
        std::vector<char*> arguments;
        for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        before();
        ::execvp(arguments[0], arguments.data());
        ::_exit(127);
    }
    int status = 0;
    must(::waitpid(id, &status, 0) == id, "waitpid");
    program_result ended{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), {}, {}};
    for (std::string* const said : {&ended.out, &ended.err}) {
        const int fd = heard[said == &ended.err];
        said->resize(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)));
        must(::pread(fd, said->data(), said->size(), 0) == static_cast<ssize_t>(said->size()), "pread");
        ::close(fd);
    }
    return ended;
}

}  // namespace test
