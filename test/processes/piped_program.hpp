// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes/child.hpp"

namespace test {

/// A program with pipes to its standard input and from all its output. It is to end when its input does.
class piped_program {
public:
    explicit piped_program(const std::vector<std::string>& command) {
        int in[2];
        int out[2];
        must(::pipe2(in, O_CLOEXEC) == 0 && ::pipe2(out, O_CLOEXEC) == 0, "pipe2");
        id_ = ::fork();
        must(id_ >= 0, "fork");
        if (id_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::dup2(in[0], STDIN_FILENO);
            ::dup2(out[1], STDOUT_FILENO);
            ::dup2(out[1], STDERR_FILENO);
            std::vector<char*> words;
            for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
            words.push_back(nullptr);
            ::execvp(words[0], words.data());
            ::_exit(127);
        }
        ::close(in[0]);
        ::close(out[1]);
        in_ = in[1];
        out_ = ::fdopen(out[0], "r");
    }
    piped_program(const piped_program&) = delete;
    piped_program& operator=(const piped_program&) = delete;
    ~piped_program() {
        if (id_ > 0) end();
        std::fclose(out_);
    }

    pid_t id() const { return id_; }

    void say(const std::string& line) const {
        must(::write(in_, line.data(), line.size()) == static_cast<ssize_t>(line.size()), "write");
    }
    /// Its next line; empty when it has closed its output.
    std::string hear() const {
        char line[512] = "";
        return std::fgets(line, sizeof line, out_) != nullptr ? line : "";
    }
    /// The same where it must not end yet.
    std::string next() const {
        const std::string line = hear();
        must(!line.empty(), "the program ended too early");
        return line;
    }
    std::string hear_all() const {
        std::string all;
        for (std::string line; !(line = hear()).empty();) all += line;
        return all;
    }
    /// Of its exit; 128 and the signal that ended it.
    int end() {
        ::close(in_);
        int status = 0;
        must(::waitpid(id_, &status, 0) == id_, "waitpid");
        id_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

private:
    pid_t id_ = 0;
    int in_ = -1;
    std::FILE* out_ = nullptr;
};

}  // namespace test
