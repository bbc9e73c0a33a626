// SPDX-License-Identifier: BSL-1.0
/// Pointers into the memory of another process.
#pragma once

#include <cerrno>
#include <charconv>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <span>
#include <stdexcept>
#include <system_error>
#include <type_traits>

#include <vmio/address.hpp>
#include <vmio/error.hpp>
#include <vmio/memory.hpp>

namespace vmio {

/// A pointer to a T in another address space, of the size that it has there: `Word` is std::uint64_t or std::uint32_t.
/// It can be a member of a struct that is read from there, in place of the pointer which that has.
///
///     struct node { vmio::remote_ptr<node> next; int value; };
///     for (vmio::remote_ptr<node> p = first; p; p = p.in(memory)->next) sum += p.in(memory)->value;
///
/// Trivially copyable; holds an address and nothing else. Arithmetic is in elements and modulo the size of a Word.
template <class T, std::unsigned_integral Word = std::uint64_t>
class remote_ptr {
public:
    using element_type = T;  ///< what it points to
    using word_type = Word;  ///< what it is there

    /// Null.
    constexpr remote_ptr() noexcept = default;
    /// Null.
    constexpr remote_ptr(std::nullptr_t) noexcept {}
    /// Errors: std::out_of_range for an address that does not fit a Word.
    constexpr explicit remote_ptr(address a) : address_(checked(a)) {}
    /// The pointer that this process has at the same address, as a fork does.
    explicit remote_ptr(const T* p) : remote_ptr(address_of(p)) {}

    constexpr address get() const noexcept { return address_; }                  ///< the address
    constexpr explicit operator bool() const noexcept { return address_ != 0; }  ///< whether it is not null

    /// The same address, as one of another type.
    template <class U>
    constexpr remote_ptr<U, Word> as() const noexcept {
        return remote_ptr<U, Word>(address{address_});
    }
    /// A copy of an element, to which it gives access like a pointer.
    class copy {
    public:
        const T& operator*() const noexcept { return value_; }    ///< the element
        const T* operator->() const noexcept { return &value_; }  ///< a member of it

    private:
        friend class remote_ptr;
        T value_{};
    };

    /// What a pointer is to the elements that it points to, in one memory.
    template <memory_reader M>
    class in_memory {
    public:
        /// Reads the element. Errors: memory_error, also if the pointer is null (EFAULT).
        /// @{
        T operator*() const { return (*this)[0]; }
        copy operator->() const {
            copy c;
            read(0, c.value_);
            return c;
        }
        T operator[](std::ptrdiff_t i) const {
            T value{};
            read(i, value);
            return value;
        }
        /// @}
        /// Writes the element. Errors: as for reading.
        void set(const T& value, std::ptrdiff_t i = 0) const requires memory_writer<M> {
            transfer(i, std::as_bytes(std::span(&value, 1)),
                     [this](address at, std::span<const std::byte> bytes, std::error_code& ec) {
                         return memory_.write_some(at, bytes, ec);
                     });
        }

    private:
        friend class remote_ptr;
        in_memory(remote_ptr p, M& memory) noexcept : pointer_(p), memory_(memory) {}

        void read(std::ptrdiff_t i, T& value) const {
            transfer(i, std::as_writable_bytes(std::span(&value, 1)),
                     [this](address at, std::span<std::byte> bytes, std::error_code& ec) {
                         return memory_.read_some(at, bytes, ec);
                     });
        }
        template <class Byte, class Move>
        void transfer(std::ptrdiff_t i, std::span<Byte> bytes, Move&& move) const {
            static_assert(std::is_trivially_copyable_v<T>, "only the bytes of a value can be moved");
            const address start = (pointer_ + i).get();
            if (!pointer_)
                throw memory_error("access by a null pointer", 0, 0, std::error_code(EFAULT, std::system_category()));
            std::error_code ec;
            for (std::size_t done = 0; done < bytes.size();) {
                const std::size_t step = move(start + done, bytes.subspan(done), ec);
                if (step == 0) throw memory_error("access by a pointer", 0, start + done, ec);
                done += step;
            }
        }

        remote_ptr pointer_;
        M& memory_;
    };

    /// Returns: access to what it points to in `memory`, which must outlive it.
    template <memory_reader M>
    in_memory<M> in(M& memory) const noexcept {
        return {*this, memory};
    }

    /// As with pointers, in elements.
    /// @{
    remote_ptr& operator+=(std::ptrdiff_t n) noexcept {
        address_ = static_cast<Word>(address_ + static_cast<Word>(n) * static_cast<Word>(sizeof(T)));
        return *this;
    }
    remote_ptr& operator-=(std::ptrdiff_t n) noexcept { return *this += -n; }
    remote_ptr& operator++() noexcept { return *this += 1; }
    remote_ptr& operator--() noexcept { return *this -= 1; }
    friend remote_ptr operator+(remote_ptr p, std::ptrdiff_t n) noexcept { return p += n; }
    friend remote_ptr operator+(std::ptrdiff_t n, remote_ptr p) noexcept { return p += n; }
    friend remote_ptr operator-(remote_ptr p, std::ptrdiff_t n) noexcept { return p -= n; }
    /// @}
    /// Returns: the number of elements between the two.
    friend std::ptrdiff_t operator-(remote_ptr a, remote_ptr b) noexcept {
        using signed_word = std::make_signed_t<Word>;
        return static_cast<signed_word>(static_cast<Word>(a.address_ - b.address_)) /
               static_cast<std::ptrdiff_t>(sizeof(T));
    }

    /// Compares addresses.
    /// @{
    friend constexpr bool operator==(remote_ptr a, remote_ptr b) noexcept { return a.address_ == b.address_; }
    friend constexpr std::strong_ordering operator<=>(remote_ptr a, remote_ptr b) noexcept {
        return a.address_ <=> b.address_;
    }

    /// @}

    /// Writes the address, as in 0x7f3a2c001230.
    template <class Traits>
    friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, remote_ptr p) {
        char text[2 + 2 * sizeof(Word) + 1]{'0', 'x'};
        std::to_chars(text + 2, text + sizeof text - 1, p.address_, 16);
        return out << text;
    }

private:
    static constexpr Word checked(address a) {
        if (a != static_cast<Word>(a)) throw std::out_of_range("vmio::remote_ptr: more than a pointer can hold");
        return static_cast<Word>(a);
    }

    Word address_ = 0;
};

}  // namespace vmio
