// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "processes/child.hpp"

namespace proof {

/// A connection to a server that listens on a socket in the file system.
class client {
public:
    explicit client(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un where{};
        where.sun_family = AF_UNIX;
        test::must(path.size() < sizeof where.sun_path, "a shorter path");
        std::memcpy(where.sun_path, path.data(), path.size());
        test::must(::connect(socket_, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0, "connect");
    }
    client(const client&) = delete;
    client& operator=(const client&) = delete;
    ~client() { ::close(socket_); }

    /// The answer up to and without `end`.
    std::string ask(const std::string& question, const std::string& end) const {
        test::must(
            ::send(socket_, question.data(), question.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(question.size()),
            "send");
        std::string answer;
        while (!answer.ends_with(end)) {
            char some[4096];
            const ssize_t got = ::recv(socket_, some, sizeof some, 0);
            test::must(got > 0, "recv");
            answer.append(some, static_cast<std::size_t>(got));
        }
        answer.resize(answer.size() - end.size());
        return answer;
    }

private:
    int socket_;
};

/// Asks again and again, so that the server is busy.
class load {
public:
    load(const std::string& path, std::string question, std::string end)
        : thread_([this, path, question = std::move(question), end = std::move(end)] {
              const client server(path);
              while (!stop_) {
                  server.ask(question, end);
                  ++answers_;
                  answers_.notify_one();
              }
          }) {
        answers_.wait(0);
    }
    ~load() {
        stop_ = true;
        thread_.join();
    }

    /// Returns once the server has answered what was asked after this call.
    void wait_for_answer() const {
        const unsigned long before = answers_;
        while (answers_ < before + 2) answers_.wait(answers_);
    }

private:
    std::atomic<bool> stop_ = false;
    std::atomic<unsigned long> answers_ = 0;
    std::thread thread_;
};

}  // namespace proof
