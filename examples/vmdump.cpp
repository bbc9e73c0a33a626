// SPDX-License-Identifier: BSL-1.0
/// Writes a core file of a running process.
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <boost/iostreams/device/file_descriptor.hpp>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <boost/iostreams/stream.hpp>

#include <vmio/packing_stream.hpp>
#include <vmio/write_core.hpp>

#include "memory_argument.hpp"
#include "progress_bar.hpp"
#include "tool.hpp"

namespace {

/// A new file with mode 0600, which replaces an old one when all is written: it holds whatever the process
/// knows. Until then it has no name, where the file system can do that, so that nothing is left of it whatever ends us.
class new_file {
public:
    explicit new_file(std::filesystem::path path) : path_(std::move(path)) {
        if (std::filesystem::exists(path_)) path_ = std::filesystem::canonical(path_);  // a link is to stay one
        const std::filesystem::path directory = path_.has_parent_path() ? path_.parent_path() : ".";
        int descriptor = ::open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
        if (descriptor < 0) {
            name_ = named(directory);
            descriptor = ::mkostemp(name_.data(), O_CLOEXEC);
        }
        if (descriptor < 0) fail();
        file_.open(sink(descriptor, boost::iostreams::close_handle));
        descriptor_ = descriptor;
    }
    new_file(const new_file&) = delete;
    new_file& operator=(const new_file&) = delete;
    ~new_file() {
        if (!name_.empty()) ::unlink(name_.c_str());
    }

    std::ostream& stream() { return file_; }
    void put_in_place() {
        file_.flush();
        if (name_.empty()) give_name();
        file_.close();
        if (::rename(name_.c_str(), path_.c_str()) != 0) fail();
        name_.clear();
    }

private:
    using sink = boost::iostreams::file_descriptor_sink;
    [[noreturn]] void fail() const {
        throw std::system_error(errno, std::system_category(), "cannot write " + path_.string());
    }
    static std::string named(const std::filesystem::path& directory) { return directory / ".vmdump-XXXXXX"; }

    /// A name that no other has, which mkstemp(3) finds, and which is then free for an instant.
    void give_name() {
        const std::string open_file = "/proc/self/fd/" + std::to_string(descriptor_);
        for (int attempt = 0; attempt < 100; ++attempt) {
            std::string name = named(path_.has_parent_path() ? path_.parent_path() : ".");
            const int found = ::mkstemp(name.data());
            if (found < 0) fail();
            ::close(found);
            ::unlink(name.c_str());
            if (::linkat(AT_FDCWD, open_file.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
                name_ = name;
                return;
            }
            if (errno != EEXIST) fail();
        }
        fail();
    }

    std::filesystem::path path_;
    std::string name_;  // while it has one
    int descriptor_ = -1;
    boost::iostreams::stream<sink> file_;
};

/// What comes out of the compressor. It must throw: told that nothing can be written, the compressor would try for
/// ever.
struct strict_sink {
    using char_type = char;
    using category = boost::iostreams::sink_tag;

    std::streamsize write(const char* bytes, std::streamsize size) {
        errno = 0;
        if (!to->write(bytes, size)) throw std::runtime_error("cannot write all of it" + tool::why_not_written());
        return size;
    }
    std::ostream* to;
};

enum class packed_by { nothing, gzip, zstd };

/// In frames that can be read one by one.
vmio::core_summary write_frames(const vmio::process& target, std::ostream& to, const vmio::core_options& how) {
    vmio::packing_ostream out(to);
    out.exceptions(std::ios::badbit);
    vmio::core_summary summary = vmio::write_core(target, out, how);
    out.finish();
    return summary;
}

/// From the first byte to the last.
vmio::core_summary write_gzip(const vmio::process& target, std::ostream& to, const vmio::core_options& how) {
    boost::iostreams::filtering_ostream out;
    out.push(boost::iostreams::gzip_compressor(boost::iostreams::gzip::best_speed));
    out.push(strict_sink{&to});
    out.exceptions(std::ios::badbit);
    vmio::core_summary summary = vmio::write_core(target, out, how);
    out.reset();  // writes the end
    return summary;
}

vmio::core_summary write_packed(const vmio::process& target, std::ostream& to, packed_by format,
                                const vmio::core_options& how) {
    vmio::core_summary summary =
        format == packed_by::zstd ? write_frames(target, to, how) : write_gzip(target, to, how);
    errno = 0;
    if (!to.flush()) throw std::runtime_error("cannot write all of it" + tool::why_not_written());
    return summary;
}

vmio::core_summary write(const vmio::process& target, const std::string& path, packed_by format,
                         const vmio::core_options& how) {
    const bool packed = format != packed_by::nothing;
    if (path == "-")
        return packed ? write_packed(target, std::cout, format, how) : vmio::write_core(target, std::cout, how);
    if (!packed) return vmio::write_core(target, std::filesystem::path(path), how);
    if (std::filesystem::exists(path) && !std::filesystem::is_regular_file(path)) {
        std::ofstream device(path, std::ios::binary);
        if (!device) throw std::runtime_error("cannot open " + path);
        return write_packed(target, device, format, how);
    }
    new_file file(path);
    vmio::core_summary summary = write_packed(target, file.stream(), format, how);
    file.put_in_place();
    return summary;
}

std::string description_of_pause(const vmio::core_summary& summary) {
    using milliseconds = std::chrono::duration<double, std::milli>;
    std::ostringstream text;
    if (!summary.frozen_copy_refusal.empty()) text << ", no frozen copy (" << summary.frozen_copy_refusal << ")";
    if (summary.pause_time.count() > 0)
        text << ", " << (summary.frozen_copy ? "a frozen copy, " : "") << "paused for " << std::fixed
             << std::setprecision(1) << milliseconds(summary.pause_time).count() << " ms";
    return text.str();
}

}  // namespace

int main(int argc, char** argv) {
    tool::command vmdump{.usage = "[OPTION...] PROCESS [FILE]",
                         .text =
                             "Writes the memory and registers of a process, given by its id or as comm:NAME, into a "
                             "core file for a debugger:\ncore.PID, or FILE, or - for the standard output. The process "
                             "is paused meanwhile and then resumed. Zeros take no\nroom on the disk. A file of this "
                             "name is replaced when "
                             "all is written; without FILE, only a regular one.\n"};
    vmdump.argument("PROCESS", tool::options::value<std::string>()->required());
    vmdump.argument("FILE", tool::options::value<std::string>());
    vmdump.offered.add_options()("pack,p", "pack it by zstd, for reading as it is: core.PID.zst")                    //
        ("gzip,z", "pack it by gzip: core.PID.gz")                                                                   //
        ("frozen,f", "let the process run: write a copy of it, which it makes while it is paused for milliseconds")  //
        ("running,r", "let the process run: no registers, and memory of many moments")                               //
        ("anonymous,a", "leave out what is mapped from files: the debugger finds it there")                          //
        ("dontdump,d", "write also what the program asked to be left out (MADV_DONTDUMP)")                           //
        ("quiet,q", "no progress bar, and no summary");
    return tool::run(std::move(vmdump), argc, argv, [](const tool::options::variables_map& given) {
        if (given.count("frozen") != 0 && given.count("running") != 0)
            throw tool::usage_error("--frozen and --running exclude each other");
        if (given.count("gzip") != 0 && given.count("pack") != 0)
            throw tool::usage_error("--pack and --gzip: choose one");
        const vmio::process target =
            tool::require_process(given["PROCESS"].as<std::string>(), "is not dumped: give a process that runs");
        const pid_t id = target.id();
        const packed_by format = given.count("pack") != 0   ? packed_by::zstd
                                 : given.count("gzip") != 0 ? packed_by::gzip
                                                            : packed_by::nothing;
        constexpr const char* endings[]{"", ".gz", ".zst"};
        const bool quiet = given.count("quiet") != 0;
        const std::string path = given.count("FILE") != 0
                                     ? given["FILE"].as<std::string>()
                                     : "core." + std::to_string(id) + endings[static_cast<int>(format)];
        // The directory may be others', who may have put a link or a FIFO of this name there.
        if (const auto status = std::filesystem::symlink_status(path);
            given.count("FILE") == 0 && std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
            throw std::runtime_error(path + " is there, and is no regular file: name a FILE to write to");
        vmio::core_summary summary;
        {
            tool::progress_bar bar(!quiet);
            vmio::core_options how;
            how.frozen_copy = given.count("frozen") != 0;
            how.pause = given.count("running") == 0;
            how.skip_dontdump = given.count("dontdump") == 0;
            if (given.count("anonymous") != 0)
                how.wanted = [](const vmio::mapping& m) { return !m.file_backed() || m.perms.write; };
            if (bar.shown()) how.progress = [&bar](std::uint64_t done, std::uint64_t total) { bar.draw(done, total); };
            summary = write(target, path, format, how);
        }
        if (!quiet)
            std::cerr << path << ": " << tool::size_text(summary.size) << ", " << summary.threads << " threads, "
                      << summary.gaps.size() << " gaps" << description_of_pause(summary) << '\n';
        return tool::done;
    });
}
