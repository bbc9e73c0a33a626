#!/bin/sh
# system_calls.sh DIRECTORY: fails if a source of the library calls a cancellation point of the C library, or starts a
# thread, other than through base/system_call.hpp and base/worker_thread.hpp.
cd "$1" || exit 2
calls='open|openat|creat|close|read|write|pread|pwrite|readv|writev|preadv|pwritev|fallocate|fsync|fdatasync|msync'
calls="$calls|waitid|waitpid|poll|ppoll|select|epoll_wait|nanosleep|copy_file_range|splice|send|sendto|sendmsg|recv"
calls="$calls|recvfrom|recvmsg|connect|accept|accept4"
found=$(grep -rnE "(^|[^a-zA-Z0-9_:>.])::($calls)\(|std::(thread|jthread|async|stop_token)|pthread_create" --include='*.[ch]pp' . |
    grep -vE '^\./base/(system_call|worker_thread)\.hpp:')
[ -z "$found" ] && exit 0
echo "$found"
exit 1
