// SPDX-License-Identifier: BSL-1.0
/// A process to write core files of, and others' tools to do it.
#pragma once

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vmio/address.hpp>

#include "processes/child.hpp"
#include "processes/gdb.hpp"
#include "support/scratch.hpp"
#include "support/skip.hpp"

namespace test {

/// support/core_target.cpp, in a directory of its own. It waits.
class core_process {
public:
    core_process() {
        int commands[2];
        int answers[2];
        must(::pipe2(commands, O_CLOEXEC) == 0 && ::pipe2(answers, O_CLOEXEC) == 0, "pipe");
        id_ = ::fork();
        must(id_ >= 0, "fork");
        if (id_ == 0) {
            ::dup2(commands[0], STDIN_FILENO);
            ::dup2(answers[1], STDOUT_FILENO);
            const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
            if (::setrlimit(RLIMIT_CORE, &all) != 0) ::_exit(1);
            if (::chdir(directory_.path().c_str()) != 0) ::_exit(1);
            // Or else the kernel writes the processor's number into each thread's memory, whenever that changes.
            ::setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
            ::execl(VMIO_CORE_TARGET, VMIO_CORE_TARGET, "one two", "three", nullptr);
            ::_exit(1);
        }
        ::close(commands[0]);
        ::close(answers[1]);
        commands_ = commands[1];
        char line[64]{};
        must(::read(answers[0], line, sizeof line - 1) > 0, "the target did not start");
        ::close(answers[0]);
        pages_ = std::strtoull(line, nullptr, 16);
        has_guard_ = std::string(line).find("guard") != std::string::npos;
        wait_until_all_wait();
    }
    core_process(const core_process&) = delete;
    core_process& operator=(const core_process&) = delete;
    ~core_process() {
        ::close(commands_);
        if (!ended_) ::waitpid(id_, nullptr, 0);
    }

    pid_t id() const { return id_; }
    const scratch_directory& directory() const { return directory_; }
    bool has_guard() const { return has_guard_; }
    vmio::address page(std::size_t i) const { return pages_ + i * vmio::page_size(); }

    /// The letters of pages [first, last).
    std::vector<std::byte> expected(std::size_t first, std::size_t last) const {
        std::vector<std::byte> bytes;
        for (std::size_t i = first * vmio::page_size(); i < last * vmio::page_size(); ++i)
            bytes.push_back(static_cast<std::byte>('a' + (i + i / vmio::page_size()) % 26));
        return bytes;
    }

    /// Makes it abort and returns what the kernel wrote.
    std::filesystem::path dump_core() {
        must(::write(commands_, "c", 1) == 1, "write");
        int status = 0;
        must(::waitpid(id_, &status, 0) == id_, "waitpid");
        ended_ = true;
        must(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "the target did not abort");
        for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
            if (entry.path().filename().string().starts_with("core")) return entry.path();
        return {};
    }

    /// For a comparison of two looks: a thread that starts, or continues after a pause, is at another place the next
    /// moment.
    void wait_until_all_wait() const {
        for (std::size_t waiting = 0; waiting < 3;) {
            waiting = 0;
            const std::string tasks = "/proc/" + std::to_string(id_) + "/task";
            for (const auto& task : std::filesystem::directory_iterator(tasks)) {
                std::string call;
                std::getline(std::ifstream(task.path() / "syscall"), call);
                if (call.starts_with("0 ") || call.starts_with("63 ")) ++waiting;  // read(2): x86-64, arm64
            }
            ::usleep(1000);
        }
    }

private:
    scratch_directory directory_;
    pid_t id_ = 0;
    int commands_ = -1;
    vmio::address pages_ = 0;
    bool has_guard_ = false;
    bool ended_ = false;
};

/// The lines of a text that begin with `start`.
inline std::vector<std::string> lines_with(const std::string& text, const std::string& start) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        if (text.compare(at, start.size(), start) == 0) lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

/// The kernel writes cores into the working directory.
inline boost::test_tools::assertion_result with_kernel_cores(boost::unit_test::test_unit_id) {
    std::string pattern;
    std::getline(std::ifstream("/proc/sys/kernel/core_pattern"), pattern);
    const bool plain = !pattern.empty() && pattern.find_first_of("|/") == pattern.npos && pattern.starts_with("core");
    return unless_missing(plain, "a core_pattern that names a file in the working directory, not '" + pattern + "'");
}

}  // namespace test
