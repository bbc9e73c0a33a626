// SPDX-License-Identifier: BSL-1.0
/// An interpreter that makes and drops objects in two threads meanwhile.
#include <string>

#include <boost/test/unit_test.hpp>

#include "proof.hpp"
#include "streams.hpp"

namespace {

const char* const script = R"(
import os, random, sys, threading
greeting = " ".join(["a", "greeting", "from", "the", "interpreter"])
turns = [0, 0]
def work(i):
    kept = {}
    while True:
        kept[random.randrange(10000)] = [random.random() for _ in range(100)]
        turns[i] += 1
for i in range(2):
    threading.Thread(target=work, args=(i,), daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    if line == "turn\n":
        before = sum(turns)
        while sum(turns) < before + 100:
            pass
    print(greeting, flush=True)
os._exit(0)  # the interpreter's own end with threads that still run is not what is tried here
)";

struct python {
    python() { BOOST_TEST(program.next() == "ready\n"); }
    ~python() {
        program.say("turn\n");  // it has not been harmed
        program.next();
        BOOST_TEST(program.end() == 0);
    }

    std::string answer() const {
        program.say("greeting\n");
        const std::string line = program.next();
        return line.substr(0, line.size() - 1);
    }

    const std::string greeting = "a greeting from the interpreter";
    test::piped_program program{{"/usr/bin/python3", "-c", script}};
};

const auto installed = proof::with_programs("/usr/bin/python3", "gdb", "pmap");

}  // namespace

BOOST_FIXTURE_TEST_CASE(its_maps_are_those_of_pmap, python, *installed) {
    proof::maps_equal_pmap(program.id());
}

BOOST_FIXTURE_TEST_CASE(its_regions_are_what_gdb_dumps, python, *installed) {
    proof::regions_equal_gdb(program.id());
}

BOOST_FIXTURE_TEST_CASE(a_text_that_is_changed_is_what_it_prints, python, *installed) {
    proof::text_is_changed(program.id(), greeting, "a greeting from somebody else!!", [&] { return answer(); });
}

BOOST_FIXTURE_TEST_CASE(its_core_opens_in_gdb, python, *installed) {
    proof::core_opens_in_gdb(program.id(), greeting);
}

BOOST_FIXTURE_TEST_CASE(its_memory_goes_through_a_compressing_filter, python, *installed) {
    proof::regions_are_compressed(program.id());
}

BOOST_FIXTURE_TEST_CASE(an_elf_library_reads_an_image_out_of_it, python, *proof::with_libelfin()) {
    proof::image_is_parsed(program.id());
}
