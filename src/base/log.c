/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines to a file, off the data path. Callers copy a whole line into a ring under a mutex that is
 * never held during I/O; one writer thread per logger takes what is there and writes it straight
 * from the ring. It gathers for a few milliseconds first, so that a busy proxy pays one wake-up and
 * one write for many lines.
 *
 * Failures: a full ring drops the line and counts it. A line that the file refuses (disk full, no
 * reader) is counted as failed and the next one is tried, so that logging resumes by itself; if
 * half of it got out, the next line begins on a line of its own. A path that cannot be opened anew
 * leaves the old file in use and says so. A write may block for ever (a pipe that nobody reads):
 * then only the writer hangs. sl_logger_free waits for it for FREE_MS and then leaves the logger to
 * it.
 *
 * The error log is one logger for the whole process, behind a lock of its own so that it can be set
 * anew and the old one freed while other threads log.
 *
 * Owners: the caller owns the logger until sl_logger_free. The descriptor is the logger's own, also
 * for stdout. Everything goes with whoever leaves last: free, or the writer it gave up on.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <sluice/base/err.h>
#include <sluice/base/log.h>

#define RING_MIN_BYTES  4096
#define WRITE_MAX_BYTES 65536 /* one write; room for callers comes back after each */
#define GATHER_MS       10
#define FREE_MS         1000
#define POLL_MS         100 /* how soon a writer at a full non-blocking pipe sees that it shall end */
#define LINE_MAX_BYTES  1024

struct sl_logger {
    pthread_mutex_t mutex;
    pthread_cond_t work;  /* for the writer */
    pthread_cond_t ended; /* for sl_logger_free */
    pthread_t thread;
    /* Under the mutex: */
    size_t tail, n_used; /* the bytes in use: n_used from ring[tail] on, around the end */
    size_t wake_bytes;   /* a caller that reaches this fill wakes the writer */
    bool is_ending, is_given_up, has_ended, wants_reopen;
    /* Of the writer only, but for ring, which callers fill outside of the bytes in use: */
    int fd;
    bool is_mid_line; /* the file ends within a line */
    bool is_torn;     /* as above, and the rest of that line is lost */
    atomic_uint_fast64_t n_dropped, n_failed;
    size_t size;
    char *path; /* NULL: a standard stream, which is never opened anew */
    char ring[];
};

static int err_of_open(void)
{
    switch (errno) {
    case EACCES:
    case EPERM:
    case EROFS:
        return SL_ERR_DENIED;
    case ENOMEM:
        return SL_ERR_MEMORY;
    case EMFILE:
    case ENFILE:
        return SL_ERR_NO_FDS;
    default:
        return SL_ERR_IO;
    }
}

/* Opened without blocking, since a fifo without a reader would hold the caller; written with. */
static int open_path(const char *path, int *out_fd)
{
    int fd;
    do {
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return err_of_open();
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    *out_fd = fd;
    return 0;
}

static void logger_destroy(struct sl_logger *l)
{
    close(l->fd);
    pthread_mutex_destroy(&l->mutex);
    pthread_cond_destroy(&l->work);
    pthread_cond_destroy(&l->ended);
    free(l->path);
    free(l);
}

static struct timespec from_now(unsigned ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    return t;
}

/* Sleeps until there is something to do, then a little longer so that lines gather. Returns whether
   the writer goes on. The mutex is held. */
static bool wait_for_work(struct sl_logger *l)
{
    l->wake_bytes = 1;
    while (l->n_used == 0 && !l->is_ending && !l->wants_reopen)
        pthread_cond_wait(&l->work, &l->mutex);
    struct timespec until = from_now(GATHER_MS);
    l->wake_bytes = l->size / 2;
    while (l->n_used < l->wake_bytes && !l->is_ending && !l->wants_reopen)
        if (pthread_cond_timedwait(&l->work, &l->mutex, &until) == ETIMEDOUT)
            break;
    l->wake_bytes = SIZE_MAX;
    return !l->is_given_up && (l->n_used > 0 || !l->is_ending);
}

/* The largest part of n bytes that ends with a line; all n if not even one line does. */
static size_t whole_lines(const struct sl_logger *l, size_t start, size_t n)
{
    size_t len = n;
    while (len > 0 && l->ring[(start + len - 1) % l->size] != '\n')
        len--;
    return len ? len : n;
}

/* Writes some of the n bytes from ring[start] on. Returns how many, or -1 with errno. */
static ssize_t write_some(struct sl_logger *l, size_t start, size_t n)
{
    struct iovec parts[3];
    int n_parts = 0;
    size_t n_newline = l->is_torn ? 1 : 0;
    if (n > WRITE_MAX_BYTES)
        n = whole_lines(l, start, WRITE_MAX_BYTES);
    size_t n_first = n < l->size - start ? n : l->size - start;
    if (n_newline)
        parts[n_parts++] = (struct iovec){.iov_base = (void *)(uintptr_t) "\n", .iov_len = 1};
    parts[n_parts++] = (struct iovec){.iov_base = l->ring + start, .iov_len = n_first};
    if (n > n_first)
        parts[n_parts++] = (struct iovec){.iov_base = l->ring, .iov_len = n - n_first};
    ssize_t written = writev(l->fd, parts, n_parts);
    if (written <= 0)
        return written;
    l->is_torn = false;
    written -= (ssize_t)n_newline;
    if (written > 0)
        l->is_mid_line = l->ring[(start + (size_t)written - 1) % l->size] != '\n';
    return written;
}

/* The line at the front is lost; returns its length. If a part is out already, the file is torn. */
static size_t lose_line(struct sl_logger *l, size_t start, size_t n)
{
    size_t len = 0;
    while (len < n && l->ring[(start + len) % l->size] != '\n')
        len++;
    l->is_torn = l->is_torn || l->is_mid_line;
    l->is_mid_line = false;
    atomic_fetch_add_explicit(&l->n_failed, 1, memory_order_relaxed);
    return len + 1;
}

/* Writes or loses some of what is in the ring; returns how many bytes that were. May block. */
static size_t write_out(struct sl_logger *l, size_t start, size_t n)
{
    ssize_t written = write_some(l, start, n);
    if (written >= 0)
        return (size_t)written;
    if (errno == EINTR)
        return 0;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        /* A standard stream that somebody made non-blocking. */
        struct pollfd pfd = {.fd = l->fd, .events = POLLOUT};
        poll(&pfd, 1, POLL_MS);
        return 0;
    }
    return lose_line(l, start, n);
}

static void reopen(struct sl_logger *l)
{
    int fd;
    if (open_path(l->path, &fd)) {
        sl_log(SL_LOG_ERROR, "log file %s cannot be opened anew, the old one stays: %s", l->path,
               strerror(errno));
        return;
    }
    close(l->fd);
    l->fd = fd;
    l->is_torn = false;
}

static void *writer_main(void *arg)
{
    struct sl_logger *l = arg;
    pthread_mutex_lock(&l->mutex);
    while (wait_for_work(l)) {
        bool is_reopening = l->wants_reopen && !l->is_mid_line;
        size_t start = l->tail, n = l->n_used;
        if (is_reopening)
            l->wants_reopen = false;
        pthread_mutex_unlock(&l->mutex);
        if (is_reopening)
            reopen(l);
        size_t n_done = n ? write_out(l, start, n) : 0;
        pthread_mutex_lock(&l->mutex);
        l->n_used -= n_done;
        l->tail = l->n_used ? (l->tail + n_done) % l->size : 0;
    }
    l->has_ended = true;
    bool is_last = l->is_given_up;
    pthread_cond_signal(&l->ended);
    pthread_mutex_unlock(&l->mutex);
    if (is_last)
        logger_destroy(l);
    return NULL;
}

/* Signals are for the main thread; SIGPIPE above all must become EPIPE here. */
static int start_writer(struct sl_logger *l)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&l->thread, NULL, writer_main, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return SL_ERR_MEMORY;
    pthread_setname_np(l->thread, "sluice-log");
    return 0;
}

static int open_target(struct sl_logger *l, const char *path)
{
    bool is_stdout = strcmp(path, "stdout") == 0;
    if (!is_stdout && strcmp(path, "stderr") != 0) {
        l->path = strdup(path);
        return l->path ? open_path(path, &l->fd) : SL_ERR_MEMORY;
    }
    l->fd = fcntl(is_stdout ? STDOUT_FILENO : STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (l->fd >= 0 && (fcntl(l->fd, F_GETFL) & O_ACCMODE) == O_RDONLY) {
        /* closed when the process began: only a place holder */
        close(l->fd);
        l->fd = -1;
        return SL_ERR_IO;
    }
    return l->fd < 0 ? err_of_open() : 0;
}

int sl_logger_new(const char *path, size_t ring_bytes, struct sl_logger **out_logger)
{
    size_t size = ring_bytes < RING_MIN_BYTES ? RING_MIN_BYTES : ring_bytes;
    struct sl_logger *l = malloc(sizeof(*l) + size);
    pthread_condattr_t attr;
    if (!l)
        return SL_ERR_MEMORY;
    *l = (struct sl_logger){.size = size, .fd = -1, .wake_bytes = 1};
    int err = open_target(l, path);
    if (err) {
        free(l->path);
        free(l);
        return err;
    }
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&l->mutex, NULL);
    pthread_cond_init(&l->work, &attr);
    pthread_cond_init(&l->ended, &attr);
    pthread_condattr_destroy(&attr);
    err = start_writer(l);
    if (err) {
        logger_destroy(l);
        return err;
    }
    *out_logger = l;
    return 0;
}

void sl_logger_free(struct sl_logger **logger)
{
    struct sl_logger *l = *logger;
    if (!l)
        return;
    *logger = NULL;
    struct timespec until = from_now(FREE_MS);
    pthread_t thread = l->thread;
    pthread_mutex_lock(&l->mutex);
    l->is_ending = true;
    pthread_cond_signal(&l->work);
    while (!l->has_ended)
        if (pthread_cond_timedwait(&l->ended, &l->mutex, &until) == ETIMEDOUT)
            break;
    bool is_stuck = !l->has_ended;
    l->is_given_up = is_stuck;
    pthread_mutex_unlock(&l->mutex);
    if (is_stuck) {
        pthread_detach(thread); /* from here on the logger is its own */
        return;
    }
    pthread_join(thread, NULL);
    logger_destroy(l);
}

static void put(struct sl_logger *l, struct sl_span text)
{
    size_t head = (l->tail + l->n_used) % l->size;
    size_t n_first = text.len < l->size - head ? text.len : l->size - head;
    if (n_first)
        memcpy(l->ring + head, text.ptr, n_first);
    if (text.len > n_first)
        memcpy(l->ring, text.ptr + n_first, text.len - n_first);
    l->n_used += text.len;
}

bool sl_logger_write(struct sl_logger *logger, struct sl_span line)
{
    pthread_mutex_lock(&logger->mutex);
    bool has_room = line.len < logger->size - logger->n_used;
    bool is_waking = false;
    if (has_room) {
        size_t before = logger->n_used;
        put(logger, line);
        put(logger, SL_SPAN("\n"));
        is_waking = before < logger->wake_bytes && logger->n_used >= logger->wake_bytes;
    } else {
        atomic_fetch_add_explicit(&logger->n_dropped, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&logger->mutex);
    if (is_waking)
        pthread_cond_signal(&logger->work);
    return has_room;
}

void sl_logger_reopen(struct sl_logger *logger)
{
    pthread_mutex_lock(&logger->mutex);
    logger->wants_reopen = logger->path != NULL;
    pthread_cond_signal(&logger->work);
    pthread_mutex_unlock(&logger->mutex);
}

uint64_t sl_logger_dropped(const struct sl_logger *logger)
{
    return atomic_load_explicit(&logger->n_dropped, memory_order_relaxed);
}

uint64_t sl_logger_failed(const struct sl_logger *logger)
{
    return atomic_load_explicit(&logger->n_failed, memory_order_relaxed);
}

static pthread_rwlock_t error_lock = PTHREAD_RWLOCK_INITIALIZER;
static struct sl_logger *error_logger; /* NULL: lines go to stderr directly */
static atomic_int error_level = SL_LOG_INFO;

void sl_log_set(struct sl_logger *logger, enum sl_log_level level)
{
    pthread_rwlock_wrlock(&error_lock);
    error_logger = logger;
    pthread_rwlock_unlock(&error_lock);
    atomic_store_explicit(&error_level, (int)level, memory_order_relaxed);
}

enum sl_log_level sl_log_level(void)
{
    return (enum sl_log_level)atomic_load_explicit(&error_level, memory_order_relaxed);
}

/* RFC 3339 in UTC, as RFC 5424 section 6.2.3 has it. */
static void add_time(struct sl_str *s)
{
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    sl_str_addf(s, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(now.tv_nsec / 1000000));
}

static void write_stderr(struct sl_str *s)
{
    struct iovec parts[2] = {{.iov_base = s->ptr, .iov_len = s->len},
                             {.iov_base = (void *)(uintptr_t) "\n", .iov_len = 1}};
    ssize_t n;
    do {
        n = writev(STDERR_FILENO, parts, 2);
    } while (n < 0 && errno == EINTR);
}

void sl_log(enum sl_log_level level, const char *fmt, ...)
{
    char buf[LINE_MAX_BYTES];
    struct sl_str s;
    va_list args;
    int saved_errno = errno; /* callers log first and look at errno afterwards */
    if (level > sl_log_level())
        return;
    sl_str_init(&s, buf, sizeof(buf));
    add_time(&s);
    sl_str_add_char(&s, ' ');
    sl_str_addz(&s, sl_log_level_name(level));
    sl_str_add_char(&s, ' ');
    size_t start = s.len;
    va_start(args, fmt);
    sl_str_addv(&s, fmt, args);
    va_end(args);
    /* Messages quote peers and files: none of them may begin a line or steer a terminal. */
    for (size_t i = start; i < s.len; i++)
        if ((unsigned char)buf[i] < 0x20 || buf[i] == 0x7F)
            buf[i] = '?';
    if (s.is_cut)
        memcpy(buf + s.len - 3, "...", 3);
    pthread_rwlock_rdlock(&error_lock);
    if (error_logger)
        sl_logger_write(error_logger, sl_str_span(&s));
    else
        write_stderr(&s);
    pthread_rwlock_unlock(&error_lock);
    errno = saved_errno;
}

static const char *const level_names[SL_N_LOG_LEVELS] = {"error", "warn", "info", "debug"};

const char *sl_log_level_name(enum sl_log_level level)
{
    return (unsigned)level < SL_N_LOG_LEVELS ? level_names[level] : "unknown";
}

int sl_log_level_read(struct sl_span text, enum sl_log_level *out_level)
{
    for (int i = 0; i < SL_N_LOG_LEVELS; i++) {
        if (sl_span_eq(text, sl_span_str(level_names[i]))) {
            *out_level = (enum sl_log_level)i;
            return 0;
        }
    }
    return SL_ERR_INVALID;
}
