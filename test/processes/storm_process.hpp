// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vmio/address.hpp>

#include "processes/child.hpp"
#include "processes/storm.hpp"

namespace test {

/// The program that makes the storm: see storm_target.cpp. It ends with this object.
class storm_process {
public:
    explicit storm_process(const char* program) {
        int from[2];
        int hold[2];
        must(::pipe2(from, O_CLOEXEC) == 0 && ::pipe2(hold, O_CLOEXEC) == 0, "pipe2");
        id_ = ::fork();
        if (id_ == 0) {
            ::dup2(hold[0], 0);
            ::dup2(from[1], 1);
            ::execl(program, "storm_target", nullptr);
            ::_exit(127);
        }
        ::close(from[1]);
        ::close(hold[0]);
        hold_ = hold[1];
        must(::read(from[0], &start_, sizeof start_) == sizeof start_, program);
        ::close(from[0]);
    }
    storm_process(const storm_process&) = delete;
    storm_process& operator=(const storm_process&) = delete;
    ~storm_process() {
        ::close(hold_);
        ::waitpid(id_, nullptr, 0);
    }

    pid_t id() const { return id_; }
    vmio::address start() const { return start_; }
    std::size_t size() const { return storm_pages * vmio::page_size(); }

private:
    pid_t id_ = 0;
    int hold_ = -1;
    vmio::address start_ = 0;
};

}  // namespace test
