// SPDX-License-Identifier: BSL-1.0
/// A program that is none of ours, running a script.
#pragma once

#include <string>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes/child.hpp"
#include "processes/run_program.hpp"
#include "support/skip.hpp"

namespace test {

inline boost::test_tools::assertion_result has_python(boost::unit_test::test_unit_id) {
    return unless_missing(run_program({"python3", "-c", ""}).status == 0, "python3");
}

/// python3 with a script that talks in lines.
class interpreter {
public:
    explicit interpreter(const std::string& script) {
        int in[2], out[2];
        must(::pipe2(in, O_CLOEXEC) == 0 && ::pipe2(out, O_CLOEXEC) == 0, "pipe2");
        id_ = ::fork();
        must(id_ >= 0, "fork");
        if (id_ == 0) {
            ::dup2(in[0], 0);
            ::dup2(out[1], 1);
            ::execlp("python3", "python3", "-c", script.c_str(), nullptr);
            ::_exit(127);
        }
        ::close(in[0]);
        ::close(out[1]);
        to_ = in[1];
        from_ = out[0];
    }
    interpreter(const interpreter&) = delete;
    interpreter& operator=(const interpreter&) = delete;
    ~interpreter() {
        ::close(to_);
        ::close(from_);
        if (!ended_) ::waitpid(id_, nullptr, 0);
    }

    pid_t id() const { return id_; }

    void say(const std::string& line) const {
        must(::write(to_, (line + '\n').data(), line.size() + 1) == static_cast<ssize_t>(line.size() + 1), "write");
    }

    /// Without its end; what there is of it if the script has ended.
    std::string hear() const {
        std::string line;
        for (char c = 0; ::read(from_, &c, 1) == 1 && c != '\n';) line += c;
        return line;
    }

    /// Ends what it reads from, and returns its exit status.
    int end() {
        ::close(to_);
        to_ = -1;
        int status = -1;
        must(::waitpid(id_, &status, 0) == id_, "waitpid");
        ended_ = true;
        return status;
    }

private:
    pid_t id_ = 0;
    int to_ = -1;
    int from_ = -1;
    bool ended_ = false;
};

}  // namespace test
