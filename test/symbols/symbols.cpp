// SPDX-License-Identifier: BSL-1.0
#include <vmio/symbols.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <vmio/child_process.hpp>
#include <vmio/memory_map.hpp>
#include <vmio/process_memory.hpp>
#include <vmio/process_snapshot.hpp>
#include <vmio/write_core.hpp>

#include "processes/run_program.hpp"
#include "support/directory.hpp"
#include "support/error_of.hpp"

using vmio::child_process;
using vmio::symbols;

namespace {

/// A target, and where it says that its symbols are.
struct target {
    explicit target(std::string file) : program(std::move(file)), child(std::vector<std::string>{program}) {
        std::istringstream line(child.read_line().value());
        line >> std::hex >> function >> counter >> zero >> local;
    }
    std::string program;
    child_process child;
    vmio::address function = 0;
    vmio::address counter = 0;
    vmio::address zero = 0;
    vmio::address local = 0;
};

void check_target(const symbols& names, const target& t) {
    BOOST_TEST(names.find("symbols_function").value().start == t.function);
    BOOST_TEST((names.find("symbols_function")->kind == vmio::symbol_kind::function));
    BOOST_TEST(names.find("symbols_counter").value().start == t.counter);
    BOOST_TEST((names.find("symbols_counter")->kind == vmio::symbol_kind::object));
    BOOST_TEST(names.find("symbols_counter")->size == sizeof(int));
    BOOST_TEST(names.find("symbols_zero").value().start == t.zero);
    BOOST_TEST(names.at(t.zero + 50).value().name == "symbols_zero");
    BOOST_TEST(names.at(t.function).value().name == "symbols_function");
    BOOST_TEST(names.at(t.function + 3).value().name == "symbols_function");
    BOOST_TEST(names.find("symbols_function")->file == t.program);
    BOOST_TEST(!names.find("no_such_symbol"));
    BOOST_TEST(!names.find("symbols_of_a_thread"));
    BOOST_TEST(!names.at(0x10));
}

/// The dynamic symbols that readelf(1) lists: name and value, but for undefined ones, absolute ones and those of
/// threads.
std::multimap<std::string, std::uint64_t> listed_by_readelf(const std::string& file) {
    std::multimap<std::string, std::uint64_t> all;
    std::istringstream lines(test::run_program({"readelf", "--dyn-syms", "-W", file}).out);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string number, value, size, type, bind, visibility, section, name;
        words >> number >> value >> size >> type >> bind >> visibility >> section >> name;
        const std::string left_out = "UND ABS";
        if (name.empty() || number == "Num:" || type == "TLS" || left_out.find(section) != std::string::npos) continue;
        all.emplace(name.substr(0, name.find('@')), std::strtoull(value.c_str(), nullptr, 16));
    }
    return all;
}

/// Where the file of a mapping was loaded, by readelf(1): the address of an executable segment.
std::uint64_t bias_of(const vmio::memory_map& map, const std::string& file) {
    std::istringstream lines(test::run_program({"readelf", "-lW", file}).out);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string type, flags;
        std::uint64_t offset = 0, address = 0, physical = 0, size = 0, in_memory = 0;
        words >> type >> std::hex >> offset >> address >> physical >> size >> in_memory;
        std::getline(words, flags);
        if (type != "LOAD" || flags.find('E') == std::string::npos) continue;
        for (const vmio::mapping& m : map)
            if (m.name == file && m.perms.execute && m.offset == vmio::align_down(offset, vmio::page_size()))
                return m.range.start() - vmio::align_down(address, vmio::page_size());
    }
    return 0;
}

/// An ELF file of one segment, of names, and of a table of symbols that so many sections show.
void write_elf(const std::string& path, const std::string& names, const std::vector<Elf64_Sym>& table,
               std::size_t sections) {
    const std::size_t headers = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
    const std::size_t table_at = (headers + names.size() + 7) / 8 * 8;
    const std::size_t table_size = table.size() * sizeof(Elf64_Sym);
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_DYN;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_phoff = sizeof header;
    header.e_shoff = table_at + table_size;
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 1;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = static_cast<Elf64_Half>(sections + 2);
    const Elf64_Phdr segment{PT_LOAD, PF_R | PF_X, 0, 0, 0, 0x100000, 0x100000, 0x1000};
    std::vector<Elf64_Shdr> all(sections + 2);
    all[1] = {0, SHT_STRTAB, 0, 0, headers, names.size(), 0, 0, 1, 0};
    for (std::size_t i = 2; i < all.size(); ++i)
        all[i] = {0, SHT_SYMTAB, 0, 0, table_at, table_size, 1, 0, 8, sizeof(Elf64_Sym)};
    std::ofstream out(path, std::ios::binary);
    const auto write = [&out](const void* from, std::size_t size) {
        out.write(static_cast<const char*>(from), static_cast<std::streamsize>(size));
    };
    write(&header, sizeof header);
    write(&segment, sizeof segment);
    write(names.data(), names.size());
    write("\0\0\0\0\0\0\0", table_at - headers - names.size());
    write(table.data(), table_size);
    write(all.data(), all.size() * sizeof(Elf64_Shdr));
}

/// The symbols of a file that is mapped here for execution, and whose name has "damaged" in it.
symbols symbols_of_file(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    void* const mapped = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    BOOST_TEST_REQUIRE((fd >= 0 && mapped != MAP_FAILED));
    ::close(fd);
    const symbols names =
        symbols::load(vmio::process::self(),
                      {.wanted = [](std::string_view name) { return name.find("damaged") != std::string_view::npos; }});
    ::munmap(mapped, 4096);
    return names;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(symbols_)

BOOST_AUTO_TEST_CASE(names_of_a_program_are_where_it_says_they_are) {
    for (const char* const program : {VMIO_SYMBOLS_TARGET, VMIO_SYMBOLS_TARGET_FIXED}) {
        const target t(program);
        const symbols names = symbols::load(t.child.target());
        check_target(names, t);
        BOOST_TEST(names.find("_ZL13symbols_local").value().start == t.local);
        BOOST_TEST(!names.find("_ZL13symbols_local")->global);
        BOOST_TEST(names.skipped().empty());
    }
}

BOOST_AUTO_TEST_CASE(a_captured_process_and_its_core_give_the_same_names) {
    const target t(VMIO_SYMBOLS_TARGET);
    check_target(symbols::load(vmio::process_snapshot::capture(t.child.target())), t);
    const test::directory directory;
    const std::string core = directory / "core";
    vmio::write_core(t.child.target(), core);
    check_target(symbols::load(vmio::core_memory::open(core)), t);
    check_target(symbols::load(vmio::any_memory(vmio::process_memory(t.child.target()))), t);
}

BOOST_AUTO_TEST_CASE(overloads_have_one_name_each_in_cxx) {
    const target t(VMIO_SYMBOLS_TARGET);
    const symbols names = symbols::load(t.child.id());
    const auto one = names.find("_ZN13symbols_space10overloadedEi").value();
    BOOST_TEST(demangled(one) == "symbols_space::overloaded(int)");
    BOOST_TEST(to_string(one).find("symbols_space::overloaded(int) [0x") == 0u);
    BOOST_TEST(demangled(names.find("main").value()) == "main");
    BOOST_TEST((names.find("symbols_space::overloaded(int)") == one));
    BOOST_TEST(names.find_all("symbols_space::overloaded").size() == 2u);
    BOOST_TEST(names.find("symbols_local").value().start == t.local);
    BOOST_TEST(!names.find("overloaded"));
    BOOST_TEST(names.find_all("main").size() == 1u);
    BOOST_TEST(names.find_all("no_such_symbol").empty());
}

BOOST_AUTO_TEST_CASE(names_of_libraries_and_of_the_vdso_are_those_of_the_linker) {
    const symbols names = symbols::load(vmio::process::self());
    for (const char* const name : {"malloc", "getpid", "printf"}) {
        const auto all = names.find_all(name);
        const vmio::address there = vmio::address_of(::dlsym(RTLD_DEFAULT, name));
        BOOST_TEST(std::any_of(all.begin(), all.end(), [&](const auto& s) { return s.start == there; }), name);
    }
    if (::getauxval(AT_SYSINFO_EHDR) == 0) return;
    const vmio::memory_map map = vmio::memory_map::load(vmio::process::self());
    bool in_vdso = false;
    for (const char* const name : {"__vdso_clock_gettime", "__kernel_clock_gettime"})
        for (const auto& s : names.find_all(name)) in_vdso = in_vdso || map.find(s.start)->name == "[vdso]";
    BOOST_TEST(in_vdso);
}

BOOST_AUTO_TEST_CASE(all_names_of_other_programs_are_those_of_readelf) {
    const test::directory directory;
    for (const std::string program : {"python3", "redis-server"}) {
        child_process child(
            program == "python3"
                ? std::vector<std::string>{program, "-c", "print(1, flush=True); input()"}
                : std::vector<std::string>{program, "--port", "0", "--save", "", "--unixsocket", directory / "socket"});
        child.wait_for_line(program == "python3" ? "1" : "eady to accept");
        const symbols names = symbols::load(child.target());
        const vmio::memory_map map = vmio::memory_map::load(child.target());
        std::size_t checked = 0;
        std::string last;
        for (const vmio::mapping& m : map) {
            if (!m.perms.execute || !m.name.starts_with('/') || m.name == last) continue;
            last = m.name;
            const std::uint64_t bias = bias_of(map, m.name);
            for (const auto& [name, value] : listed_by_readelf(m.name)) {
                const auto all = names.find_all(name);
                const bool found = std::any_of(all.begin(), all.end(), [&, v = value](const vmio::symbol& s) {
                    return s.start == v + bias && s.file == m.name;
                });
                if (!found) BOOST_ERROR(m.name + ": " + name);
                ++checked;
            }
        }
        BOOST_TEST(checked > 1000u);
    }
}

BOOST_AUTO_TEST_CASE(debug_symbols_are_found_by_build_id_and_by_link) {
    const test::directory directory;
    const std::string program = directory / "stripped";
    const std::string debug = directory / "stripped.debug";
    BOOST_TEST_REQUIRE(test::run_program({"objcopy", "--only-keep-debug", VMIO_SYMBOLS_TARGET, debug}).status == 0);
    BOOST_TEST_REQUIRE(test::run_program({"strip", "-o", program, VMIO_SYMBOLS_TARGET}).status == 0);
    const std::string hidden = "_ZL13symbols_local";
    {
        const target t(program);
        const symbols names = symbols::load(t.child.target(), {.debug_directories = {directory / "none"}});
        BOOST_TEST(!names.find(hidden));
    }
    BOOST_TEST_REQUIRE(test::run_program({"objcopy", "--add-gnu-debuglink=" + debug, program}).status == 0);
    {
        const target t(program);
        BOOST_TEST(symbols::load(t.child.target()).find(hidden).value().start == t.local);
        BOOST_TEST(!symbols::load(t.child.target(), {.debug_directories = {}}).find(hidden));
    }
    std::istringstream notes(test::run_program({"readelf", "-n", program}).out);
    std::string id;
    for (std::string word; notes >> word;)
        if (word == "ID:") notes >> id;
    BOOST_TEST_REQUIRE(id.size() > 4u);
    const std::filesystem::path by_id = directory / (".build-id/" + id.substr(0, 2));
    std::filesystem::create_directories(by_id);
    std::filesystem::rename(debug, by_id / (id.substr(2) + ".debug"));
    {
        const target t(program);
        const symbols names = symbols::load(t.child.target(), {.debug_directories = {directory / ""}});
        BOOST_TEST(names.find(hidden).value().start == t.local);
        check_target(names, t);
    }
}

BOOST_AUTO_TEST_CASE(a_program_that_was_deleted_or_replaced_is_read_or_said_to_be_skipped) {
    const test::directory directory;
    const std::string program = directory / "symbols_target_copy";
    std::filesystem::copy_file(VMIO_SYMBOLS_TARGET, program);
    const target t(program);
    const auto captured = vmio::process_snapshot::capture(t.child.target());
    std::filesystem::remove(program);
    std::filesystem::copy_file("/bin/true", program);
    const symbols names = symbols::load(t.child.target());
    if (names.skipped().empty()) {  // by /proc/PID/map_files
        check_target(names, t);
    } else {
        BOOST_TEST(!names.find("symbols_function"));
        BOOST_TEST(names.skipped()[0].file.find("symbols_target_copy") != std::string::npos);
    }
    const symbols of_capture = symbols::load(captured);
    BOOST_TEST(!of_capture.find("symbols_function"));
    BOOST_TEST_REQUIRE(of_capture.skipped().size() == 1u);
    BOOST_TEST(of_capture.skipped()[0].reason == "another file has its name here");
}

BOOST_AUTO_TEST_CASE(damaged_files_give_less_and_nothing_worse) {
    std::ifstream file(VMIO_SYMBOLS_TARGET, std::ios::binary);
    std::string whole((std::istreambuf_iterator<char>(file)), {});
    const test::directory directory;
    std::mt19937 random(1);
    std::uniform_int_distribution<std::size_t> place(0, whole.size() - 1);
    const target t(VMIO_SYMBOLS_TARGET);
    for (int i = 0; i < 200; ++i) {
        std::string damaged = whole;
        for (int n = 0; n < 30; ++n)
            damaged[i % 2 == 0 ? place(random) % 4096 : place(random)] ^= static_cast<char>(1 << n % 8);
        if (i % 10 == 0) damaged.resize(place(random));
        std::ofstream(directory / "damaged", std::ios::binary) << damaged;
        std::filesystem::permissions(directory / "damaged", std::filesystem::perms::owner_all);
        // Mapped for execution here, so that it is read as a file of this process.
        const int fd = ::open((directory / "damaged").c_str(), O_RDONLY | O_CLOEXEC);
        BOOST_TEST_REQUIRE(fd >= 0);
        void* const mapped =
            ::mmap(nullptr, std::max<std::size_t>(damaged.size(), 1), PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
        ::close(fd);
        const symbols names = symbols::load(vmio::process::self(), {.wanted = [](std::string_view name) {
                                                return name.find("damaged") != std::string_view::npos;
                                            }});
        for (vmio::address a = 0; a < damaged.size(); a += 64) names.at(vmio::address_of(mapped) + a);
        names.find("main");
        ::munmap(mapped, std::max<std::size_t>(damaged.size(), 1));
        std::filesystem::remove(directory / "damaged");
    }
}

BOOST_AUTO_TEST_CASE(a_table_is_read_once_however_many_sections_show_it) {
    const std::vector<Elf64_Sym> table(10000, Elf64_Sym{1, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1, 0, 16});
    std::vector<Elf64_Sym> different = table;
    for (std::size_t i = 0; i < different.size(); ++i) different[i].st_value = i;
    const test::directory directory;
    write_elf(directory / "damaged", std::string("\0abc\0", 5), different, 20000);
    BOOST_TEST(symbols_of_file(directory / "damaged").size() == different.size());
}

BOOST_AUTO_TEST_CASE(names_that_overlap_without_measure_are_left_out) {
    std::vector<Elf64_Sym> table(100000, Elf64_Sym{0, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1, 0, 16});
    for (std::size_t i = 0; i < table.size(); ++i) table[i].st_name = static_cast<Elf64_Word>(i + 1);
    const test::directory directory;
    write_elf(directory / "damaged", '\0' + std::string(1 << 20, 'a') + '\0', table, 1);
    const symbols names = symbols_of_file(directory / "damaged");
    BOOST_TEST(names.size() < 100u);
    BOOST_TEST(names.skipped().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_name_that_would_grow_without_measure_stays_mangled) {
    std::string name = "_Z1x1A1BIS_S_E";
    for (char last = '1'; last <= '9'; ++last) name += std::string("S0_IS") + last + "_S" + last + "_E";
    for (char last = 'A'; last <= 'Z'; ++last) name += std::string("S0_IS") + last + "_S" + last + "_E";
    vmio::symbol s;
    s.name = name;
    BOOST_TEST(demangled(s) == name);
    s.name = "_ZNSt6vectorINSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEESaIS5_EE9push_backERKS5_";
    BOOST_TEST(demangled(s).find("push_back") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(tables_over_the_limit_are_left_out_and_named) {
    const target t(VMIO_SYMBOLS_TARGET);
    const symbols names = symbols::load(t.child.target(), {.most_table_bytes = 100});
    BOOST_TEST(!names.find("symbols_function"));
    BOOST_TEST(!names.skipped().empty());
}

BOOST_AUTO_TEST_SUITE_END()
