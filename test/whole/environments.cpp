// SPDX-License-Identifier: BSL-1.0
/// The same questions wherever this may run: as root and as anybody, in containers, and under kernels and filters that
/// lack a call. The answers are the same everywhere; where access is refused, each question is answered with that.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <sstream>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/access.hpp>
#include <vmio/build_id.hpp>
#include <vmio/core_memory.hpp>
#include <vmio/error.hpp>
#include <vmio/file_offset.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/page_map.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/process_vm_stream.hpp>
#include <vmio/query_mapping.hpp>
#include <vmio/read_past_gaps.hpp>
#include <vmio/region_reader.hpp>
#include <vmio/search.hpp>
#include <vmio/smaps.hpp>
#include <vmio/write_core.hpp>

#include "faults/seccomp.hpp"
#include "proc/pagemap_scan.hpp"
#include "proc/procmap_query.hpp"
#include "processes/child.hpp"
#include "support/mapped.hpp"
#include "support/mounts.hpp"
#include "support/pages.hpp"
#include "support/sanitized.hpp"
#include "support/scratch.hpp"
#include "support/skip.hpp"

using vmio::address_range;
using vmio::errc;
using vmio::mapping;
using vmio::process;
using vmio::process_memory;

namespace {

const std::size_t page = vmio::page_size();

/// What every child of this program has, with an unmapped page between two kinds.
struct scene {
    test::pages memory{6};
    test::unnamed_file file{3};
    test::mapped of_file{3, MAP_PRIVATE, file.get()};
    test::mapped sparse{300};
    vmio::address code = test::address_of(reinterpret_cast<const void*>(&::getpid));

    scene() {
        memory.make_hole(3);
        of_file.write(1, 'x');
        std::strcpy(sparse.data(200), "to be found");
    }
    std::vector<address_range> ranges() const { return {memory.range(), of_file.range(), sparse.range()}; }
};

/// Runs of equal bytes would look alike, so the place of each counts.
std::size_t digest(vmio::address start, std::span<const std::byte> bytes) {
    return std::hash<std::string_view>()({reinterpret_cast<const char*>(bytes.data()), bytes.size()}) ^ start;
}

void tell(std::ostream& to, const mapping& m) {
    to << m.range << ' ' << m.perms.read << m.perms.write << m.perms.execute << m.perms.shared << ' ' << m.offset << ' '
       << m.device_major << ':' << m.device_minor << ' ' << m.inode << ' ' << m.name
       << (m.deleted ? " deleted\n" : "\n");
}

template <class Gaps>
void tell_gaps(std::ostream& to, const Gaps& gaps) {
    for (const vmio::memory_gap& gap : gaps) to << "gap " << gap.range << ' ' << static_cast<int>(gap.reason) << '\n';
}

// ---- the questions ----

void read_and_write(const scene& s, pid_t id, std::ostream& to) {
    vmio::process_vm_stream stream(id, s.memory.start());
    std::vector<char> bytes(4 * page);
    stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    to << stream.gcount() << ' ' << stream.eof() << '\n';
    stream.clear();
    stream.seekp(static_cast<std::streamoff>(s.memory.page(5)));
    stream.write_value(0x1234567890abcdef);
    stream.seekg(static_cast<std::streamoff>(s.memory.page(4)));
    stream.read(bytes.data(), static_cast<std::streamsize>(2 * page));
    to << digest(0, std::as_bytes(std::span(bytes))) << '\n';
    const process_memory forced(process(id), {.force_write = true});
    forced.write_value(s.memory.page(3), 7);
    to << forced.options().force_write << '\n';
    std::vector<std::byte> all(s.memory.size());
    tell_gaps(to, vmio::read_past_gaps(process_memory(process(id)), s.memory.start(), all));
    to << digest(0, all) << '\n';
    if (!stream) throw vmio::memory_error("stream", id, 0, stream.last_error());
}

void list_mappings(const scene& s, pid_t id, std::ostream& to) {
    const process target(id);
    const vmio::memory_map map = vmio::memory_map::load(target);
    std::vector<vmio::address> places{s.memory.start(), s.memory.page(3), s.of_file.start(), s.sparse.start(), s.code};
    for (const vmio::address place : places) {
        const mapping* const listed = map.find(place);
        const auto asked = query_mapping(target, place);
        BOOST_REQUIRE((listed != nullptr && asked && *listed == *asked));
        tell(to, *listed);
        to << digest(0, build_id(target, *asked)) << '\n';
    }
    std::sort(places.begin(), places.end());
    for (const vmio::file_location& at : file_offset(target, places).locations)
        to << at.where << ' ' << at.file.has_value() << ' ' << at.offset << '\n';
}

void look_at_pages(const scene& s, pid_t id, std::ostream& to) {
    const process target(id);
    for (const address_range& range : s.ranges()) {
        for (const vmio::page_run& run : scan_pages(target, range, vmio::page_state::data | vmio::page_state::changed))
            to << run.range << ' ' << static_cast<int>(run.state) << '\n';
        for (const vmio::smaps_entry& entry : read_smaps(target, range))
            to << entry.range << ' ' << entry.anonymous << '\n';
    }
}

void walk(const scene& s, pid_t id, std::ostream& to) {
    for (const address_range& range : s.ranges()) {
        vmio::region_options options;
        options.within = range;
        options.chunk_size = 2 * page;
        for (vmio::region_reader& chunk : vmio::region_reader(process(id), options)) {
            to << digest(chunk.range().start(), chunk.fetch()) << '\n';
            tell_gaps(to, chunk.memory_gaps());
            for (const address_range& zeros : chunk.untouched()) to << "untouched " << zeros << '\n';
        }
    }
}

void find(const scene& s, pid_t id, std::ostream& to) {
    const process_memory memory{process(id)};
    for (const unsigned threads : {1u, 2u}) {
        vmio::search_options options;
        options.regions.within = s.sparse.range();
        options.threads = threads;
        for (const vmio::address at : search(memory, vmio::byte_pattern::text("to be found"), options))
            to << at << '\n';
    }
}

void capture(const scene& s, pid_t id, std::ostream& to) {
    for (const bool pause : {false, true}) {
        vmio::capture_options options;
        options.ranges = s.ranges();
        options.pause = pause;
        const auto kept = vmio::process_snapshot::capture(process(id), options);
        for (const address_range& range : kept.ranges()) {
            std::vector<std::byte> bytes(range.size());
            kept.read(range.start(), bytes);
            to << range << ' ' << digest(0, bytes) << '\n';
        }
        tell_gaps(to, kept.gaps());
        for (const address_range& range : kept.stored()) to << "stored " << range << '\n';
        to << kept.program() << ' ' << kept.threads().size() << ' ' << kept.auxiliary_vector().size() << ' '
           << (kept.map().end() - 1)->name << '\n';
        for (const mapping& m : kept.map())
            if (m.perms.execute) to << digest(0, kept.build_id(m)) << '\n';
    }
}

[[maybe_unused]] void dump(const scene& s, pid_t id, std::ostream& to) {
    const test::scratch_directory directory;
    const std::string path = directory / "core";
    vmio::core_options options;
    options.wanted = [&](const mapping& m) {
        return std::ranges::any_of(s.ranges(), [&](const address_range& r) { return r.overlaps(m.range); });
    };
    write_core(process(id), path, options);
    const vmio::core_memory core = vmio::core_memory::open(path);
    for (const address_range& range : s.ranges()) {
        std::vector<std::byte> bytes(range.size());
        std::error_code ec;
        to << core.read_some(range.start(), bytes, ec) << ' ' << digest(0, bytes) << '\n';
    }
    to << core.threads().size() << ' ' << core.program() << '\n';
}

// Pages are looked at before something has been read.
const std::vector<std::function<void(const scene&, pid_t, std::ostream&)>> questions{
    look_at_pages, read_and_write, list_mappings, walk, find, capture,
#ifndef VMIO_TEST_SANITIZED  // it looks for guard pages in all that is mapped
    dump,
#endif
};

/// All answers about a new child of this process.
std::string answers(const scene& s) {
    const test::child_process child;
    std::ostringstream to;
    for (const auto& ask : questions) {
        to << "--\n";
        ask(s, child.id(), to);
    }
    return to.str();
}

// ---- the environments ----

/// What `body` says in a process of its own.
std::string said_by(const std::function<std::string()>& body) {
    const int file = ::memfd_create("said", MFD_CLOEXEC);  // shared, so the text may be of any length
    test::must(file >= 0, "memfd_create");
    BOOST_TEST(test::in_a_process([&] {
                   const std::string text = body();
                   return ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1;
               }) == 0);
    std::string text(static_cast<std::size_t>(::lseek(file, 0, SEEK_END)), '\0');
    test::must(::pread(file, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()), "pread");
    ::close(file);
    return text;
}

void become_nobody() {
    test::must(::setgid(65534) == 0 && ::setuid(65534) == 0, "setuid");
    ::prctl(PR_SET_DUMPABLE, 1);  // which a change of the user takes away
}

struct fixture : scene {
    const std::string expected = said_by([this] { return answers(*this); });
    bool here(const std::function<void()>& go_there) const {
        const std::string found = said_by([&] {
            go_there();
            return answers(*this);
        });
        if (found != expected) BOOST_TEST_MESSAGE("expected:\n" << expected << "found:\n" << found);
        return found.size() > 1000 && found == expected;
    }
};

const std::vector<std::function<void()>> obstacles{
    [] { test::forbid_process_vm(ENOSYS); },
    [] { test::forbid_process_vm(EPERM); },
    [] { test::forbid_ioctl(vmio::detail::procmap::request, ENOTTY); },
    [] { test::forbid_ioctl(vmio::detail::procmap::request, EPERM); },
    [] { test::forbid_ioctl(vmio::detail::pagemap::request, ENOTTY); },
    [] { test::forbid_ioctl(vmio::detail::pagemap::request, EPERM); },
    [] { test::forbid({SYS_pidfd_open}, ENOSYS); },
};

void face_all_obstacles() {
    for (const auto& obstacle : obstacles) obstacle();
}

/// What each question ends with.
std::string refusals(const scene& s, pid_t id) {
    std::string letters;
    for (const auto& ask : questions) {
        std::ostringstream to;
        try {
            ask(s, id, to);
            letters += '-';
        } catch (const vmio::memory_error& e) {
            const auto says = [&](const char* part) { return std::strstr(e.what(), part) != nullptr; };
            const bool helps = says("CAP_SYS_PTRACE") || says("hidepid");
            letters += e.code() != errc::permission_denied ? '?' : helps ? 'p' : says("mount -t proc") ? 'm' : 'P';
        }
    }
    return letters;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(everywhere, fixture)

BOOST_AUTO_TEST_CASE(an_answer_is_the_same_twice) {
    BOOST_TEST(here([] {}));
}

BOOST_AUTO_TEST_CASE(all_operations_work_for_an_ordinary_user, *boost::unit_test::precondition(test::as_root)) {
    BOOST_TEST(here(become_nobody));
}

BOOST_AUTO_TEST_CASE(a_kernel_or_filter_may_lack_one_call_or_all_of_them) {
    for (const auto& obstacle : obstacles) BOOST_TEST(here(obstacle));
    BOOST_TEST(here(face_all_obstacles));
}

BOOST_AUTO_TEST_CASE(an_ordinary_user_gets_all_of_that_too, *boost::unit_test::precondition(test::as_root)) {
    BOOST_TEST(here([] {
        become_nobody();
        face_all_obstacles();
    }));
}

BOOST_AUTO_TEST_CASE(transfers_work_in_a_process_namespace, *boost::unit_test::precondition(test::can_mount)) {
    const std::string found = said_by([&] {
        test::must(::unshare(CLONE_NEWPID) == 0, "unshare");
        return said_by([&] {  // whose process is the first there
            test::mount_proc("");
            test::must(::getpid() == 1, "a namespace of its own");
            return answers(*this);
        });
    });
    BOOST_TEST(found == expected);
}

BOOST_AUTO_TEST_CASE(a_proc_that_hides_the_processes_of_others_is_recognised,
                     *boost::unit_test::precondition(test::can_mount)) {
    BOOST_TEST(here([] {
        test::mount_proc("hidepid=2");
        become_nobody();
    }));
    const test::child_process others;
    const std::string found = said_by([&] {
        test::mount_proc("hidepid=2");
        become_nobody();
        return refusals(*this, others.id());
    });
    BOOST_TEST(found == std::string(questions.size(), 'p'));
}

BOOST_AUTO_TEST_CASE(another_users_process_is_refused_with_advice, *boost::unit_test::precondition(test::as_root)) {
    const test::child_process others;
    const std::string found = said_by([&] {
        become_nobody();
        return refusals(*this, others.id());
    });
    BOOST_TEST(found == std::string(questions.size(), 'p'));
    BOOST_TEST(test::is_pattern(memory.start(), test::peek(others.id(), memory.start(), 3 * page)));
}

BOOST_AUTO_TEST_CASE(transfers_work_without_a_proc, *boost::unit_test::precondition(test::can_mount)) {
    const std::string found = said_by([&] {
        test::must(test::have_own_mounts() && ::umount2("/proc", MNT_DETACH) == 0, "umount");
        test::child_process child;
        const std::string said = refusals(*this, child.id());
        child.end();
        test::must(vmio::diagnose_access(child.id()).obstacle == vmio::access_obstacle::gone, "a process that is gone");
        return said;
    });
    BOOST_TEST(found == std::string(questions.size(), 'm'));
}

// Where the numbers in /proc are those of other processes.
BOOST_AUTO_TEST_CASE(a_proc_of_another_process_namespace_is_recognised,
                     *boost::unit_test::precondition(test::can_mount)) {
    for (const bool has_pidfds : {true, false}) {
        const std::string found = said_by([&] {
            test::must(::unshare(CLONE_NEWPID) == 0, "unshare");
            return said_by([&] {
                test::must(::getpid() == 1, "a namespace of its own");
                if (!has_pidfds) test::forbid({SYS_pidfd_open}, ENOSYS);
                const test::child_process child;
                std::byte bytes[16];
                std::error_code ec;
                const process_memory all_the_same(process(child.id(), ec), ec);
                if (has_pidfds) test::must(all_the_same.read_some(memory.start(), bytes, ec) == 16, "read");
                test::must(!has_pidfds || test::is_pattern(memory.start(), bytes), "its bytes");
                test::must(process(1, ec).proc_directory() < 0, "another's directory");
                return refusals(*this, child.id());
            });
        });
        BOOST_TEST(found == std::string(questions.size(), 'm'));
    }
}

BOOST_AUTO_TEST_SUITE_END()
