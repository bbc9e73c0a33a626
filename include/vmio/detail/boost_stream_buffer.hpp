// SPDX-License-Identifier: BSL-1.0
/// Makes memory_streambuf the buffer of boost::iostreams::stream<D>, stream_buffer<D> and filtering streams when D is a
/// device over memory.
///
/// Boost's generic buffer loses the bytes before a hole, and writes bytes whose write has failed at a later position.
/// The trait that selects a buffer is a detail of Boost (unchanged since 1.36). The assertions below and the overriders
/// of boost_stream_buffer fail to compile if it changes.
#pragma once

#ifdef VMIO_GENERIC_BOOST_BUFFER
#error "VMIO_GENERIC_BOOST_BUFFER is gone: two files of a program could disagree about the type of a stream buffer"
#endif

/// Defined if Boost's streams use memory_streambuf.
#define VMIO_HAS_BOOST_BUFFER 1

#include <cstddef>
#include <exception>
#include <ios>
#include <span>
#include <system_error>
#include <type_traits>

#include <boost/core/typeinfo.hpp>
#include <boost/iostreams/close.hpp>
#include <boost/iostreams/detail/streambuf/linked_streambuf.hpp>
#include <boost/iostreams/stream_buffer.hpp>

#include <vmio/detail/memory_device_core.hpp>
#include <vmio/memory_streambuf.hpp>

namespace vmio {

/// The base of boost::iostreams::stream_buffer<Device>. The destructor writes pending bytes, whatever the auto-close
/// setting.
template <class Device, class Traits>
class boost_stream_buffer : public memory_streambuf<Device, boost::iostreams::detail::linked_streambuf<char, Traits>> {
    using base = memory_streambuf<Device, boost::iostreams::detail::linked_streambuf<char, Traits>>;

public:
    /// Required by Boost of a stream_buffer. A negative buffer size selects that of the device; the putback size is
    /// ignored.
    /// @{
    void open(const Device& device, std::streamsize buffer_size = -1, std::streamsize /* putback_size */ = -1) {
        if (buffer_size < 0) buffer_size = device.optimal_buffer_size();
        this->attach(device, static_cast<std::size_t>(buffer_size));
        this->set_needs_close();
    }
    bool is_open() const noexcept { return this->is_attached(); }
    bool auto_close() const override { return auto_close_; }
    void set_auto_close(bool close) override { auto_close_ = close; }
    bool strict_sync() override { return this->pubsync() == 0; }
    Device* component() noexcept { return &this->device(); }
    /// @}

    /// Closes both directions, even if the first one fails.
    /// Errors: that of the first one that failed.
    void close() {
        std::exception_ptr failure;
        for (const auto which : {std::ios_base::in, std::ios_base::out}) {
            try {
                linked::close(which);
            } catch (...) {
                if (!failure) failure = std::current_exception();
            }
        }
        this->detach();
        if (failure) std::rethrow_exception(failure);
    }

protected:
    /// @cond
    // A filter treats an end as "no data yet" unless the buffer reports a true end.
    typename base::int_type underflow() override { return mark(base::underflow()); }
    typename base::int_type uflow() override { return mark(base::uflow()); }
    std::streamsize xsgetn(char* s, std::streamsize n) override {
        const std::streamsize got = base::xsgetn(s, n);
        this->set_true_eof(got < n);
        return got;
    }

    using linked = boost::iostreams::detail::linked_streambuf<char, Traits>;

    void close_impl(std::ios_base::openmode which) override {
        // A filter's chain closes all inputs, then all outputs, and the filters before us may still write in between.
        if (base::can_write == (which == std::ios_base::out)) this->detach();
    }
    const boost::core::typeinfo& component_type() const override { return BOOST_CORE_TYPEID(Device); }
    void* component_impl() override { return component(); }
    /// @endcond

private:
    typename base::int_type mark(typename base::int_type c) {
        this->set_true_eof(Traits::eq_int_type(c, Traits::eof()));
        return c;
    }

    bool auto_close_ = true;
};

}  // namespace vmio

namespace boost::iostreams::detail {

template <class Device, class Traits, class Alloc, class Mode>
requires vmio::buffered_memory_device<Device>
struct stream_buffer_traits<Device, Traits, Alloc, Mode> {
    using type = vmio::boost_stream_buffer<Device, Traits>;
};

}  // namespace boost::iostreams::detail
