// SPDX-License-Identifier: BSL-1.0
/// Forward declarations of the public classes, for headers that only name them.
#pragma once

#include <cstdint>

namespace vmio {

using address = std::uint64_t;
class address_range;

enum class errc;
class memory_error;
class file_error;

enum class existing_file;
class atomic_ofstream;

enum class gap_reason;
enum class gap_fill;
struct memory_gap;

class process;
struct auxiliary_entry;
struct thread_facts;
struct resource_limit;
enum class access_obstacle;
struct access_diagnosis;
struct pause_options;
class pause_guard;
struct register_set;
struct thread_registers;

enum class transfer_method;
struct process_memory_options;
struct remote_block;
struct block_transfer;
class process_memory;

class process_vm_device;
class process_vm_source;
class process_vm_sink;
class process_vm_stream;
class process_vm_istream;
class process_vm_ostream;

struct permissions;
struct mapping;
enum class mapping_lookup;
struct mapping_filter;
enum class memory_map_check;
class memory_map;
class backing_file;
struct backing_file_options;
enum class file_refusal;
struct mapped_file;
struct file_location;
struct file_offsets;
enum class page_state : std::uint32_t;
struct page_run;
class page_map;
class vm_flags;
struct smaps_entry;

struct source_options;
struct region_options;
class region_reader;
class memory_view;
struct memory_block;
struct block_result;
class block_scan;
class byte_pattern;
struct search_progress;
struct search_options;
struct search_summary;

struct packing_options;
class packing_ostream;

class snapshot;
class cow_view;
class mutable_view;
enum class change;
struct changed_run;
enum class protection : unsigned;

class core_memory;
struct core_summary;
struct core_options;

struct capture_progress;
struct capture_options;
class process_snapshot;
struct write_failure;
struct write_back_result;

struct gdb_remote_options;
class gdb_remote_memory;

class any_memory;
class memory_walk;
enum class difference;
struct memory_difference;
struct memory_diff_options;
struct open_options;

struct child_options;
class child_process;

enum class object_layout;
struct object_limits;

enum class tracking_method;
struct tracker_options;
class write_tracker;
struct consistent_options;
struct consistent_result;
struct checkpoint_options;
struct restore_result;
class checkpoint;
class memory_check;

enum class symbol_kind;
struct symbol;
struct symbols_options;
struct skipped_symbols;
class symbols;

}  // namespace vmio
