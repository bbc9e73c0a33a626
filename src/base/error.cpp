// SPDX-License-Identifier: BSL-1.0
#include <vmio/error.hpp>

#include <cerrno>
#include <cstdio>

#include "process/advice.hpp"

namespace vmio {
namespace {

class category final : public std::error_category {
public:
    const char* name() const noexcept override { return "vmio"; }

    std::string message(int value) const override {
        switch (static_cast<errc>(value)) {
            case errc::no_such_process: return "no such process";
            case errc::permission_denied: return "permission denied";
            case errc::bad_address: return "memory that cannot be accessed";
            case errc::not_supported: return "not supported here";
            case errc::not_open: return "not open";
            case errc::invalid_argument: return "invalid argument";
            case errc::program_changed: return "another program";
            case errc::end_of_memory: return "end of the memory";
        }
        return "unknown condition";
    }

    bool equivalent(const std::error_code& code, int condition) const noexcept override {
        return code.category() == std::system_category() && condition_of(code.value()) == condition;
    }

private:
    static int condition_of(int error) noexcept {
        switch (error) {
            case ESRCH: return static_cast<int>(errc::no_such_process);
            case EPERM:
            case EACCES: return static_cast<int>(errc::permission_denied);
            case EFAULT:
            case EIO: return static_cast<int>(errc::bad_address);
            case ENOSYS:
            case EOPNOTSUPP: return static_cast<int>(errc::not_supported);
            case EBADF: return static_cast<int>(errc::not_open);
            case EINVAL:
            case EOVERFLOW: return static_cast<int>(errc::invalid_argument);
            case ESTALE: return static_cast<int>(errc::program_changed);
            case ENOSPC: return static_cast<int>(errc::end_of_memory);
            default: return 0;
        }
    }
};

std::string compose(const char* operation, pid_t process, address where, const std::error_code& code) {
    std::string text = "vmio: ";
    text += operation;
    if (process != 0) text += ", process " + std::to_string(process);
    if (where != 0 || code.value() == EFAULT) {
        char number[32];
        std::snprintf(number, sizeof number, ", address 0x%llx", static_cast<unsigned long long>(where));
        text += number;
    }
    text += ": " + code.message();
    if (const std::string help = detail::advice(code, process); !help.empty()) text += " (" + help + ")";
    return text;
}

}  // namespace

const std::error_category& memory_category() noexcept {
    static const category instance;
    return instance;
}

std::error_condition make_error_condition(errc e) noexcept {
    return {static_cast<int>(e), memory_category()};
}

memory_error::memory_error(const char* operation, pid_t process, address where, std::error_code code)
    : std::ios_base::failure(operation, code),
      operation_(operation),
      process_(process),
      where_(where),
      text_(std::make_shared<const std::string>(compose(operation, process, where, code))) {}

}  // namespace vmio
