// SPDX-License-Identifier: BSL-1.0
#include <vmio/detail/object/object_reader.hpp>

#include <cerrno>
#include <charconv>
#include <limits>
#include <system_error>

#include <vmio/error.hpp>

namespace vmio::detail {
namespace {

constexpr std::size_t most_blocks = 1024;  // of a call

std::string hexadecimal(address a) {
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof digits, a, 16).ptr;
    return "0x" + std::string(digits, end);
}

}  // namespace

object_task::~object_task() = default;

object_reader::object_reader(const void* memory, read_function read, pid_t process, object_layout layout,
                             const object_limits& limits) noexcept
    : memory_(memory), read_(read), process_(process), layout_(layout), limits_(limits) {}

object_reader::~object_reader() = default;

void object_reader::fail(address at, const char* type, const std::string& why) const {
    throw memory_error("read_object", process_, at, std::error_code(EBADMSG, std::system_category()),
                       "not a " + std::string(type) + ": " + why);
}

void object_reader::charge(address at, std::uint64_t count, std::size_t size) {
    if (count > limits_.elements)
        throw memory_error("read_object", process_, at, std::error_code(EMSGSIZE, std::system_category()),
                           std::to_string(count) + " elements, or characters, are more than object_limits::elements, " +
                               std::to_string(limits_.elements));
    if (size != 0 && count > (limits_.bytes - charged_) / size)
        throw memory_error("read_object", process_, at, std::error_code(EMSGSIZE, std::system_category()),
                           std::to_string(count) + " times " + std::to_string(size) +
                               " bytes are more than what object_limits::bytes leaves, " +
                               std::to_string(limits_.bytes - charged_));
    charged_ += count * size;
}

void object_reader::check_range(address at, std::uint64_t size) const {
    if (size > std::numeric_limits<address>::max() - at)
        throw memory_error("read_object", process_, at, std::error_code(EFAULT, std::system_category()),
                           "a pointer to " + std::to_string(size) + " bytes at " + hexadecimal(at));
}

void object_reader::add(std::unique_ptr<object_task> task, address at, std::uint64_t size) {
    check_range(at, size);
    charge(at, 1, static_cast<std::size_t>(size));
    task->start = at;
    task->size = static_cast<std::size_t>(size);
    task->depth = depth_;
    tasks_.push_back(std::move(task));
}

void object_reader::own(address at, const void* type, const char* what) {
    if (depth_ >= limits_.depth)
        throw memory_error("read_object", process_, at, std::error_code(EMSGSIZE, std::system_category()),
                           "owned through more pointers than object_limits::depth, " + std::to_string(limits_.depth));
    if (!owned_.emplace(at, type).second) fail(at, what, "another one owns the same object, or it owns itself");
}

// What a target says that it holds is believed, in memory of ours, up to what it was seen to hold.
void object_reader::make_room(std::size_t size) {
    if (direct_size_ + size > small + done_) read_direct();
}

void object_reader::read_into(address at, std::span<std::byte> to) {
    if (to.empty()) return;
    check_range(at, to.size());
    direct_.push_back({at, to});
    direct_size_ += to.size();
}

void object_reader::read_now(address at, std::span<std::byte> to) {
    check_range(at, to.size());
    const remote_block block{at, to};
    read_(memory_, std::span(&block, 1));
    done_ += to.size();
}

void object_reader::read_direct() {
    for (std::size_t i = 0; i < direct_.size(); i += most_blocks)
        read_(memory_, std::span(direct_).subspan(i, std::min(most_blocks, direct_.size() - i)));
    done_ += direct_size_;
    direct_.clear();
    direct_size_ = 0;
}

void object_reader::read_large(object_task& task) {
    std::vector<std::byte> bytes;
    while (bytes.size() < task.size) {
        const std::size_t done = bytes.size();
        bytes.resize(done + std::min(task.size - done, std::max(done, small)));
        read_now(task.start + done, std::span(bytes).subspan(done));
    }
    task.run(bytes);
}

void object_reader::read_batch() {
    std::size_t count = 0;
    std::size_t size = 0;
    while (count < tasks_.size() && count + direct_.size() < most_blocks) {
        if (size + tasks_[count]->size > small) break;
        size += tasks_[count++]->size;
    }
    if (count == 0 && direct_.size() >= most_blocks) return read_direct();
    std::vector<std::unique_ptr<object_task>> batch;
    const std::size_t taken = std::max<std::size_t>(count, 1);  // one that is large is by itself
    for (std::size_t i = 0; i < taken; ++i) {
        batch.push_back(std::move(tasks_.front()));
        tasks_.pop_front();
    }
    if (count == 0) {
        depth_ = batch[0]->depth;
        return read_large(*batch[0]);
    }
    buffer_.resize(size);
    std::size_t offset = 0;
    for (const auto& task : batch) {
        direct_.push_back({task->start, std::span(buffer_).subspan(offset, task->size)});
        offset += task->size;
    }
    direct_size_ += size;
    read_direct();
    offset = 0;
    for (const auto& task : batch) {
        depth_ = task->depth;
        task->run(std::span(buffer_).subspan(offset, task->size));
        offset += task->size;
    }
}

void object_reader::finish() {
    while (!tasks_.empty()) read_batch();
    read_direct();
    depth_ = 0;
    for (; !last_.empty(); last_.pop_back()) last_.back()->run({});
}

}  // namespace vmio::detail
