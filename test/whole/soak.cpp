// SPDX-License-Identifier: BSL-1.0
/// Threads of ours capture, compare, search, pause, dump and restore targets that map, fork, share their memory, call
/// exec and die. VMIO_SOAK sets the seconds. Every byte that comes out is a function of its address and of the program,
/// and what is of one moment, or of one program, is of one program.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/core_memory.hpp>
#include <vmio/error.hpp>
#include <vmio/pause_guard.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/region_reader.hpp>
#include <vmio/search.hpp>
#include <vmio/snapshot_diff.hpp>
#include <vmio/write_core.hpp>

#include "processes/child.hpp"
#include "processes/soak.hpp"
#include "support/scratch.hpp"

namespace {

namespace soak = test::soak;
using vmio::address;
using vmio::address_range;
using vmio::process;
using vmio::process_memory;
using vmio::process_snapshot;

const std::size_t page = vmio::page_size();
const address_range arena = address_range::of_size(soak::start, soak::page_count* page);

/// A process that runs soak_target; another one once it has ended. All calls but id() and lock come from one thread.
class target {
public:
    pid_t id() const { return id_; }

    void keep_running(unsigned long number) {
        if (id_ != 0) {
            siginfo_t info{};
            // Of this thread's children only: a thread that pauses one waits for it, too.
            test::must(::waitid(P_PID, static_cast<id_t>(id_.load()), &info, WEXITED | WNOHANG | __WNOTHREAD) == 0,
                       "waitid");
            if (info.si_pid == 0) return;
        }
        const pid_t parent = ::getpid();
        const std::string program = std::to_string(number);
        const pid_t made = ::fork();
        test::must(made >= 0, "fork");
        if (made == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (::getppid() != parent) ::_exit(1);
            ::execl(VMIO_SOAK_TARGET, "soak_target", program.c_str(), nullptr);
            ::_exit(127);
        }
        id_ = made;
    }

    std::shared_mutex lock;  // held alone while its bytes are others than those of its programs
    std::mutex tracer;       // a process can have one

private:
    std::atomic<pid_t> id_{0};
};

struct findings {
    std::mutex lock;
    std::map<std::string, long> wrong;    // never
    std::map<std::string, long> done;     // how often
    std::map<std::string, long> refused;  // because the target called exec or ended

    void add(std::map<std::string, long>& to, const std::string& what) {
        const std::scoped_lock locked(lock);
        ++to[what];
    }
};

/// Which programs the pages of a range are of; wrong bytes are reported.
struct judge {
    findings& all;
    std::string what;
    std::set<std::uint64_t> programs{};
    std::size_t pages = 0;

    void look(address at, std::span<const std::byte> bytes) {
        for (std::size_t i = 0; i + page <= bytes.size(); i += page) {
            const std::uint64_t program = soak::program_of(at + i, bytes.subspan(i, page));
            if (program == 0) all.add(all.wrong, what + ": bytes that no program has");
            programs.insert(program);
            ++pages;
        }
    }
    void of_one_program() const {
        if (programs.size() > 1) all.add(all.wrong, what + ": pages of several programs");
    }
};

void look_at(judge& j, const process_snapshot& captured) {
    for (const address_range& range : captured.ranges()) {
        std::vector<std::byte> bytes(range.size());
        captured.read(range.start(), bytes);
        j.look(range.start(), bytes);
    }
    j.of_one_program();
}

process_snapshot capture(target& t, bool pause, bool frozen = false) {
    vmio::capture_options options;
    options.ranges = {arena};
    options.pause = pause;
    options.frozen_copy = frozen;
    const auto lock = pause ? std::unique_lock(t.tracer) : std::unique_lock<std::mutex>();
    return process_snapshot::capture(process(t.id()), options);
}

class worker {
public:
    worker(findings& all, std::vector<target>& targets, unsigned seed)
        : all_(all), targets_(targets), random_(seed), job_(seed) {}

    void work_once() {
        target& t = targets_[random_() % targets_.size()];
        static constexpr void (worker::*jobs[])(target&){
            &worker::transfer, &worker::walk,    &worker::find, &worker::take, &worker::freeze,
            &worker::copy,     &worker::compare, &worker::hold, &worker::dump, &worker::restore};
        static constexpr const char* names[]{"transfer",    "walk", "search", "capture", "paused capture",
                                             "frozen copy", "diff", "pause",  "core",    "write back"};
        const std::size_t job = job_++ % std::size(jobs);
        name_ = names[job];
        try {
            (this->*jobs[job])(t);
            all_.add(all_.done, name_);
        } catch (const std::system_error& e) {
            const int code = e.code().value();
            const bool expected = code == ESRCH || code == ESTALE || code == EFAULT || code == EIO ||
                                  code == ETIMEDOUT || code == EBUSY || code == ECHILD;
            all_.add(expected ? all_.refused : all_.wrong, name_ + ": " + e.what());
        } catch (const std::exception& e) {
            all_.add(all_.wrong, name_ + ": " + e.what());
        }
    }

private:
    using shared = std::shared_lock<std::shared_mutex>;

    void transfer(target& t) {
        const shared lock(t.lock);
        const bool by_file = random_() % 2 == 0;
        const process_memory memory(
            process(t.id()), {.method = by_file ? vmio::transfer_method::proc_mem : vmio::transfer_method::process_vm});
        std::vector<std::byte> bytes(8 * page);
        judge j{all_, name_};
        for (int i = 0; i < 50; ++i) {
            const address at = arena.start() + random_() % (soak::page_count - 8) * page;
            std::error_code ec;
            const std::size_t moved = memory.read_some(at, bytes, ec);
            j.look(at, std::span(bytes).first(moved));
        }
        if (by_file) j.of_one_program();  // the file is of one memory
    }

    void walk(target& t) {
        const shared lock(t.lock);
        vmio::region_options options;
        options.within = arena;
        options.chunk_size = 4 * page;
        vmio::region_reader reader(process(t.id()), options);
        judge j{all_, name_};
        while (reader.next()) {
            const auto bytes = reader.fetch();
            address at = reader.range().start();
            const auto look = [&](address end) { j.look(at, bytes.subspan(at - reader.range().start(), end - at)); };
            for (const address_range& gap : reader.gaps()) {
                look(gap.start());
                at = gap.end();
            }
            look(reader.range().end());
        }
        j.of_one_program();
    }

    void find(target& t) {
        const shared lock(t.lock);
        vmio::search_options options;
        options.regions.within = arena;
        options.threads = 1 + random_() % 2;
        const process_memory memory(process(t.id()));
        for (const address at : search(memory, vmio::byte_pattern::value(soak::magic), options))
            if (at % page != sizeof(std::uint64_t)) all_.add(all_.wrong, name_ + ": found where it is not");
    }

    void take(target& t) {
        const shared lock(t.lock);
        judge j{all_, name_};
        look_at(j, capture(t, false));
    }

    void freeze(target& t) {
        const shared lock(t.lock);
        judge j{all_, name_};
        look_at(j, capture(t, true));
    }

    void copy(target& t) {
        const shared lock(t.lock);
        judge j{all_, name_};
        const process_snapshot frozen = capture(t, true, true);
        look_at(j, frozen);
        if (!frozen.frozen_copy()) all_.add(all_.refused, name_ + ": " + frozen.frozen_copy_refusal());
    }

    void compare(target& t) {
        const shared lock(t.lock);
        judge before{all_, name_};
        judge after{all_, name_};
        const process_snapshot one = capture(t, random_() % 2 == 0);
        const process_snapshot other = capture(t, random_() % 2 == 0);
        look_at(before, one);
        look_at(after, other);
        if (before.programs == after.programs && !diff(one, other).empty())
            all_.add(all_.wrong, name_ + ": a change of what has not changed");
    }

    void hold(target& t) {
        const shared lock(t.lock);
        const std::scoped_lock alone(t.tracer);
        const process handle(t.id());
        const vmio::pause_guard pause(handle);
        if (pause.registers().size() > pause.threads().size()) all_.add(all_.wrong, name_ + ": registers of no thread");
        if (!handle.same_program()) return;
        const process_memory memory(handle);
        judge j{all_, name_};
        std::vector<std::byte> bytes(page);
        for (address at = arena.start(); at < arena.end(); at += page) {
            std::error_code ec;
            j.look(at, std::span(bytes).first(memory.read_some(at, bytes, ec)));
        }
        j.of_one_program();
    }

    void dump(target& t) {
        const shared lock(t.lock);
        const std::string path = place_ / "core";
        vmio::core_options options;
        options.pause = random_() % 2 == 0;
        options.frozen_copy = options.pause && random_() % 2 == 0;
        {
            const auto alone = options.pause ? std::unique_lock(t.tracer) : std::unique_lock<std::mutex>();
            write_core(process(t.id()), path, options);
        }
        const auto core = vmio::core_memory::open(path);
        judge j{all_, name_};
        for (const address_range& range : core.ranges()) {
            std::vector<std::byte> bytes(page);
            for (address at = range.start(); at < range.end() && arena.contains(at); at += page) {
                std::error_code ec;
                if (core.read_some(at, bytes, ec) != page) continue;
                // A core file has zeros for what cannot be read.
                if (std::ranges::any_of(bytes, [](std::byte b) { return b != std::byte{0}; })) j.look(at, bytes);
            }
        }
        j.of_one_program();
    }

    /// Spoils bytes of a paused target and puts them back.
    void restore(target& t) {
        const std::unique_lock lock(t.lock);
        const std::scoped_lock alone(t.tracer);
        const process handle(t.id());
        const vmio::pause_guard pause(handle);
        if (!handle.same_program()) return;
        const process_memory memory(handle, {.method = vmio::transfer_method::proc_mem, .force_write = true});
        vmio::capture_options options;
        options.ranges = {arena};
        const process_snapshot before = process_snapshot::capture(memory, options);
        if (before.ranges().empty()) return;
        const std::vector<std::byte> junk(64, std::byte{0xee});
        for (int i = 0; i < 4; ++i) {
            const address_range& range = before.ranges()[random_() % before.ranges().size()];
            std::error_code ec;
            memory.write_some(range.start() + random_() % (range.size() / page) * page, junk, ec);
        }
        before.write_back(memory);
        judge j{all_, name_};
        look_at(j, process_snapshot::capture(memory, options));
    }

    findings& all_;
    std::vector<target>& targets_;
    std::minstd_rand random_;
    std::size_t job_;
    std::string name_{};
    test::scratch_directory place_{};
};

/// All processes that descend from this one, deepest first.
std::vector<pid_t> descendants(pid_t of) {
    std::vector<pid_t> found;
    std::error_code ec;
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(of) + "/task", ec)) {
        std::ifstream children(task.path() / "children");
        for (pid_t child; children >> child;) {
            const auto below = descendants(child);
            found.insert(found.end(), below.begin(), below.end());
            found.push_back(child);
        }
    }
    return found;
}

/// A process that is stopped or traced.
bool is_held(pid_t id) {
    std::ifstream status("/proc/" + std::to_string(id) + "/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("State:\tT") || line.starts_with("State:\tt")) return true;
        if (line.starts_with("TracerPid:") && line != "TracerPid:\t0") return true;
    }
    return false;
}

std::size_t entries(const char* directory) {
    std::size_t n = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) n += entry.path().empty() ? 0 : 1;
    return n;
}

/// What this process has of descriptors, threads and mappings that are no allocator's.
struct holdings {
    std::size_t descriptors = entries("/proc/self/fd");
    std::size_t threads = entries("/proc/self/task");
    std::size_t mappings = 0;

    holdings() {
        std::ifstream maps("/proc/self/maps");
        for (std::string line; std::getline(maps, line);) mappings += line.find('/') != std::string::npos ? 1 : 0;
    }
    friend bool operator==(const holdings&, const holdings&) = default;
    friend std::ostream& operator<<(std::ostream& to, const holdings& h) {
        return to << h.descriptors << " descriptors, " << h.threads << " threads, " << h.mappings
                  << " mappings of files";
    }
};

void run_for(std::chrono::milliseconds time, findings& all) {
    std::vector<target> targets(3);
    unsigned long number = 1;
    const auto keep_running = [&] {
        for (target& t : targets) t.keep_running(number += 1000);
    };
    keep_running();
    std::atomic<bool> enough{false};
    std::vector<std::thread> workers;
    for (unsigned seed = 1; seed <= 4; ++seed)
        workers.emplace_back([&, seed] {
            for (worker w(all, targets, seed); !enough;) w.work_once();
        });
    for (const auto end = std::chrono::steady_clock::now() + time; std::chrono::steady_clock::now() < end;) {
        keep_running();
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    enough = true;
    for (std::thread& one : workers) one.join();

    for (const pid_t id : descendants(::getpid()))
        if (is_held(id)) all.add(all.wrong, "a process is left stopped or traced");
    for (const target& t : targets) ::kill(t.id(), SIGKILL);
    while (::waitpid(-1, nullptr, __WALL) > 0) {
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_soak_finds_no_wrong_byte_and_leaves_nothing_behind) {
    const char* const wanted = std::getenv("VMIO_SOAK");
    const auto time = std::chrono::seconds(wanted != nullptr ? std::atol(wanted) : 3);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    findings all;
    run_for(std::chrono::milliseconds(500), all);  // what is made once is made now
    const holdings before;
    run_for(time, all);
    BOOST_TEST(holdings() == before);
    for (const auto& [what, count] : all.wrong) BOOST_ERROR(what << ", " << count << " times");
    for (const auto& [what, count] : all.done) BOOST_TEST_MESSAGE(what << ": " << count);
    for (const auto& [what, count] : all.refused) BOOST_TEST_MESSAGE(what << " (refused): " << count);
    BOOST_TEST(!all.done.empty());
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}
