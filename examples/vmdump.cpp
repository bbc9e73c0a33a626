// SPDX-License-Identifier: BSL-1.0
/// Writes a core file of a running process.
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_stream.hpp>

#include <vmio/atomic_ofstream.hpp>
#include <vmio/file_error.hpp>
#include <vmio/packing_stream.hpp>
#include <vmio/write_core.hpp>

#include "interruption.hpp"
#include "memory_argument.hpp"
#include "progress_bar.hpp"
#include "tool.hpp"

namespace {

/// What comes out of the compressor. It must throw: told that nothing can be written, the compressor would try for
/// ever.
struct strict_sink {
    using char_type = char;
    using category = boost::iostreams::sink_tag;

    std::streamsize write(const char* bytes, std::streamsize size) {
        if (!to->write(bytes, size)) throw std::runtime_error("cannot write all of it");
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
    if (!to.flush()) throw std::runtime_error("cannot write all of it");
    return summary;
}

/// A device or a pipe. It takes the place of the standard output, whose errors have words.
void open_as_output(const std::string& path) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0 || ::dup2(fd, STDOUT_FILENO) < 0)
        throw std::system_error(errno, std::system_category(), "cannot open " + path);
    ::close(fd);
}

/// A regular file is complete or not there, whatever ends this program.
vmio::core_summary write_file(const vmio::process& target, const std::string& path, packed_by format,
                              vmio::core_options how) {
    tool::interruption::note_signals();
    how.progress = [shown = std::move(how.progress)](std::uint64_t done, std::uint64_t total) {
        tool::interruption::check();
        if (shown) shown(done, total);
    };
    if (format == packed_by::nothing) return vmio::write_core(target, std::filesystem::path(path), how);
    vmio::atomic_ofstream file(path, how.existing);
    file.exceptions(std::ios::badbit);
    vmio::core_summary summary = write_packed(target, file, format, how);
    tool::interruption::check();
    file.commit();
    return summary;
}

vmio::core_summary write(const vmio::process& target, const std::string& path, bool own_name, packed_by format,
                         const vmio::core_options& how) {
    std::error_code ec;
    const bool special = !own_name && std::filesystem::exists(path, ec) && !std::filesystem::is_regular_file(path, ec);
    if (path != "-" && !special) return write_file(target, path, format, how);
    if (special) open_as_output(path);
    return format != packed_by::nothing ? write_packed(target, std::cout, format, how)
                                        : vmio::write_core(target, std::cout, how);
}

/// Whether it is a file that mktemp(1) has made, say: to replace it loses nothing.
bool is_empty_file(const std::filesystem::path& path) {
    std::error_code ec;
    return std::filesystem::is_regular_file(path, ec) && std::filesystem::file_size(path, ec) == 0 && !ec;
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
    tool::command vmdump{
        .usage = "[OPTION...] PROCESS [FILE]",
        .text =
            "Writes the memory and registers of a process, given by its id or as comm:NAME, into a "
            "core file for a debugger:\ncore.PID, or FILE, or - for the standard output. The process "
            "is paused meanwhile and then resumed. Zeros take no\nroom on the disk. A file that exists is replaced "
            "only with "
            "--force, when the new one is complete; core.PID\nis never written through a symbolic link "
            "or into a pipe. Only its owner may read the file. An interrupted dump\nleaves no "
            "file.\n"};
    vmdump.argument("PROCESS", tool::options::value<std::string>()->required());
    vmdump.argument("FILE", tool::options::value<std::string>());
    vmdump.offered.add_options()("pack,p", "pack it by zstd, for reading as it is: core.PID.zst")                    //
        ("gzip,z", "pack it by gzip: core.PID.gz")                                                                   //
        ("frozen,f", "let the process run: write a copy of it, which it makes while it is paused for milliseconds")  //
        ("running,r", "let the process run: no registers, and memory of many moments")                               //
        ("anonymous,a", "leave out what is mapped from files: the debugger finds it there")                          //
        ("dontdump,d", "write also what the program asked to be left out (MADV_DONTDUMP)")                           //
        ("force", "replace a file that exists and is not empty")                                                     //
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
        const bool own_name = given.count("FILE") == 0;
        const std::string path = own_name ? "core." + std::to_string(id) + endings[static_cast<int>(format)]
                                          : given["FILE"].as<std::string>();
        const bool force = given.count("force") != 0 || (!own_name && is_empty_file(path));
        vmio::core_summary summary;
        try {
            tool::progress_bar bar(!quiet);
            vmio::core_options how;
            how.frozen_copy = given.count("frozen") != 0;
            how.pause = given.count("running") == 0;
            how.existing = !force     ? vmio::existing_file::refuse
                           : own_name ? vmio::existing_file::replace_no_follow
                                      : vmio::existing_file::replace;
            how.skip_dontdump = given.count("dontdump") == 0;
            if (given.count("anonymous") != 0)
                how.wanted = [](const vmio::mapping& m) { return !m.file_backed() || m.perms.write; };
            if (bar.shown()) how.progress = [&bar](std::uint64_t done, std::uint64_t total) { bar.draw(done, total); };
            summary = write(target, path, own_name, format, how);
        } catch (const tool::interrupted&) {
            tool::interruption::end();
        } catch (const vmio::file_error& e) {
            if (e.code() != std::errc::file_exists) throw;
            throw std::runtime_error(path + " exists: --force replaces it");
        }
        if (!quiet)
            std::cerr << path << ": " << tool::size_text(summary.size) << ", " << summary.threads << " threads, "
                      << summary.gaps.size() << " gaps" << description_of_pause(summary) << '\n';
        return tool::done;
    });
}
