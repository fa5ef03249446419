/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flood: handshakes at a rate, or held unfinished, from one thread. Built on demand:
 *
 *   ninja test/bench/bench-flood
 *   bench-flood [-m MODE] [-r RATE] [-b BURST] [-s SECONDS] [-n MOST] [-a ADDRESSES] IPV4 PORT
 *
 *   -m hello    each connection sends a ClientHello, waits for the answer and resets: the server
 *               pays for a handshake and the sender for next to nothing (default)
 *   -m full     each finishes its handshake and closes
 *   -m stalled  sends half a ClientHello and holds the connection; what is closed is opened again
 *   -r RATE     new connections per second (default 2000)
 *   -b BURST    that many of them at once (default 1)
 *   -s SECONDS  how long (default 10); SIGTERM ends it earlier
 *   -n MOST     connections at a time (default 2000); what would be more is skipped and counted
 *   -a ADDRESSES  of 127.1.0.0/16 to come from in turn (default 1: the one the kernel chooses)
 *
 * It prints one line of JSON: new connections offered, skipped, answered (the first byte of the
 * server's flight, or the end of the handshake), failed; the milliseconds from connect to answer;
 * how many connections were open at the end, and the CPU seconds it used itself.
 *
 * Connections that wait hold a slot, found by the number that epoll gives back. Errors of the peer
 * are counted; errors of our own end the program.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define N_EVENTS     256
#define HELLO_BYTES  4096
#define MOST_ANSWERS 2000000 /* answers whose time is kept */

enum mode { HELLO, FULL, STALLED };

struct slot {
    int fd; /* -1: free */
    bool is_connected, has_spoken;
    double began;
    SSL *ssl; /* FULL only */
};

static struct {
    enum mode mode;
    double rate, seconds;
    int n_most, n_addresses, n_burst;
    struct sockaddr_in to;

    int epoll;
    SSL_CTX *ctx;
    char hello[HELLO_BYTES];
    size_t n_hello;
    struct slot *slots;
    int *free_slots, n_free;
    float *answer_ms;
    unsigned long n_offered, n_skipped, n_answered, n_failed;
} f;

static volatile sig_atomic_t is_told_to_end; /* by SIGTERM */

static void end_soon(int number)
{
    (void)number;
    is_told_to_end = 1;
}

static void __attribute__((noreturn)) die(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- one connection ---- */

static void end(struct slot *slot, bool is_reset)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    SSL_free(slot->ssl);
    slot->ssl = NULL;
    if (is_reset) /* nothing stays behind in TIME_WAIT, so ports last for ever */
        setsockopt(slot->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(slot->fd);
    slot->fd = -1;
    f.free_slots[f.n_free++] = (int)(slot - f.slots);
}

static void fail(struct slot *slot)
{
    f.n_failed++;
    end(slot, true);
}

static void answered(struct slot *slot)
{
    if (f.n_answered < MOST_ANSWERS)
        f.answer_ms[f.n_answered] = (float)((now() - slot->began) * 1000);
    f.n_answered++;
    end(slot, true);
}

static void bind_address(int fd)
{
    static unsigned next;
    struct sockaddr_in from = {.sin_family = AF_INET};
    int one = 1;

    if (f.n_addresses <= 1)
        return;
    from.sin_addr.s_addr = htonl(0x7f010001u + next++ % (unsigned)f.n_addresses);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&from, sizeof(from)))
        die("bind");
}

static void begin(void)
{
    f.n_offered++;
    if (f.n_free == 0) {
        f.n_skipped++;
        return;
    }
    struct slot *slot = &f.slots[f.free_slots[--f.n_free]];
    memset(slot, 0, sizeof(*slot));
    slot->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (slot->fd < 0)
        die("socket");
    bind_address(slot->fd);
    slot->began = now();
    if (connect(slot->fd, (struct sockaddr *)&f.to, sizeof(f.to)) && errno != EINPROGRESS) {
        fail(slot);
        return;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET,
                                .data.u32 = (uint32_t)(slot - f.slots)};
    if (epoll_ctl(f.epoll, EPOLL_CTL_ADD, slot->fd, &event))
        die("epoll_ctl");
    if (f.mode == FULL) {
        slot->ssl = SSL_new(f.ctx);
        if (!slot->ssl || !SSL_set_fd(slot->ssl, slot->fd))
            die("SSL_new");
        SSL_set_connect_state(slot->ssl);
    }
}

static void shake_hands(struct slot *slot)
{
    int ret = SSL_do_handshake(slot->ssl);

    if (ret == 1) {
        answered(slot);
        return;
    }
    int err = SSL_get_error(slot->ssl, ret);
    if (err != SSL_ERROR_WANT_READ && err != SSL_ERROR_WANT_WRITE)
        fail(slot);
}

static void on_event(struct slot *slot, uint32_t events)
{
    char bytes[8192];

    if (events & EPOLLERR) {
        fail(slot);
        return;
    }
    if (events & EPOLLOUT)
        slot->is_connected = true;
    if (!slot->is_connected)
        return;
    if (f.mode == FULL) {
        shake_hands(slot);
        return;
    }
    if (!slot->has_spoken) {
        size_t n = f.mode == STALLED ? f.n_hello / 2 : f.n_hello;
        slot->has_spoken = true;
        if (send(slot->fd, f.hello, n, MSG_NOSIGNAL) != (ssize_t)n) {
            fail(slot);
            return;
        }
    }
    if (!(events & (EPOLLIN | EPOLLHUP)))
        return;
    ssize_t n = recv(slot->fd, bytes, sizeof(bytes), 0);
    if (n > 0 && bytes[0] == 22) /* a record of a handshake; anything else is an alert */
        answered(slot);
    else if (n >= 0 || errno != EAGAIN)
        fail(slot);
}

/* ---- all of them ---- */

/* The same hello for all: whoever floods does not roll dice for each. */
static void record_hello(void)
{
    SSL *ssl = SSL_new(f.ctx);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

    if (!ssl || !in || !out)
        die("SSL_new");
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    SSL_do_handshake(ssl);
    int n = BIO_read(out, f.hello, sizeof(f.hello));
    if (n <= 0)
        die("no ClientHello");
    f.n_hello = (size_t)n;
    SSL_free(ssl);
}

static void run(double began)
{
    struct epoll_event events[N_EVENTS];

    for (double t = 0; t < f.seconds && !is_told_to_end; t = now() - began) {
        double n_due = (double)(1 + (long)(t * f.rate / f.n_burst)) * f.n_burst;
        while ((double)f.n_offered < n_due && (f.mode != STALLED || f.n_free > 0))
            begin();
        if (f.mode == STALLED && f.n_free == 0)
            f.n_offered = (unsigned long)(t * f.rate); /* no backlog: what ends is opened again */
        int n = epoll_wait(f.epoll, events, N_EVENTS, 1);
        for (int i = 0; i < n; i++) {
            struct slot *slot = &f.slots[events[i].data.u32];
            if (slot->fd >= 0)
                on_event(slot, events[i].events);
        }
    }
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void report(double seconds)
{
    static const char *const names[] = {"hello", "full", "stalled"};
    size_t n = f.n_answered < MOST_ANSWERS ? f.n_answered : MOST_ANSWERS;
    struct rusage use;

    getrusage(RUSAGE_SELF, &use);
    double cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                 (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
    qsort(f.answer_ms, n, sizeof(*f.answer_ms), compare);
    printf("{\"mode\": \"%s\", \"seconds\": %.3f, \"offered\": %lu, \"skipped\": %lu, "
           "\"answered\": %lu, \"failed\": %lu, \"open\": %d, \"p50_ms\": %.2f, \"p99_ms\": %.2f, "
           "\"cpu_seconds\": %.3f}\n",
           names[f.mode], seconds, f.n_offered, f.n_skipped, f.n_answered, f.n_failed,
           f.n_most - f.n_free, n ? (double)f.answer_ms[n / 2] : 0,
           n ? (double)f.answer_ms[n * 99 / 100] : 0, cpu);
}

static void read_options(int argc, char **argv)
{
    f.rate = 2000;
    f.seconds = 10;
    f.n_most = 2000;
    f.n_addresses = 1;
    f.n_burst = 1;
    for (int o; (o = getopt(argc, argv, "m:r:b:s:n:a:")) != -1;) {
        if (o == 'm')
            f.mode = *optarg == 'f' ? FULL : *optarg == 's' ? STALLED : HELLO;
        else if (o == 'r')
            f.rate = atof(optarg);
        else if (o == 'b')
            f.n_burst = atoi(optarg);
        else if (o == 's')
            f.seconds = atof(optarg);
        else if (o == 'n')
            f.n_most = atoi(optarg);
        else if (o == 'a')
            f.n_addresses = atoi(optarg);
        else
            exit(2);
    }
    f.to.sin_family = AF_INET;
    if (optind + 2 != argc || f.n_most < 1 || f.n_burst < 1 ||
        !inet_aton(argv[optind], &f.to.sin_addr)) {
        fprintf(stderr,
                "usage: bench-flood [-m hello|full|stalled] [-r RATE] [-b BURST] [-s SECONDS] "
                "[-n MOST] [-a ADDRESSES] IPV4 PORT\n");
        exit(2);
    }
    f.to.sin_port = htons((uint16_t)atoi(argv[optind + 1]));
}

int main(int argc, char **argv)
{
    struct rlimit files;

    read_options(argc, argv);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    f.ctx = SSL_CTX_new(TLS_client_method());
    f.epoll = epoll_create1(EPOLL_CLOEXEC);
    f.slots = calloc((size_t)f.n_most, sizeof(*f.slots));
    f.free_slots = calloc((size_t)f.n_most, sizeof(*f.free_slots));
    f.answer_ms = malloc(MOST_ANSWERS * sizeof(*f.answer_ms));
    if (!f.ctx || f.epoll < 0 || !f.slots || !f.free_slots || !f.answer_ms)
        die("setup");
    SSL_CTX_set_session_cache_mode(f.ctx, SSL_SESS_CACHE_OFF);
    for (int i = 0; i < f.n_most; i++) {
        f.slots[i].fd = -1;
        f.free_slots[f.n_free++] = f.n_most - 1 - i;
    }
    signal(SIGTERM, end_soon);
    record_hello();
    double began = now();
    run(began);
    report(now() - began);
    return 0;
}
