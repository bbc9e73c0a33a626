// SPDX-License-Identifier: BSL-1.0
#include <vmio/file_error.hpp>

#include <utility>

namespace vmio {

file_error::file_error(const char* operation, std::filesystem::path path, std::error_code code,
                       const std::string& problem)
    : memory_error(operation, 0, 0, code) {
    std::string text = std::string("vmio: ") + operation + " " + path.string() + ": ";
    text += problem.empty() ? code.message() : problem;
    said_ = std::make_shared<const words>(words{std::move(path), std::move(text)});
}

file_error::~file_error() = default;  // the key function, see memory_error

const char* file_error::what() const noexcept {
    return said_->text.c_str();
}

}  // namespace vmio
