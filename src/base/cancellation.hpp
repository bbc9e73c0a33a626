// SPDX-License-Identifier: BSL-1.0
/// Protection from pthread_cancel(3).
#pragma once

#include <pthread.h>

namespace vmio::detail {

/// While one exists, the calling thread is not cancelled: a request stays pending until the scope ends and the thread
/// reaches its next cancellation point. For calls that wait, and for library functions that hide system calls: a
/// cancellation unwinds the stack, which ends the program if there is a noexcept function or a `catch (...)` on it.
/// System calls have wrappers without a cancellation point in system_call.hpp.
class cancellation_disabled {
public:
    cancellation_disabled() noexcept { ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
    cancellation_disabled(const cancellation_disabled&) = delete;
    cancellation_disabled& operator=(const cancellation_disabled&) = delete;
    ~cancellation_disabled() { ::pthread_setcancelstate(before_, nullptr); }

private:
    int before_ = PTHREAD_CANCEL_ENABLE;
};

}  // namespace vmio::detail
