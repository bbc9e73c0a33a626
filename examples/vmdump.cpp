// SPDX-License-Identifier: BSL-1.0
/// Writes a core file of a process that goes on.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>

#include <sys/stat.h>

#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_stream.hpp>

#include <vmio/write_core.hpp>

#include "tool.hpp"

namespace {

/// "  45 % of 1.2 GiB [###########.............]", again and again on one line.
class progress_bar {
public:
    void show(std::uint64_t done, std::uint64_t total) {
        const int now =
            total == 0 ? 100 : static_cast<int>(static_cast<double>(done) * 100 / static_cast<double>(total));
        if (!::isatty(STDERR_FILENO) || now == percent_) return;
        percent_ = now;
        std::string bar(50, '.');
        bar.replace(0, static_cast<std::size_t>(now / 2), static_cast<std::size_t>(now / 2), '#');
        std::cerr << "\r"
                  << (now < 10    ? "  "
                      : now < 100 ? " "
                                  : "")
                  << now << " % of " << tool::size_text(total) << " [" << bar << ']' << std::flush;
    }
    /// The line is for something else.
    ~progress_bar() {
        if (percent_ >= 0) std::cerr << "\r\33[K" << std::flush;
    }

private:
    int percent_ = -1;
};

/// What comes out of the compressor. It must throw: told that nothing can be written, the compressor would try for
/// ever.
struct strict_sink {
    using char_type = char;
    using category = boost::iostreams::sink_tag;

    std::streamsize write(const char* bytes, std::streamsize size) {
        if (!to->write(bytes, size)) throw std::runtime_error("cannot write all of it: a full disk?");
        return size;
    }
    std::ostream* to;
};

/// Packed on the way, from the first byte to the last.
vmio::core_summary write_packed(const vmio::process& who, std::ostream& to, const vmio::core_options& how) {
    boost::iostreams::filtering_ostream out;
    out.push(boost::iostreams::gzip_compressor(boost::iostreams::gzip::best_speed));
    out.push(strict_sink{&to});
    out.exceptions(std::ios::badbit);
    vmio::core_summary summary = vmio::write_core(who, out, how);
    out.reset();  // writes the end
    if (!to.flush()) throw std::runtime_error("cannot write all of it: a full disk?");
    return summary;
}

vmio::core_summary write(const vmio::process& who, const std::string& path, bool packed,
                         const vmio::core_options& how) {
    if (path == "-") return packed ? write_packed(who, std::cout, how) : vmio::write_core(who, std::cout, how);
    if (!packed) return vmio::write_core(who, std::filesystem::path(path), how);
    ::umask(077);  // it holds whatever the process knows
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    if (!file) throw std::runtime_error("cannot open " + path);
    return write_packed(who, file, how);
}

}  // namespace

int main(int argc, char** argv) {
    tool::command vmdump{.usage = "[OPTION...] PID [FILE]",
                         .text =
                             "Writes the memory and registers of process PID into a core file for a debugger: "
                             "core.PID, or FILE, or - for\nthe standard output. The process stands still "
                             "meanwhile and goes on then. Zeros take no room on the disk.\n"};
    vmdump.argument("PID", tool::options::value<pid_t>()->required());
    vmdump.argument("FILE", tool::options::value<std::string>());
    vmdump.offered.add_options()("gzip,z", "pack it: core.PID.gz")                           //
        ("running,r", "let the process run: no registers, and memory of many moments")       //
        ("anonymous,a", "leave out what is mapped from files: the debugger finds it there")  //
        ("dontdump,d", "write also what the program asked to be left out (MADV_DONTDUMP)")   //
        ("quiet,q", "no progress bar, and no summary");
    return tool::run(std::move(vmdump), argc, argv, [](const tool::options::variables_map& given) {
        const pid_t id = tool::process_id(given);
        const bool packed = given.count("gzip") != 0;
        const bool quiet = given.count("quiet") != 0;
        const std::string path = given.count("FILE") != 0 ? given["FILE"].as<std::string>()
                                                          : "core." + std::to_string(id) + (packed ? ".gz" : "");
        vmio::core_summary summary;
        {
            progress_bar bar;
            vmio::core_options how;
            how.pause = given.count("running") == 0;
            how.skip_dontdump = given.count("dontdump") == 0;
            if (given.count("anonymous") != 0)
                how.wanted = [](const vmio::mapping& m) { return !m.file_backed() || m.perms.write; };
            if (!quiet) how.progress = [&bar](std::uint64_t done, std::uint64_t total) { bar.show(done, total); };
            summary = write(vmio::process(id), path, packed, how);
        }
        if (!quiet)
            std::cerr << path << ": " << tool::size_text(summary.size) << ", " << summary.threads << " threads, "
                      << summary.gaps.size() << " gaps\n";
        return tool::done;
    });
}
