// SPDX-License-Identifier: BSL-1.0
#include "symbols/debug_files.hpp"

#include <cstddef>
#include <cstdint>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/crc32.hpp"
#include "base/system_call.hpp"

namespace vmio::detail {
namespace {

constexpr std::uint64_t most_checked = std::uint64_t{1} << 30;  // bytes of a file whose checksum is computed

std::string hexadecimal(std::span<const std::byte> bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const std::byte b : bytes) {
        text += digits[std::to_integer<unsigned>(b) >> 4];
        text += digits[std::to_integer<unsigned>(b) & 15];
    }
    return text;
}

bool has_checksum(int fd, std::uint32_t checksum) {
    struct stat status;
    if (::fstat(fd, &status) != 0 || static_cast<std::uint64_t>(status.st_size) > most_checked) return false;
    crc32 sum;
    std::vector<std::byte> bytes(1 << 16);
    off_t at = 0;
    for (ssize_t size = 0; (size = sys::pread(fd, bytes.data(), bytes.size(), at)) > 0; at += size)
        sum.add(std::span(bytes).first(static_cast<std::size_t>(size)));
    return at == status.st_size && sum.value() == checksum;
}

}  // namespace

file_descriptor open_regular(const std::string& path) noexcept {
    file_descriptor file(sys::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat status;
    if (file && (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))) return {};
    return file;
}

file_descriptor find_debug_file(const elf_file& file, const std::string& path,
                                const std::vector<std::string>& directories) {
    if (directories.empty()) return {};
    const std::vector<std::byte> id = file.build_id();
    const auto has_same_id = [&id](const file_descriptor& found) {
        const elf_file debug(found.get());
        return debug && debug.build_id() == id;
    };
    if (id.size() > 1) {
        const std::string name = hexadecimal(id);
        for (const std::string& directory : directories) {
            file_descriptor found =
                open_regular(directory + "/.build-id/" + name.substr(0, 2) + '/' + name.substr(2) + ".debug");
            if (found && has_same_id(found)) return found;
        }
    }
    std::uint32_t checksum = 0;
    const std::string link = file.debug_link(checksum);
    const std::size_t slash = path.rfind('/');
    if (link.empty() || slash == std::string::npos) return {};
    const std::string beside = path.substr(0, slash + 1);
    std::vector<std::string> paths{beside + link, beside + ".debug/" + link};
    for (const std::string& directory : directories) {
        paths.push_back(directory);
        paths.back() += beside;
        paths.back() += link;
    }
    for (const std::string& candidate : paths) {
        if (candidate == path) continue;
        file_descriptor found = open_regular(candidate);
        if (found && (id.empty() ? has_checksum(found.get(), checksum) : has_same_id(found))) return found;
    }
    return {};
}

}  // namespace vmio::detail
