// SPDX-License-Identifier: BSL-1.0
#include <vmio/error.hpp>

#include <cerrno>
#include <cstdio>

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
        return value == ENOSPC ? "end of the window" : "unknown condition";
    }

    std::error_condition default_error_condition(int value) const noexcept override {
        if (value == ENOSPC) return {value, std::generic_category()};
        return {value, *this};
    }

    bool equivalent(const std::error_code& code, int condition) const noexcept override {
        if (code == detail::end_of_memory()) return condition == static_cast<int>(errc::end_of_memory);
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
            default: return 0;
        }
    }
};

/// Default explanation and remedy for an errno; empty if its message is sufficient.
const char* explanation(const std::error_code& code, bool of_a_target) noexcept {
    if (code.category() != std::system_category()) return "";
    switch (code.value()) {
        case EFAULT: return "nothing is mapped there, or its protection forbids it";
        case EBADF: return "the device or stream is not open";
        case EOVERFLOW: return "the position does not fit a signed 64-bit stream offset";
        case ESTALE:
            return "the process has called exec or ended since it was opened: open it again; or its first thread alone "
                   "has ended: open another one by its own id";
        default: break;
    }
    if (!of_a_target) return "";
    switch (code.value()) {
        case ESRCH: return "the process has ended, or has no memory";
        case EPERM:
        case EACCES: return "the kernel refuses access, see ptrace(2); vmio::diagnose_access() tells what prevents it";
        case EIO:
            return "the kernel cannot give or take this page: device memory, a guard page, past the end of a file, or "
                   "a forced write that it refuses (shared read-only file, proc_mem.force_override)";
        default: return "";
    }
}

std::string compose(const char* operation, pid_t process, address where, const std::error_code& code,
                    const std::string& advice) {
    std::string text = "vmio: ";
    text += operation;
    if (process != 0) text += ", process " + std::to_string(process);
    if (where != 0 || code.value() == EFAULT) {
        char number[32];
        std::snprintf(number, sizeof number, ", address 0x%llx", static_cast<unsigned long long>(where));
        text += number;
    }
    text += ": " + code.message();
    const std::string help = advice.empty() ? explanation(code, process != 0 || where != 0) : advice;
    if (!help.empty()) text += " (" + help + ")";
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

std::error_code detail::end_of_memory() noexcept {
    return {ENOSPC, memory_category()};
}

memory_error::memory_error(const char* operation, pid_t process, address where, std::error_code code,
                           const std::string& advice)
    : std::ios_base::failure(operation, code),
      operation_(operation),
      process_(process),
      where_(where),
      text_(std::make_shared<const std::string>(compose(operation, process, where, code, advice))) {}

// The key functions: the type's vtable and typeinfo are defined here only, so that a plugin opened by dlopen(3) throws
// and catches this very type.
memory_error::~memory_error() = default;

const char* memory_error::what() const noexcept {
    return text_->c_str();
}

}  // namespace vmio
