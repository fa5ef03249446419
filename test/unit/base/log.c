/* SPDX-License-Identifier: Apache-2.0 */
/* The logger with files, full disks, pipes that nobody reads, and rotation; the error log. Long,
   because lines, files and what may befall them are one noun, with one set-up. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <sluice/base/err.h>
#include <sluice/base/log.h>

#define RING 4096 /* the smallest there is */

static char dir[64], path[128], other_path[128];
static char text[1 << 20]; /* what a file holds */

static int setup(void **state)
{
    snprintf(dir, sizeof(dir), "/tmp/sluice-log-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/log", dir);
    snprintf(other_path, sizeof(other_path), "%s/other", dir);
    return 0;
}

static int teardown(void **state)
{
    sl_log_set(NULL, SL_LOG_INFO);
    unlink(path);
    unlink(other_path);
    return rmdir(dir);
}

static struct sl_logger *logger_at(const char *target)
{
    struct sl_logger *l = NULL;
    assert_int_equal(sl_logger_new(target, 0, &l), 0);
    assert_non_null(l);
    return l;
}

static void write_line(struct sl_logger *l, const char *line)
{
    assert_true(sl_logger_write(l, sl_span_str(line)));
}

/* All that can be read now, into `text`. */
static size_t read_all(int fd)
{
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = 0;
    return len;
}

static const char *file_text(const char *name)
{
    int fd = open(name, O_RDONLY);
    assert_true(fd >= 0);
    read_all(fd);
    close(fd);
    return text;
}

static uint64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Waits for the writer thread: for long enough that a machine under load is no failure. */
#define wait_until(condition)                                                                      \
    do {                                                                                           \
        uint64_t wait_end_ms = clock_ms() + 20000;                                                 \
        while (!(condition)) {                                                                     \
            if (clock_ms() > wait_end_ms)                                                          \
                fail_msg("in vain: %s", #condition);                                               \
            usleep(1000);                                                                          \
        }                                                                                          \
    } while (0)

/* --- files --- */

static void lines_are_written_in_order(void **state)
{
    struct sl_logger *l = logger_at(path);
    write_line(l, "one");
    write_line(l, "");
    write_line(l, "three");
    uint64_t start_ms = clock_ms();
    sl_logger_free(&l);
    assert_true(clock_ms() - start_ms < 900); /* it waits for nothing but the lines */
    assert_null(l);
    assert_string_equal(file_text(path), "one\n\nthree\n");
    l = logger_at(path);
    usleep(50000); /* by now the writer sleeps */
    start_ms = clock_ms();
    sl_logger_free(&l);
    assert_true(clock_ms() - start_ms < 900);
    sl_logger_free(&l); /* nothing is freed twice */
}

static void lines_appear_without_being_asked_for(void **state)
{
    struct sl_logger *l = logger_at(path);
    write_line(l, "one");
    wait_until(strcmp(file_text(path), "one\n") == 0);
    write_line(l, "two");
    wait_until(strcmp(file_text(path), "one\ntwo\n") == 0);
    sl_logger_free(&l);
}

static void files_are_appended_to(void **state)
{
    struct stat st;
    mode_t before = umask(0);
    for (int i = 0; i < 2; i++) {
        struct sl_logger *l = logger_at(path);
        write_line(l, "line");
        sl_logger_free(&l);
    }
    umask(before);
    assert_string_equal(file_text(path), "line\nline\n");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
}

#define N_THREADS 4
#define N_LINES   3000

struct chatter {
    pthread_t thread;
    struct sl_logger *logger;
    unsigned id;
    uint64_t n_dropped;
};

static size_t filler_len(unsigned id, unsigned n)
{
    return (id * 37 + n * 11) % 150;
}

static void *chatter_main(void *arg)
{
    struct chatter *c = arg;
    char buf[200];
    for (unsigned n = 0; n < N_LINES; n++) {
        int len = snprintf(buf, sizeof(buf), "%u %u ", c->id, n);
        memset(buf + len, 'a' + (int)c->id, filler_len(c->id, n));
        while (!sl_logger_write(c->logger, sl_span(buf, (size_t)len + filler_len(c->id, n)))) {
            c->n_dropped++;
            usleep(100);
        }
    }
    return NULL;
}

/* The ring goes around hundreds of times; every line comes out whole, once and in its order. */
static void threads_do_not_mix_their_lines(void **state)
{
    struct sl_logger *l = logger_at(path);
    struct chatter chatters[N_THREADS] = {{0}};
    unsigned next[N_THREADS] = {0};
    uint64_t n_dropped = 0;
    for (unsigned i = 0; i < N_THREADS; i++) {
        chatters[i].logger = l;
        chatters[i].id = i;
        assert_int_equal(pthread_create(&chatters[i].thread, NULL, chatter_main, &chatters[i]), 0);
    }
    for (unsigned i = 0; i < N_THREADS; i++) {
        pthread_join(chatters[i].thread, NULL);
        n_dropped += chatters[i].n_dropped;
    }
    assert_int_equal(sl_logger_dropped(l), n_dropped);
    assert_int_equal(sl_logger_failed(l), 0);
    sl_logger_free(&l);
    FILE *file = fopen(path, "r");
    char buf[256];
    while (fgets(buf, sizeof(buf), file)) {
        unsigned id, n;
        int start;
        assert_int_equal(sscanf(buf, "%u %u%n", &id, &n, &start), 2);
        assert_int_equal(buf[start++], ' ');
        assert_true(id < N_THREADS);
        assert_int_equal(n, next[id]++);
        char filler[2] = {(char)('a' + (int)id), 0};
        assert_int_equal(strspn(buf + start, filler), filler_len(id, n));
        assert_string_equal(buf + start + filler_len(id, n), "\n");
    }
    fclose(file);
    for (unsigned i = 0; i < N_THREADS; i++)
        assert_int_equal(next[i], N_LINES);
}

static void a_line_that_cannot_fit_is_dropped(void **state)
{
    static char big[RING];
    struct sl_logger *l = logger_at(path);
    memset(big, 'x', sizeof(big));
    assert_false(sl_logger_write(l, sl_span(big, RING)));
    assert_int_equal(sl_logger_dropped(l), 1);
    assert_true(sl_logger_write(l, sl_span(big, RING - 1)));
    sl_logger_free(&l);
    assert_int_equal(strlen(file_text(path)), RING);
    assert_int_equal(text[RING - 1], '\n');
}

/* --- targets that refuse --- */

static void bad_targets_are_refused_at_once(void **state)
{
    struct sl_logger *l = NULL;
    char deep[160];
    snprintf(deep, sizeof(deep), "%s/none/log", dir);
    assert_int_equal(sl_logger_new(deep, 0, &l), SL_ERR_IO);
    assert_int_equal(sl_logger_new(dir, 0, &l), SL_ERR_IO);
    assert_int_equal(sl_logger_new("", 0, &l), SL_ERR_IO);
    /* Opening a fifo for writing waits for its reader, unless one takes care. */
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(sl_logger_new(path, 0, &l), SL_ERR_IO);
    unlink(path);
    close(open(path, O_CREAT | O_WRONLY, 0400));
    /* Root is denied nothing, so it must be somebody else for a moment. */
    uid_t user = geteuid();
    assert_int_equal(seteuid(user ? user : 65534), 0);
    int err = sl_logger_new(path, 0, &l);
    assert_int_equal(seteuid(user), 0);
    assert_int_equal(err, SL_ERR_DENIED);
    assert_null(l);
}

static void a_process_without_descriptors_gets_no_logger(void **state)
{
    struct sl_logger *l = NULL;
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &none);
    int err = sl_logger_new(path, 0, &l);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(err, SL_ERR_NO_FDS);
}

static void a_full_disk_costs_the_lines_and_nothing_else(void **state)
{
    struct sl_logger *l = logger_at("/dev/full");
    for (int i = 0; i < 50; i++)
        write_line(l, "lost");
    wait_until(sl_logger_failed(l) == 50);
    write_line(l, "lost");
    wait_until(sl_logger_failed(l) == 51);
    assert_int_equal(sl_logger_dropped(l), 0);
    sl_logger_free(&l);
}

/* The file takes 100 bytes, then refuses, then takes again: the line that was torn stays torn and
   counts as failed, and the first one afterwards does not stick to it. */
static void logging_resumes_after_a_full_disk(void **state)
{
    struct sl_logger *l = logger_at(path);
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100;
    setrlimit(RLIMIT_FSIZE, &small);
    for (int i = 0; i < 10; i++)
        sl_logger_write(l, SL_SPAN("a line of thirty bytes, newl."));
    for (int i = 0; i < 20000 && sl_logger_failed(l) < 7; i++)
        usleep(1000);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(sl_logger_failed(l), 7);
    write_line(l, "after");
    wait_until(strstr(file_text(path), "\nafter\n") != NULL);
    write_line(l, "wards");
    sl_logger_free(&l);
    assert_string_equal(file_text(path), "a line of thirty bytes, newl.\n"
                                         "a line of thirty bytes, newl.\n"
                                         "a line of thirty bytes, newl.\n"
                                         "a line of \nafter\nwards\n");
}

/* --- pipes --- */

/* A fifo at `path` whose reader does not read yet. */
static int make_reader(void)
{
    assert_int_equal(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(fd >= 0);
    return fd;
}

/* Fills pipe and ring until lines are dropped; returns how many were accepted. */
static unsigned write_until_full(struct sl_logger *l)
{
    unsigned n = 0;
    for (int n_refused = 0; n_refused < 20;) {
        char line[101];
        snprintf(line, sizeof(line), "%-100u", n);
        if (sl_logger_write(l, sl_span(line, 100))) {
            n++;
            n_refused = 0;
        } else {
            n_refused++;
            usleep(20000); /* time enough for the writer to come back, could it */
        }
    }
    return n;
}

/* Reads as slowly as it comes until the other side has closed; all n lines are there. */
static void assert_lines_arrive(int fd, unsigned n)
{
    size_t len = 0, end = (size_t)n * 101;
    uint64_t end_ms = clock_ms() + 20000;
    while (len < end && clock_ms() < end_ms) {
        ssize_t got = read(fd, text + len, 777);
        if (got > 0)
            len += (size_t)got;
        else
            usleep(1000);
    }
    assert_int_equal(len, end);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(strtoul(text + i * 101, NULL, 10), i);
        assert_int_equal(text[i * 101 + 100], '\n');
    }
}

static void a_full_ring_drops_lines_and_counts_them(void **state)
{
    int reader = make_reader();
    struct sl_logger *l = logger_at(path);
    unsigned n = write_until_full(l);
    assert_true(n > 32768 / 101);
    uint64_t n_dropped = sl_logger_dropped(l);
    assert_true(n_dropped >= 20);
    assert_false(
        sl_logger_write(l, SL_SPAN("a line that is longer than what little room may be left "
                                   "after a hundred bytes did not fit any more, surely")));
    assert_int_equal(sl_logger_dropped(l), n_dropped + 1);
    assert_lines_arrive(reader, n);
    assert_int_equal(sl_logger_failed(l), 0);
    sl_logger_free(&l);
    close(reader);
}

static void free_does_not_wait_for_a_pipe_that_nobody_reads(void **state)
{
    int reader = make_reader();
    struct sl_logger *l = logger_at(path);
    unsigned n = write_until_full(l);
    uint64_t start_ms = clock_ms();
    sl_logger_free(&l);
    uint64_t took_ms = clock_ms() - start_ms;
    assert_null(l);
    assert_in_range(took_ms, 900, 10000);
    /* The writer ends as soon as it can. What was in the pipe is there; the rest is lost whole. */
    assert_true(n > 32768 / 101);
    size_t len = 0;
    for (uint64_t end_ms = clock_ms() + 20000; clock_ms() < end_ms;) {
        ssize_t got = read(reader, text + len, 777);
        if (got == 0)
            break; /* the writer has closed it */
        if (got > 0)
            len += (size_t)got;
        else
            usleep(1000);
    }
    assert_true(len >= 32768 / 101 * 101 && len <= (size_t)n * 101);
    usleep(20000); /* closed first, freed then */
    close(reader);
}

/* Once given up, the writer finishes the write it is in and no other. */
static void what_is_left_when_free_gives_up_is_lost(void **state)
{
    int reader = make_reader(), filler = open(path, O_WRONLY | O_NONBLOCK);
    size_t n_filled = 0;
    struct sl_logger *l = logger_at(path);
    for (ssize_t n; (n = write(filler, text, 4096)) > 0;)
        n_filled += (size_t)n;
    close(filler);
    write_line(l, "first");
    usleep(300000); /* by now the writer hangs in the write of it */
    write_line(l, "second");
    sl_logger_free(&l);
    for (size_t n = 0; n < n_filled;)
        n += (size_t)read(reader, text, n_filled - n);
    memset(text, 0, 100);
    ssize_t n;
    wait_until((n = read(reader, text + strlen(text), 50)) == 0);
    assert_string_equal(text, "first\n");
    usleep(20000); /* closed first, freed then */
    close(reader);
}

static void a_reader_that_goes_away_does_not_kill(void **state)
{
    int reader = make_reader();
    struct sl_logger *l = logger_at(path);
    write_line(l, "one");
    wait_until(read(reader, text, 100) == 4);
    close(reader);
    void (*before)(int) = signal(SIGPIPE, SIG_DFL);
    write_line(l, "two");
    wait_until(sl_logger_failed(l) == 1);
    reader = open(path, O_RDONLY | O_NONBLOCK);
    write_line(l, "three");
    wait_until(read(reader, text, 100) == 6);
    signal(SIGPIPE, before);
    sl_logger_free(&l);
    close(reader);
}

/* The standard streams belong to somebody else too, who may have made them non-blocking. */
static void standard_streams_are_left_open(void **state)
{
    int fds[2], real = dup(STDERR_FILENO);
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    dup2(fds[1], STDERR_FILENO);
    struct sl_logger *l = logger_at("stderr");
    unsigned n = write_until_full(l);
    assert_lines_arrive(fds[0], n);
    sl_logger_reopen(l);
    write_line(l, "last");
    sl_logger_free(&l);
    bool is_open = fcntl(STDERR_FILENO, F_GETFD) >= 0;
    dup2(real, STDERR_FILENO);
    assert_true(is_open);
    assert_int_equal(read_all(fds[0]), 5);
    assert_string_equal(text, "last\n");
    close(real);
    close(fds[0]);
    close(fds[1]);
}

static void free_gives_up_on_a_full_non_blocking_pipe_too(void **state)
{
    int fds[2], real = dup(STDERR_FILENO);
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    dup2(fds[1], STDERR_FILENO);
    struct sl_logger *l = logger_at("stderr");
    write_until_full(l);
    uint64_t start_ms = clock_ms();
    sl_logger_free(&l);
    uint64_t took_ms = clock_ms() - start_ms;
    dup2(real, STDERR_FILENO);
    assert_in_range(took_ms, 900, 10000);
    close(real);
    close(fds[1]);
    size_t len = 0; /* the writer ends by itself: then the last descriptor is closed */
    wait_until((len = (size_t)read(fds[0], text, sizeof(text))) == 0);
    assert_int_equal(len, 0);
    usleep(20000); /* closed first, freed then */
    close(fds[0]);
}

/* --- rotation --- */

/* The lowest descriptor that is free: the same before and after if none was lost. */
static int free_descriptor(void)
{
    int fd = dup(STDERR_FILENO);
    close(fd);
    return fd;
}

static void a_file_is_opened_anew(void **state)
{
    int free_before = free_descriptor();
    struct sl_logger *l = logger_at(path);
    write_line(l, "old");
    wait_until(strcmp(file_text(path), "old\n") == 0);
    assert_int_equal(rename(path, other_path), 0);
    sl_logger_reopen(l);
    wait_until(access(path, F_OK) == 0); /* without a line to write */
    write_line(l, "new");
    sl_logger_free(&l);
    assert_string_equal(file_text(path), "new\n");
    assert_string_equal(file_text(other_path), "old\n");
    assert_int_equal(free_descriptor(), free_before);
}

#define LONG_LINE    200000 /* goes out in several writes */
#define N_LONG_LINES 60

static void *long_lines_main(void *arg)
{
    static char line[LONG_LINE];
    for (int n = 0; n < N_LONG_LINES; n++) {
        memset(line, 'A' + n, sizeof(line));
        while (!sl_logger_write(arg, sl_span(line, sizeof(line))))
            usleep(100);
    }
    return NULL;
}

/* Wherever the file is changed, each line is in one file, and none is lost. */
static void rotation_under_load_tears_no_line(void **state)
{
    struct sl_logger *l;
    pthread_t thread;
    char to[200];
    int n_files = 0, n_lines = 0;
    assert_int_equal(sl_logger_new(path, 4 * LONG_LINE, &l), 0);
    pthread_create(&thread, NULL, long_lines_main, l);
    while (n_files < 20) {
        snprintf(to, sizeof(to), "%s/%d", dir, n_files++);
        assert_int_equal(rename(path, to), 0);
        sl_logger_reopen(l);
        wait_until(access(path, F_OK) == 0);
    }
    pthread_join(thread, NULL);
    sl_logger_free(&l);
    for (int i = 0; i <= n_files; i++) {
        static char line[LONG_LINE + 2];
        snprintf(to, sizeof(to), "%s/%d", dir, i);
        const char *name = i < n_files ? to : path;
        FILE *file = fopen(name, "r");
        while (fgets(line, sizeof(line), file)) {
            char letter[2] = {(char)('A' + n_lines++), 0};
            assert_int_equal(strspn(line, letter), LONG_LINE);
            assert_string_equal(line + LONG_LINE, "\n");
        }
        fclose(file);
        unlink(name);
    }
    assert_int_equal(n_lines, N_LONG_LINES);
}

static void a_file_that_cannot_be_opened_anew_stays(void **state)
{
    struct sl_logger *errors = logger_at(other_path), *l;
    char sub[100], moved[100], deep[160];
    snprintf(sub, sizeof(sub), "%s/sub", dir);
    snprintf(moved, sizeof(moved), "%s/moved", dir);
    snprintf(deep, sizeof(deep), "%s/log", sub);
    assert_int_equal(mkdir(sub, 0700), 0);
    l = logger_at(deep);
    sl_log_set(errors, SL_LOG_INFO);
    write_line(l, "one");
    assert_int_equal(rename(sub, moved), 0);
    sl_logger_reopen(l);
    wait_until(strstr(file_text(other_path), "cannot be opened anew") != NULL);
    assert_non_null(strstr(file_text(other_path), "the old one stays: No such file or directory"));
    write_line(l, "two");
    sl_logger_free(&l);
    sl_log_set(NULL, SL_LOG_INFO);
    sl_logger_free(&errors);
    assert_int_equal(strlen(file_text(other_path)), strcspn(text, "\n") + 1); /* said once */
    snprintf(deep, sizeof(deep), "%s/log", moved);
    assert_string_equal(file_text(deep), "one\ntwo\n");
    unlink(deep);
    rmdir(moved);
}

/* --- the error log --- */

/* What sl_log makes of one message, without its time. */
static const char *logged(enum sl_log_level level, const char *message)
{
    struct sl_logger *l;
    unlink(path);
    l = logger_at(path);
    sl_log_set(l, SL_LOG_INFO);
    sl_log(level, "%s", message);
    sl_log_set(NULL, SL_LOG_INFO);
    sl_logger_free(&l);
    const char *line = file_text(path);
    return line[0] ? line + 25 : line;
}

/* By the clock of the log: time() may lag behind it, and so by a second for a moment. */
static time_t now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec;
}

static void messages_have_time_and_level(void **state)
{
    struct tm tm = {0};
    int ms;
    char zone;
    time_t before = now_s();
    assert_string_equal(logged(SL_LOG_WARN, "a message"), "warn a message\n");
    assert_int_equal(sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3d%c warn", &tm.tm_year, &tm.tm_mon,
                            &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms, &zone),
                     8);
    assert_int_equal(zone, 'Z');
    assert_int_equal(text[24], ' ');
    tm.tm_year -= 1900;
    tm.tm_mon--;
    assert_in_range(timegm(&tm), before, now_s());
}

static void levels_are_filtered(void **state)
{
    assert_string_equal(logged(SL_LOG_ERROR, "x"), "error x\n");
    assert_string_equal(logged(SL_LOG_INFO, "x"), "info x\n");
    assert_string_equal(logged(SL_LOG_DEBUG, "x"), "");
    sl_log_set(NULL, SL_LOG_DEBUG);
    assert_int_equal(sl_log_level(), SL_LOG_DEBUG);
    sl_log_set(NULL, SL_LOG_ERROR);
    assert_int_equal(sl_log_level(), SL_LOG_ERROR);
}

/* A peer that gets into a message can neither forge a line nor steer a terminal. */
static void control_characters_are_masked(void **state)
{
    assert_string_equal(logged(SL_LOG_INFO, "a\nb\r\t\x1B[2J\x7F \xC3\xA4"),
                        "info a?b???[2J? \xC3\xA4\n");
}

static void long_messages_are_cut_visibly(void **state)
{
    char message[3000];
    memset(message, 'x', sizeof(message));
    message[sizeof(message) - 1] = 0;
    logged(SL_LOG_INFO, message);
    size_t len = strlen(text);
    assert_in_range(len, 900, 1030);
    assert_string_equal(text + len - 5, "x...\n");
    message[900] = 0;
    assert_int_equal(strlen(logged(SL_LOG_INFO, message)), 5 + 900 + 1);
}

static void without_a_logger_lines_go_to_stderr(void **state)
{
    int fds[2], real = dup(STDERR_FILENO);
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    dup2(fds[1], STDERR_FILENO);
    errno = EXDEV;
    sl_log(SL_LOG_ERROR, "number %d", 7);
    int kept = errno;
    dup2(real, STDERR_FILENO);
    assert_int_equal(kept, EXDEV);
    read_all(fds[0]);
    assert_string_equal(text + 25, "error number 7\n");
    close(real);
    close(fds[0]);
    close(fds[1]);
}

static void levels_have_names(void **state)
{
    static const char *const bad[] = {"", "Error", "warning", "error ", "err", "unknown"};
    enum sl_log_level level;
    for (int i = 0; i < SL_N_LOG_LEVELS; i++) {
        const char *name = sl_log_level_name((enum sl_log_level)i);
        assert_int_equal(sl_log_level_read(sl_span_str(name), &level), 0);
        assert_int_equal(level, i);
    }
    assert_string_equal(sl_log_level_name(SL_LOG_DEBUG), "debug");
    assert_string_equal(sl_log_level_name(SL_N_LOG_LEVELS), "unknown");
    for (size_t i = 0; i < SL_N_ELEMENTS(bad); i++)
        assert_int_equal(sl_log_level_read(sl_span_str(bad[i]), &level), SL_ERR_INVALID);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(lines_are_written_in_order),
        TEST(lines_appear_without_being_asked_for),
        TEST(files_are_appended_to),
        TEST(threads_do_not_mix_their_lines),
        TEST(a_line_that_cannot_fit_is_dropped),
        TEST(bad_targets_are_refused_at_once),
        TEST(a_process_without_descriptors_gets_no_logger),
        TEST(a_full_disk_costs_the_lines_and_nothing_else),
        TEST(logging_resumes_after_a_full_disk),
        TEST(a_full_ring_drops_lines_and_counts_them),
        TEST(free_does_not_wait_for_a_pipe_that_nobody_reads),
        TEST(what_is_left_when_free_gives_up_is_lost),
        TEST(a_reader_that_goes_away_does_not_kill),
        TEST(standard_streams_are_left_open),
        TEST(free_gives_up_on_a_full_non_blocking_pipe_too),
        TEST(a_file_is_opened_anew),
        TEST(rotation_under_load_tears_no_line),
        TEST(a_file_that_cannot_be_opened_anew_stays),
        TEST(messages_have_time_and_level),
        TEST(levels_are_filtered),
        TEST(control_characters_are_masked),
        TEST(long_messages_are_cut_visibly),
        TEST(without_a_logger_lines_go_to_stderr),
        TEST(levels_have_names),
    };
#undef TEST
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
