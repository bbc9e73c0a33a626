// SPDX-License-Identifier: BSL-1.0
/// The standard descriptors of a tool, and a standard output that knows why a write failed.
#pragma once

#include <cerrno>
#include <csignal>
#include <iostream>
#include <streambuf>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace tool {

/// Opens /dev/null for each standard descriptor that is closed, so that no file of ours becomes one of them: the wrong
/// way round, so that a read or write fails with EBADF as it does where it is closed.
inline void open_standard_descriptors() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
        const int opened = ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);  // the lowest free number
        if (opened != fd) ::_exit(2);
    }
}

/// Sets the signals of a failed write: a broken pipe ends a tool without a word, a file that is too large (ulimit -f)
/// is an error. A handler, unlike SIG_IGN, is not inherited by programs that a tool starts.
inline void set_write_signals() {
    std::signal(SIGPIPE, SIG_DFL);  // the parent may have told us to ignore it
    struct sigaction none {};
    none.sa_handler = [](int) {};
    none.sa_flags = SA_RESTART;
    ::sigaction(SIGXFSZ, &none, nullptr);
}

/// While it exists, what is written to std::cout goes to the standard output, and error() says why a write failed.
class standard_output final : std::streambuf {
public:
    standard_output() : before_(std::cout.rdbuf(this)) { setp(bytes_, bytes_ + sizeof bytes_); }
    standard_output(const standard_output&) = delete;
    standard_output& operator=(const standard_output&) = delete;
    ~standard_output() override {
        write_out();
        std::cout.rdbuf(before_);
    }

    const std::error_code& error() const { return error_; }
    std::string problem() const {
        return "cannot write to the standard output: " + (error_ ? error_.message() : "it has failed");
    }

private:
    int_type overflow(int_type c) override {
        if (!write_out()) return traits_type::eof();
        if (!traits_type::eq_int_type(c, traits_type::eof())) {
            *pptr() = traits_type::to_char_type(c);
            pbump(1);
        }
        return traits_type::not_eof(c);
    }
    std::streamsize xsputn(const char* from, std::streamsize size) override {
        if (size < epptr() - pptr()) return std::streambuf::xsputn(from, size);
        return write_out() && write(from, size) ? size : 0;
    }
    int sync() override { return write_out() ? 0 : -1; }

    bool write_out() {
        const bool written = write(pbase(), pptr() - pbase());
        setp(bytes_, bytes_ + sizeof bytes_);
        return written;
    }
    bool write(const char* from, std::streamsize size) {
        while (size > 0 && !error_) {
            const ssize_t written = ::write(STDOUT_FILENO, from, static_cast<std::size_t>(size));
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) {
                error_.assign(written < 0 ? errno : EIO, std::system_category());
                break;
            }
            from += written;
            size -= written;
        }
        return !error_;
    }

    std::streambuf* const before_;
    std::error_code error_;
    char bytes_[1 << 14];
};

}  // namespace tool
