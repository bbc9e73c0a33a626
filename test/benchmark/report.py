#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Makes ratios and a plot of what vmio_benchmark measured.

usage: report.py OUTPUT_DIRECTORY RESULT.json...

Prints a table of every claim: a ratio of medians of one run, the bound, and whether it holds. Writes ratios.md, and
throughput.svg by gnuplot. Exit status: 0 all bounds hold, 1 some do not.
"""
import json
import pathlib
import re
import subprocess
import sys

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def medians(paths):
    """The median time of each benchmark in nanoseconds, and its counters."""
    times, counters = {}, {}
    unit = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
    for run in (run for path in paths for run in json.loads(path.read_text())["benchmarks"]):
        if run.get("aggregate_name") != "median" or run.get("error_occurred"):
            continue
        name = run["run_name"].removesuffix("/real_time").removesuffix("/manual_time").removesuffix("/iterations:3")
        times[name] = run["real_time"] * unit[run["time_unit"]]
        counters[name] = run
    return times, counters


def claims(t, counters):
    """(what, ratio, bound, at most or at least)"""
    def ratio(a, b):
        return t[a] / t[b] if a in t and b in t else None

    def at_most(what, a, b, bound):
        return (what, ratio(a, b), bound, "<=")

    def at_least(what, slower, ours, bound):
        return (what, ratio(slower, ours), bound, ">=")

    for way in ("read", "write"):
        for size, bound in ((64, 1.35), (4 * KIB, 1.25), (64 * KIB, 1.08), (MIB, 1.03), (16 * MIB, 1.03), (256 * MIB, 1.03)):
            yield at_most(f"process_memory::{way}, {words(size)}, against the raw call",
                          f"{way}/memory/{size}", f"{way}/raw_call/{size}", bound)
        for size, bound in ((64 * KIB, 1.12), (MIB, 1.05), (16 * MIB, 1.05), (256 * MIB, 1.05)):
            yield at_most(f"process_vm_stream::{way}, {words(size)}, against the raw call",
                          f"{way}/stream/{size}", f"{way}/raw_call/{size}", bound)
        yield at_least(f"std::fstream on mem, {way}, 1 MiB, against the stream",
                       f"{way}/fstream_on_mem/{MIB}", f"{way}/stream/{MIB}", 1.6)
        yield at_least(f"Boost's generic buffer, {way}, 1 MiB, against the stream",
                       f"{way}/generic_buffer/{MIB}", f"{way}/stream/{MIB}", 1.4 if way == "read" else 1.8)
    yield at_least("8-byte values: std::ifstream on mem against read_value", "values/ifstream", "values/read_value", 6)
    yield at_most("131072 values by read_value, against a raw read of 1 MiB", "values/read_value", "values/raw_mebibyte",
                  4 * 131072 / 90000)
    for what in ("numbers", "lines", "characters"):
        yield at_most(f"{what}, against std::ifstream on mem", f"{what}/stream", f"{what}/ifstream", 1.0)
    yield at_most("4 KiB after 4 KiB through the stream, identity included, against raw calls", "pages/stream",
                  "pages/raw_call", 1.1)
    yield at_most("8 bytes here and there, against the raw call", "random8/stream", "random8/raw_call", 1.6)
    yield at_least("1024 blocks: single calls against read_blocks", "blocks/one_by_one", "blocks/read_blocks", 2.5)
    yield at_most("1024 blocks: read_blocks against a batch packed by hand", "blocks/read_blocks", "blocks/packed_by_hand",
                  1.15)
    for order, suffix in (("in order", ""), ("shuffled", "_shuffled")):
        own, sixteen = f"scan/own_page{suffix}", f"scan/sixteen{suffix}"
        yield at_least(f"100,000 blocks, a page each, {order}: a call and a vector each against scan_blocks",
                       f"{own}/call_and_vector_each", f"{own}/scan_blocks", 2.2)
        yield at_least(f"100,000 blocks, a page each, {order}: bare calls, nothing kept, against scan_blocks",
                       f"{own}/one_by_one", f"{own}/scan_blocks", 1.5)
        yield at_least(f"100,000 blocks, sixteen a page, {order}: bare calls, nothing kept, against scan_blocks",
                       f"{sixteen}/one_by_one", f"{sixteen}/scan_blocks", 5)
    yield at_most("100,000 blocks, a page each, in order: scan_blocks against batches packed by hand, nothing kept",
                  "scan/own_page/scan_blocks", "scan/own_page/packed_by_hand", 1.25)
    yield at_least("100,000 blocks, a page each, in order: scan_blocks with one thread against threads = 2",
                   "scan/own_page/scan_blocks", "scan/own_page/two_threads", 1.1)
    yield at_least("256 MiB: an iovec per page against process_memory::read", f"read/iovec_per_page/{256 * MIB}",
                   f"read/memory/{256 * MIB}", 1.1)
    busy = [counters.get(f"busy/{who}", {}).get("rounds") for who in ("memory", "iovec_per_page")]
    yield ("a target that maps and unmaps meanwhile: its rate, against an iovec per page",
           busy[0] / busy[1] if all(busy) else None, 1.8, ">=")
    yield at_least("10,000 lines of maps: sscanf against parsing", "maps/parse_by_sscanf", "maps/parse", 3)
    yield at_most("10,000 mappings: memory_map::load against reading the text alone", "maps/load", "maps/reading_alone", 1.6)
    yield at_least("10,000 mappings: memory_map::load against query_mapping of one", "maps/load", "maps/query", 200)
    yield ("10,000 mappings: find(), in nanoseconds", t.get("maps/find"), 100, "<=")
    yield at_least("sparse 8 GiB: reading pagemap against page_map::scan", "page_map/sparse/entries",
                   "page_map/sparse/scan", 20)
    yield at_least("1 GiB of resident pages: reading pagemap against page_map::scan", "page_map/dense/entries",
                   "page_map/dense/scan", 0.9)
    yield at_least("256 MiB: mmap and memcpy against snapshot::from_bytes", "snapshot/mmap_and_memcpy",
                   "snapshot/from_bytes", 1.5)
    yield at_least("256 MiB view, 16 pages changed: remapping and touching every page, against cow_view::restore and the same",
                   "restore/remap/16", "restore/view/16", 5)
    for pages in (1024, 4096, 8192, 10000, 16384, 65536):
        for where, what in (("view", "the same"), ("elsewhere", "other")):
            yield at_most(f"256 MiB view, {what} {pages} of 65536 pages changed each time: restore against remapping, "
                          "touching included", f"restore/{where}/{pages}", f"restore/remap/{pages}", 1.2)
    yield at_most("256 MiB view, 1 % changed: take_snapshot against a full copy", "snapshot/take", "snapshot/full_copy", 0.1)
    yield at_least("1 GiB: readv into a bounce buffer and pwrite, against process_snapshot::capture",
                   "capture/bounce_buffer", "capture/process_snapshot", 0.9)
    for pages, bound in ((16, 500), (1000, 40)):
        yield at_least(f"256 MiB, {pages} pages changed: write_back by comparing against checkpoint::restore",
                       f"checkpoint/write_back/{pages}", f"checkpoint/restore/{pages}", bound)
    yield at_most("64 MiB, 1 page changed: checkpoint::restore against a pause alone", "checkpoint/one_page",
                  "checkpoint/pause_alone", 3)
    yield at_least("1 GiB, 8 threads that write it: the pause of a paused capture against that of a frozen copy",
                   "freeze/paused_capture", "freeze/frozen_copy", 20)
    yield at_most("the same: the pause of a frozen copy against the target's own fork", "freeze/frozen_copy",
                  "freeze/own_fork", 1.5)
    yield at_least("1 GiB: one thread against threads = 2", f"read/memory/{GIB}", f"read/memory_two_threads/{GIB}", 1.6)
    yield at_least("64 MiB of a private file mapping, all changed: seek and read a page against region_reader",
                   "regions/dirty_file/seek_and_read", "regions/dirty_file/reader", 2)
    yield at_least("8 GiB with one page in a hundred: reading it all, 1 GiB at a time, against region_reader",
                   "regions/sparse/raw_regions", "regions/sparse/reader", 50)
    yield at_least("the same: reading it all, 4 MiB at a time, against region_reader", "regions/sparse/raw_chunks",
                   "regions/sparse/reader", 20)
    yield at_least("1 GiB, all there: raw calls of the same size against region_reader", "regions/dense/raw_calls",
                   "regions/dense/reader", 0.95)
    for content in ("bytes", "words", "nodes"):
        for size in (4, 32):
            here = f"search/{content}"
            found, reading, memmem = (t.get(f"{here}/{who}") for who in (f"search/{size}", "reading", f"memmem/{size}"))
            measured = found and reading and memmem
            yield (f"1 GiB of {content}: search for {size} bytes, against the slower of 1.3 x reading it and memmem",
                   found / max(1.3 * reading, memmem) if measured else None, 1, "<=")
    for who in ("memory", "stream"):
        ratios = {size: ratio(f"growth/{who}/{size}", f"growth/raw_call/{size}")
                  for size in (MIB, 16 * MIB, 256 * MIB, GIB, 4 * GIB)}
        measured = all(ratios.values())
        yield (f"growth: the ratio of {who} to the raw call, 1 MiB to 4 GiB, strays from that at 1 MiB by at most",
               max(abs(r / ratios[MIB] - 1) for r in ratios.values()) if measured else None, 0.05, "<=")
        allocations = [counters.get(f"growth/{who}/{size}", {}).get("allocations") for size in ratios]
        yield (f"heap allocations of {who}, 1 MiB to 4 GiB", None if None in allocations else max(allocations), 0, "<=")


def words(size):
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit:
            return f"{size // unit} {name}"
    return f"{size} B"


def table(rows):
    yield "| what | ratio | bound | holds |"
    yield "|---|---|---|---|"
    for what, ratio, bound, relation in rows:
        shown = "not measured" if ratio is None else f"{ratio:.2f}"
        yield f"| {what} | {shown} | {relation} {bound:.2f} | {'yes' if holds(ratio, bound, relation) else '**no**'} |"


def holds(ratio, bound, relation):
    return ratio is not None and (ratio <= bound if relation == "<=" else ratio >= bound)


SERIES = (("memcpy", "memcpy in one process"), ("raw_call", "one raw call"), ("memory", "vmio::process_memory"),
          ("stream", "vmio::process_vm_stream"), ("iovec_per_page", "an iovec per page"), ("mem_file", "pread on /proc/PID/mem"),
          ("fstream_on_mem", "std::fstream on /proc/PID/mem"), ("generic_buffer", "Boost's generic buffer"))


def plot(t, directory):
    blocks, titles = [], []
    for name, title in SERIES:
        points = sorted((int(m[1]), ns) for key, ns in t.items() if (m := re.fullmatch(rf"read/{name}/(\d+)", key)))
        if points:
            titles.append(title)
            blocks.append("\n".join(f"{size} {ns / 1e3} {size / ns}" for size, ns in points))
    data = directory / "throughput.dat"
    data.write_text("\n\n\n".join(blocks) + "\n")

    def lines(column):
        return ", ".join(f"'{data}' index {i} using 1:{column} with linespoints title \"{title}\""
                         for i, title in enumerate(titles))
    script = f"""
        set terminal svg size 900,760 font 'sans,12' background '#ffffff' noenhanced
        set output '{directory / "throughput.svg"}'
        set multiplot layout 2,1
        set logscale xy
        set xtics ("64 B" 64, "4 KiB" 4096, "64 KiB" 65536, "1 MiB" 1048576, "16 MiB" 16777216, "256 MiB" 268435456)
        set grid
        set key outside right
        set yrange [0.05:50]
        set title 'Reading another process: throughput, GB/s'
        plot {lines(3)}
        set xrange [64:1048576]
        set yrange [0.4:300]
        set title 'Reading another process: time of a read, microseconds'
        plot {lines(2)}
    """
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    times, counters = medians([pathlib.Path(name) for name in sys.argv[2:]])
    rows = list(claims(times, counters))
    text = "\n".join(table(rows)) + "\n"
    (directory / "ratios.md").write_text(text)
    print(text)
    plot(times, directory)
    return 0 if all(holds(*row[1:]) for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
