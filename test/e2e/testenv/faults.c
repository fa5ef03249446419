/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faults: makes system calls of the program fail on command, as a library that is loaded before
 * libc (LD_PRELOAD). testenv/faults.py compiles it, and steers it through a file that both have
 * mapped (SLUICE_FAULTS): a `struct control`, one `struct fault` for each call.
 *
 * A fault applies to internet sockets only, and with `port` only to those whose own or whose peer's
 * port it is: a failing pipe of the event loop would prove nothing but that it aborts. An
 * allocation fails when the program itself asked for it, and not libuv, which aborts when it cannot
 * watch one more descriptor; and not in the main thread, which must be able to tell.
 *
 * Where nothing is armed everything goes straight to libc.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum call {
    ACCEPT,
    SOCKET,
    CONNECT,
    READ,
    WRITE,
    ALLOCATE,
    RECV,
    EPOLL_CTL,
    SETSOCKOPT,
    GETSOCKOPT,
    IOCTL,
    TIMERFD_SETTIME, /* of any descriptor */
    N_CALLS
};

struct fault {
    int32_t error;  /* errno; 0: nothing is armed. READ, WRITE: negative: at most so many bytes */
    int32_t n_skip; /* so many calls go well first */
    int32_t n_left; /* then so many fail */
    int32_t every;  /* of those only each so-manieth; 0 and 1: all */
    int32_t port;   /* 0: any */
    int32_t n_seen; /* calls that it applied to, and how many failed */
    int32_t n_failed;
    int32_t unused;
};

struct control {
    struct fault faults[N_CALLS];
    int64_t realtime_ns, monotonic_ns; /* added to these clocks */
};

static struct control nothing, *control = &nothing;
static uintptr_t program_from, program_to;

/* ---- when ---- */

static int port_of(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)(const void *)a)->sin_port);
    if (a->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)a)->sin6_port);
    return -1;
}

static bool applies(const struct fault *f, int fd)
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof(a);
    int before = errno;
    bool does = false;

    if (getsockname(fd, (struct sockaddr *)&a, &len) == 0 && port_of(&a) >= 0) {
        does = !f->port || port_of(&a) == f->port;
        len = sizeof(a);
        if (!does && getpeername(fd, (struct sockaddr *)&a, &len) == 0)
            does = port_of(&a) == f->port;
    }
    errno = before;
    return does;
}

/* This call counts. True: it fails. */
static bool strikes(struct fault *f)
{
    int32_t n = __atomic_fetch_add(&f->n_seen, 1, __ATOMIC_RELAXED);

    if (n < f->n_skip || (f->every > 1 && (n - f->n_skip) % f->every != 0))
        return false;
    if (__atomic_fetch_sub(&f->n_left, 1, __ATOMIC_RELAXED) <= 0) {
        __atomic_store_n(&f->n_left, 0, __ATOMIC_RELAXED);
        return false;
    }
    __atomic_fetch_add(&f->n_failed, 1, __ATOMIC_RELAXED);
    return true;
}

/* True: the call on this socket fails with errno set, or moves at most *out_most bytes. */
static bool fails(enum call call, int fd, size_t *out_most)
{
    struct fault *f = &control->faults[call];
    int32_t error = __atomic_load_n(&f->error, __ATOMIC_ACQUIRE);

    if (!error || !applies(f, fd) || !strikes(f))
        return false;
    if (error > 0) {
        errno = error;
        return true;
    }
    if (out_most && *out_most > (size_t)-error)
        *out_most = (size_t)-error;
    return false;
}

static int on_object(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    (void)data;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        uintptr_t to = from + info->dlpi_phdr[i].p_memsz;
        if (info->dlpi_phdr[i].p_type != PT_LOAD)
            continue;
        if (!program_from || from < program_from)
            program_from = from;
        if (to > program_to)
            program_to = to;
    }
    return 1; /* the first is the program */
}

static void __attribute__((constructor)) begin(void)
{
    const char *path = getenv("SLUICE_FAULTS");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

    dl_iterate_phdr(on_object, NULL);
    if (fd < 0)
        return;
    void *mapped = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED)
        control = mapped;
    close(fd);
}

/* ---- what ---- */

#define REAL(type, name, ...)                                                                      \
    static type (*real)(__VA_ARGS__);                                                              \
    if (!real)                                                                                     \
    *(void **)&real = dlsym(RTLD_NEXT, #name)

int accept4(int fd, struct sockaddr *a, socklen_t *len, int flags)
{
    REAL(int, accept4, int, struct sockaddr *, socklen_t *, int);
    return fails(ACCEPT, fd, NULL) ? -1 : real(fd, a, len, flags);
}

int accept(int fd, struct sockaddr *a, socklen_t *len)
{
    REAL(int, accept, int, struct sockaddr *, socklen_t *);
    return fails(ACCEPT, fd, NULL) ? -1 : real(fd, a, len);
}

int socket(int domain, int type, int protocol)
{
    REAL(int, socket, int, int, int);
    struct fault *f = &control->faults[SOCKET];
    if (f->error && domain != AF_UNIX && strikes(f)) {
        errno = f->error;
        return -1;
    }
    return real(domain, type, protocol);
}

int connect(int fd, const struct sockaddr *to, socklen_t len)
{
    REAL(int, connect, int, const struct sockaddr *, socklen_t);
    struct fault *f = &control->faults[CONNECT];
    if (f->error &&
        (!f->port || port_of((const struct sockaddr_storage *)(const void *)to) == f->port) &&
        strikes(f)) {
        errno = f->error;
        return -1;
    }
    return real(fd, to, len);
}

ssize_t read(int fd, void *bytes, size_t n)
{
    REAL(ssize_t, read, int, void *, size_t);
    return fails(READ, fd, &n) ? -1 : real(fd, bytes, n);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    REAL(ssize_t, write, int, const void *, size_t);
    return fails(WRITE, fd, &n) ? -1 : real(fd, bytes, n);
}

/* The first part only, if it may not be all. */
ssize_t writev(int fd, const struct iovec *parts, int n_parts)
{
    REAL(ssize_t, writev, int, const struct iovec *, int);
    size_t most = SIZE_MAX;
    if (fails(WRITE, fd, &most))
        return -1;
    if (most == SIZE_MAX || n_parts < 1)
        return real(fd, parts, n_parts);
    struct iovec first = parts[0];
    first.iov_len = first.iov_len < most ? first.iov_len : most;
    return real(fd, &first, 1);
}

ssize_t recv(int fd, void *bytes, size_t n, int flags)
{
    REAL(ssize_t, recv, int, void *, size_t, int);
    return fails(RECV, fd, NULL) ? -1 : real(fd, bytes, n, flags);
}

int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
    REAL(int, epoll_ctl, int, int, int, struct epoll_event *);
    return fails(EPOLL_CTL, fd, NULL) ? -1 : real(epoll, what, fd, event);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t n)
{
    REAL(int, setsockopt, int, int, int, const void *, socklen_t);
    return fails(SETSOCKOPT, fd, NULL) ? -1 : real(fd, level, name, value, n);
}

int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict n)
{
    REAL(int, getsockopt, int, int, int, void *, socklen_t *);
    return fails(GETSOCKOPT, fd, NULL) ? -1 : real(fd, level, name, value, n);
}

int ioctl(int fd, unsigned long request, ...)
{
    REAL(int, ioctl, int, unsigned long, void *);
    va_list arguments;

    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return fails(IOCTL, fd, NULL) ? -1 : real(fd, request, argument);
}

int timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *before)
{
    REAL(int, timerfd_settime, int, int, const struct itimerspec *, struct itimerspec *);
    struct fault *f = &control->faults[TIMERFD_SETTIME];
    if (f->error && strikes(f)) {
        errno = f->error;
        return -1;
    }
    return real(fd, flags, at, before);
}

/* ---- memory ---- */

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

static bool is_starved(const void *caller)
{
    struct fault *f = &control->faults[ALLOCATE];

    if (!f->error || (uintptr_t)caller < program_from || (uintptr_t)caller >= program_to ||
        syscall(SYS_gettid) == getpid() || !strikes(f))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n)
{
    return is_starved(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return is_starved(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return is_starved(__builtin_return_address(0)) ? NULL : __libc_realloc(p, n);
}

/* ---- clocks ---- */

static int64_t shift_of(clockid_t clock)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        return __atomic_load_n(&control->realtime_ns, __ATOMIC_RELAXED);
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
        return __atomic_load_n(&control->monotonic_ns, __ATOMIC_RELAXED);
    default:
        return 0;
    }
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int ret = (int)syscall(SYS_clock_gettime, clock, out);
    int64_t shift = ret ? 0 : shift_of(clock);

    if (shift) {
        int64_t ns = out->tv_sec * INT64_C(1000000000) + out->tv_nsec + shift;
        out->tv_sec = ns / 1000000000;
        out->tv_nsec = ns % 1000000000;
    }
    return ret;
}

time_t time(time_t *out)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    if (out)
        *out = t.tv_sec;
    return t.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec t;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &t);
    out->tv_sec = t.tv_sec;
    out->tv_usec = t.tv_nsec / 1000;
    return 0;
}
