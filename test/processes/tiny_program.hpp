// SPDX-License-Identifier: BSL-1.0
/// Programs of a few instructions, without any library.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include "processes/child.hpp"
#include "processes/stopped.hpp"
#include "support/scratch.hpp"

namespace test {

enum class tiny_machine { i386, x86_64 };

constexpr std::uint32_t tiny_base = 0x08048000;

/// A child that runs a program that waits for ever. Its only segment, at tiny_base, ends with `data`, and is writable
/// if there is any.
class tiny_program {
public:
    explicit tiny_program(tiny_machine machine, std::string_view data = {}) {
        const scratch_directory place;
        const std::string path = place / "tiny";
        const std::vector<unsigned char> program =
            machine == tiny_machine::i386
                ? file_of<Elf32_Ehdr, Elf32_Phdr>(ELFCLASS32, EM_386, {0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7},
                                                  data)  // pause, again
                : file_of<Elf64_Ehdr, Elf64_Phdr>(ELFCLASS64, EM_X86_64, {0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7},
                                                  data);  // pause, again
        const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
        must(::write(file, program.data(), program.size()) == static_cast<ssize_t>(program.size()), "write");
        ::close(file);
        int failed[2];
        must(::pipe2(failed, O_CLOEXEC) == 0, "pipe2");
        id_ = ::fork();
        if (id_ == 0) {
            ::execl(path.c_str(), "tiny", nullptr);
            [[maybe_unused]] const ssize_t told = ::write(failed[1], "f", 1);
            ::_exit(1);
        }
        ::close(failed[1]);
        char byte;
        runs_ = ::read(failed[0], &byte, 1) == 0;  // the end that exec has closed
        if (runs_) const stopped loaded(id_);      // which it cannot be before the end of exec
        ::close(failed[0]);
    }
    tiny_program(const tiny_program&) = delete;
    tiny_program& operator=(const tiny_program&) = delete;
    ~tiny_program() {
        ::kill(id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
    }

    bool runs() const { return runs_; }
    pid_t id() const { return id_; }

private:
    template <class Header, class Segment>
    static std::vector<unsigned char> file_of(unsigned char kind, std::uint16_t machine,
                                              const std::vector<unsigned char>& code, std::string_view data) {
        constexpr std::uint32_t base = tiny_base;
        Header header{};
        Segment segment{};
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = kind;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_ident[EI_VERSION] = EV_CURRENT;
        header.e_type = ET_EXEC;
        header.e_machine = machine;
        header.e_version = EV_CURRENT;
        header.e_entry = base + sizeof header + sizeof segment;
        header.e_phoff = header.e_ehsize = sizeof header;
        header.e_phentsize = sizeof segment;
        header.e_phnum = 1;
        segment.p_type = PT_LOAD;
        segment.p_vaddr = base;
        segment.p_filesz = segment.p_memsz = sizeof header + sizeof segment + code.size() + data.size();
        segment.p_flags = data.empty() ? PF_R | PF_X : PF_R | PF_W | PF_X;
        segment.p_align = 4096;
        std::vector<unsigned char> program;
        const auto append = [&program](const auto& part) {
            const auto* const bytes = reinterpret_cast<const unsigned char*>(&part);
            program.insert(program.end(), bytes, bytes + sizeof part);
        };
        append(header);
        append(segment);
        program.insert(program.end(), code.begin(), code.end());
        program.insert(program.end(), data.begin(), data.end());
        return program;
    }

    pid_t id_ = -1;
    bool runs_ = false;
};

}  // namespace test
