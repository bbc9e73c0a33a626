// SPDX-License-Identifier: BSL-1.0
/// Makes boost::iostreams::compose() of several filters and a device over memory advance the position.
///
/// At each read and write Boost's composite_filter makes a device of its second filter and a copy of the device below.
/// A copy of a file descriptor shares its position; a copy of a device over memory does not, and would begin at the
/// same place each time. composite_device is a detail of Boost (unchanged since 1.36), which is not included here: if
/// its parameters change, the two declarations conflict and nothing compiles.
#pragma once

#include <ios>
#include <optional>

#include <boost/core/ref.hpp>
#include <boost/iostreams/categories.hpp>
#include <boost/iostreams/positioning.hpp>

#include <vmio/detail/memory_device_core.hpp>

namespace boost::iostreams::detail {

/// @cond
template <class Filter, class Device, class Mode>
requires vmio::device_over_memory<Device>
class composite_device<boost::reference_wrapper<Filter>, Device, Mode> {
    using filter_reference = boost::reference_wrapper<Filter>;

public:
    using char_type = typename Device::char_type;
    struct category : Mode, device_tag, closable_tag, flushable_tag, localizable_tag, optimally_buffered_tag {};

    // As composite_filter makes it for one call: refers to its device.
    composite_device(const filter_reference& filter, Device& device) : filter_(filter), shared_(&device) {}
    // As compose(boost::ref(filter), device) makes it: owns a copy.
    composite_device(const filter_reference& filter, const Device& device) : filter_(filter), own_(device) {}

    std::streamsize read(char_type* s, std::streamsize n) { return whole().read(s, n); }
    std::streamsize write(const char_type* s, std::streamsize n) { return whole().write(s, n); }
    std::streampos seek(stream_offset off, std::ios_base::seekdir way,
                        std::ios_base::openmode which = std::ios_base::in | std::ios_base::out) {
        return whole().seek(off, way, which);
    }
    void close() { whole().close(); }
    void close(std::ios_base::openmode which) { whole().close(which); }
    bool flush() { return whole().flush(); }
    std::streamsize optimal_buffer_size() const {
        return const_cast<composite_device*>(this)->whole().optimal_buffer_size();
    }
    template <class Locale>
    void imbue(const Locale& locale) {
        whole().imbue(locale);
    }

    filter_reference& first() { return filter_; }
    Device& second() { return own_ ? *own_ : *shared_; }

private:
    composite_device<filter_reference, boost::reference_wrapper<Device>, Mode> whole() {
        return {filter_, boost::ref(second())};
    }

    filter_reference filter_;
    std::optional<Device> own_;
    Device* shared_ = nullptr;
};
/// @endcond

}  // namespace boost::iostreams::detail
