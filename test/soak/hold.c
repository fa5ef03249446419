/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold: many lawful TLS connections that rest, and now and then ask for something. test/soak/run
 * compiles and starts it; by hand:
 *
 *   cc -O2 -D_GNU_SOURCE -o hold hold.c -lssl -lcrypto
 *   hold -n CONNECTIONS [-r RATE] [-o OPENS] [-p PENDING] [-s SECONDS]
 *        [-a ADDRESSES] IPV4 PORT
 *
 *   -n CONNECTIONS  to hold; one that the server closes is opened again, resumed where it can be
 *   -r RATE         requests per second over all of them, to each in turn, besides the one that
 *                   each begins with (default 100)
 *   -o OPENS        at most so many new connections per second (default 400)
 *   -p PENDING      at most so many handshakes at a time (default 100): where the machine is slow,
 *                   a server rightly drops those that have waited for too long
 *   -s SECONDS      how long; SIGTERM ends it, too (default 60)
 *   -a ADDRESSES    of 127.1.0.0/16 to come from in turn (default 4)
 *
 * A request is GET /bytes/N, whose answer is the bytes i % 251: status, length and every byte are
 * looked at. A reload of the server may close a connection that rests while a request is on its way
 * to it: that request is sent again on a new connection (RFC 9112 section 9.3.1) and counted as
 * `retried`. SIGUSR1 says that a reload begins, SIGUSR2 that it is in force. Excused is only a
 * request that began between SIGUSR1 and 2 s after SIGUSR2, on a connection that had rested,
 * without a byte of an answer, and that ended soon; and we are careful: before a connection is
 * asked again it is looked at, and who was told `Connection: close` asks no more. Any other end is
 * `lost`, any other answer `wrong`, and what happened first is kept in `first`. A handshake that
 * fails is `failed`.
 *
 * Each second, and at its end, it prints one line of JSON. It ends by close_notify on all.
 *
 * Errors of the server are counted; errors of our own end the program.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
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

#define N_EVENTS   256
#define HEAD_BYTES 1024
#define PERIOD     251 /* of the bytes of an answer */
#define RELOAD_S   2   /* so long after it is in force a reload may close what rests */
#define NOTICE_S   10  /* so long may it take us to see an end: thousands end at once */

enum state { CLOSED, SHAKING, RESTING, ASKED };

struct slot {
    enum state state;
    int fd;
    SSL *ssl;
    SSL_SESSION *session; /* of the connection before */
    bool is_owed;         /* a request was lost to a closed connection */
    bool has_rested;      /* something was answered on this connection */
    bool is_last;         /* the answer says that it is */
    double asked_at;      /* now() */
    unsigned n_body;      /* bytes of the answer */
    unsigned n_head, at;  /* bytes of it that have come */
    char *head;           /* while it is read */
};

static struct {
    int n_slots, n_pending, n_addresses, epoll;
    double rate, opens, seconds;
    struct sockaddr_in to;
    SSL_CTX *ctx;
    struct slot *slots;
    int n_open, n_up; /* sockets; finished handshakes */
    unsigned long n_asked, n_answered, n_retried, n_lost, n_wrong, n_handshakes, n_resumed,
        n_failed, n_bytes;
    char first[300];
} h;

static volatile sig_atomic_t is_over, is_reloading;
static volatile double reload_began = HUGE_VAL, reload_in_force = HUGE_VAL; /* now() */

static void on_signal(int number)
{
    (void)number;
    is_over = 1;
}

static double now(void);

static void on_reload(int number)
{
    is_reloading = number == SIGUSR1;
    if (is_reloading)
        reload_began = now();
    else
        reload_in_force = now();
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

static void note(const char *what, const struct slot *s)
{
    if (!h.first[0])
        snprintf(
            h.first, sizeof(h.first),
            "%s: state %d, %u of %u bytes, errno %d, %s; asked %.3f s ago, a reload began %.3f "
            "s ago and was in force %.3f s ago",
            what, (int)s->state, s->at, s->n_body, errno, s->has_rested ? "had rested" : "was new",
            now() - s->asked_at, now() - reload_began, now() - reload_in_force);
}

/* ---- one connection ---- */

static void drop(struct slot *s)
{
    if (s->state == RESTING || s->state == ASKED)
        h.n_up--;
    SSL_free(s->ssl);
    free(s->head);
    close(s->fd);
    s->ssl = NULL;
    s->head = NULL;
    s->fd = -1;
    s->state = CLOSED;
    h.n_open--;
}

static void keep_session(struct slot *s)
{
    SSL_SESSION_free(s->session);
    s->session = SSL_get1_session(s->ssl);
    SSL_shutdown(s->ssl); /* without it OpenSSL would not resume this session */
}

/* Was the request on its way when a reload closed its connection? One that had begun before has
   arrived in time. */
static bool is_excused(const struct slot *s)
{
    return s->n_head == 0 && s->has_rested && s->asked_at >= reload_began &&
           (is_reloading || s->asked_at < reload_in_force + RELOAD_S) &&
           now() < s->asked_at + NOTICE_S;
}

/* The server closed, or something broke. */
static void ended(struct slot *s)
{
    if (s->state == SHAKING) {
        h.n_failed++;
        note("handshake", s);
        SSL_SESSION_free(s->session);
        s->session = NULL;
    } else if (s->state == ASKED && is_excused(s)) {
        h.n_retried++;
        s->is_owed = true;
    } else if (s->state == ASKED) {
        h.n_lost++;
        note("lost", s);
    }
    drop(s);
}

static void bind_address(int fd)
{
    static unsigned next;
    struct sockaddr_in from = {.sin_family = AF_INET};
    int one = 1;

    from.sin_addr.s_addr = htonl(0x7f010001u + next++ % (unsigned)h.n_addresses);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&from, sizeof(from)))
        die("bind");
}

static void open_slot(struct slot *s)
{
    int one = 1;

    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0)
        die("socket");
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    bind_address(s->fd);
    s->state = SHAKING;
    s->has_rested = s->is_last = false;
    s->at = s->n_head = 0;
    h.n_open++;
    s->ssl = SSL_new(h.ctx);
    if (!s->ssl || !SSL_set_fd(s->ssl, s->fd))
        die("SSL_new");
    SSL_set_connect_state(s->ssl);
    if (s->session)
        SSL_set_session(s->ssl, s->session);
    if (connect(s->fd, (struct sockaddr *)&h.to, sizeof(h.to)) && errno != EINPROGRESS)
        die("connect");
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = s};
    if (epoll_ctl(h.epoll, EPOLL_CTL_ADD, s->fd, &event))
        die("epoll_ctl");
}

static void ask(struct slot *s)
{
    char request[128];
    static unsigned next;

    s->n_body = next++ * 37 % 3000;
    int n = snprintf(request, sizeof(request), "GET /bytes/%u HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     s->n_body);
    s->state = ASKED;
    s->is_owed = false;
    s->asked_at = now();
    s->at = s->n_head = 0;
    if (!s->head && !(s->head = malloc(HEAD_BYTES)))
        die("malloc");
    h.n_asked++;
    if (SSL_write(s->ssl, request, n) != n)
        ended(s); /* it was closed meanwhile */
}

static void wrong(struct slot *s, const char *what)
{
    h.n_wrong++;
    note(what, s);
    drop(s);
}

/* The end of the head among the bytes so far, or NULL. */
static const char *end_of_head(struct slot *s)
{
    s->head[s->n_head] = '\0';
    const char *end = strstr(s->head, "\r\n\r\n");
    return end ? end + 4 : NULL;
}

static bool is_right_head(const struct slot *s)
{
    char expected[64];

    snprintf(expected, sizeof(expected), "\r\nContent-Length: %u\r\n", s->n_body);
    return strncmp(s->head, "HTTP/1.1 200 ", 13) == 0 && strcasestr(s->head, expected);
}

/* Bytes of the body. False: they are wrong. */
static bool check(struct slot *s, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++, s->at++)
        if (s->at >= s->n_body || (unsigned char)bytes[i] != s->at % PERIOD)
            return false;
    return true;
}

/* False: the slot is closed now. */
static bool take(struct slot *s, const char *bytes, size_t n)
{
    h.n_bytes += n;
    if (s->state != ASKED) {
        wrong(s, "bytes that nobody asked for");
        return false;
    }
    const char *body = s->n_head ? end_of_head(s) : NULL;
    if (!body) {
        size_t n_before = s->n_head;
        size_t n_copy = n < HEAD_BYTES - 1 - n_before ? n : HEAD_BYTES - 1 - n_before;
        memcpy(s->head + n_before, bytes, n_copy);
        s->n_head += (unsigned)n_copy;
        body = end_of_head(s);
        if (!body) {
            if (s->n_head == HEAD_BYTES - 1)
                wrong(s, "no head");
            return s->state == ASKED;
        }
        if (!is_right_head(s)) {
            memmove(h.first, s->head, h.first[0] ? 0 : 40);
            wrong(s, "head");
            return false;
        }
        s->is_last = strcasestr(s->head, "\r\nConnection: close\r\n") != NULL;
        size_t n_of_head = (size_t)(body - s->head) - n_before;
        s->n_head = (unsigned)(body - s->head);
        bytes += n_of_head;
        n -= n_of_head;
    }
    if (!check(s, bytes, n)) {
        wrong(s, "body");
        return false;
    }
    if (s->at == s->n_body) {
        h.n_answered++;
        s->state = RESTING;
        s->has_rested = true;
        free(s->head);
        s->head = NULL;
        if (s->is_last) {
            keep_session(s);
            drop(s);
            return false;
        }
    }
    return true;
}

static void shake(struct slot *s)
{
    int ret = SSL_do_handshake(s->ssl);

    if (ret == 1) {
        h.n_handshakes++;
        h.n_resumed += SSL_session_reused(s->ssl) ? 1 : 0;
        h.n_up++;
        s->state = RESTING;
        ask(s); /* who is silent now is soon sent away */
        return;
    }
    int err = SSL_get_error(s->ssl, ret);
    if (err != SSL_ERROR_WANT_READ && err != SSL_ERROR_WANT_WRITE)
        ended(s);
}

static void on_event(struct slot *s)
{
    char bytes[16384];
    int n;

    ERR_clear_error();
    if (s->state == SHAKING)
        shake(s);
    if (s->state != RESTING && s->state != ASKED)
        return;
    while ((n = SSL_read(s->ssl, bytes, sizeof(bytes))) > 0)
        if (!take(s, bytes, (size_t)n))
            return;
    int err = SSL_get_error(s->ssl, n);
    if (err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE)
        return;
    keep_session(s);
    ended(s);
}

/* ---- all of them ---- */

static struct slot *find(enum state state)
{
    static int next[2];
    int *at = &next[state == CLOSED];

    for (int i = 0; i < h.n_slots; i++) {
        struct slot *s = &h.slots[(*at)++ % h.n_slots];
        *at %= h.n_slots;
        if (s->state == state)
            return s;
    }
    return NULL;
}

static void report(double seconds)
{
    int n_owed = 0, n_asked = 0;

    for (int i = 0; i < h.n_slots; i++) {
        n_owed += h.slots[i].is_owed;
        n_asked += h.slots[i].state == ASKED;
    }
    for (char *p = h.first; *p; p++)
        if (*p == '"' || *p == '\\' || (unsigned char)*p < ' ')
            *p = ' ';
    printf("{\"seconds\": %.1f, \"open\": %d, \"up\": %d, \"asked\": %lu, \"answered\": %lu, "
           "\"waiting\": %d, \"owed\": %d, \"retried\": %lu, \"lost\": %lu, \"wrong\": %lu, "
           "\"handshakes\": %lu, \"resumed\": %lu, \"failed\": %lu, \"bytes\": %lu, "
           "\"first\": \"%s\"}\n",
           seconds, h.n_open, h.n_up, h.n_asked, h.n_answered, n_asked, n_owed, h.n_retried,
           h.n_lost, h.n_wrong, h.n_handshakes, h.n_resumed, h.n_failed, h.n_bytes, h.first);
    fflush(stdout);
}

static void turn(void)
{
    struct epoll_event events[N_EVENTS];
    int n = epoll_wait(h.epoll, events, N_EVENTS, 2);

    for (int i = 0; i < n; i++) {
        struct slot *s = events[i].data.ptr;
        if (s->fd >= 0)
            on_event(s);
    }
}

/* Credits grow with time and are not saved up: after a pause there is no burst. */
static void run(double began)
{
    double last = began, told = began, n_opens = 0, n_asks = 0;

    for (double t = began; t - began < h.seconds && !is_over; t = now()) {
        n_opens += (t - last) * h.opens;
        n_asks += (t - last) * h.rate;
        last = t;
        n_opens = n_opens > 20 ? 20 : n_opens;
        n_asks = n_asks > 20 ? 20 : n_asks;
        struct slot *s;
        for (; n_opens >= 1 && h.n_open < h.n_slots && h.n_open - h.n_up < h.n_pending &&
               (s = find(CLOSED));
             n_opens--)
            open_slot(s);
        for (; n_asks >= 1 && h.n_up > 0 && (s = find(RESTING)); n_asks--) {
            on_event(s); /* it may have been closed, and we have not looked yet */
            if (s->state == RESTING)
                ask(s);
        }
        turn();
        if (t - told >= 1) {
            report(t - began);
            told = t;
        }
    }
    for (double until = now() + 30; now() < until;) { /* what was asked is waited for */
        int n_busy = 0;
        for (int i = 0; i < h.n_slots; i++)
            n_busy += h.slots[i].state == ASKED || h.slots[i].state == SHAKING;
        if (n_busy == 0)
            break;
        turn();
    }
}

static void read_options(int argc, char **argv)
{
    h.rate = 100;
    h.opens = 400;
    h.n_pending = 100;
    h.seconds = 60;
    h.n_addresses = 4;
    for (int o; (o = getopt(argc, argv, "n:r:o:p:s:a:")) != -1;) {
        if (o == 'n')
            h.n_slots = atoi(optarg);
        else if (o == 'r')
            h.rate = atof(optarg);
        else if (o == 'o')
            h.opens = atof(optarg);
        else if (o == 'p')
            h.n_pending = atoi(optarg);
        else if (o == 's')
            h.seconds = atof(optarg);
        else if (o == 'a')
            h.n_addresses = atoi(optarg);
        else
            exit(2);
    }
    h.to.sin_family = AF_INET;
    if (optind + 2 != argc || h.n_slots < 1 || h.n_addresses < 1 ||
        !inet_aton(argv[optind], &h.to.sin_addr)) {
        fprintf(stderr, "usage: hold -n CONNECTIONS [-r RATE] [-o OPENS] [-p PENDING] "
                        "[-s SECONDS] [-a ADDRESSES] IPV4 PORT\n");
        exit(2);
    }
    h.to.sin_port = htons((uint16_t)atoi(argv[optind + 1]));
}

int main(int argc, char **argv)
{
    struct rlimit files;

    read_options(argc, argv);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_signal);
    signal(SIGUSR1, on_reload);
    signal(SIGUSR2, on_reload);
    h.ctx = SSL_CTX_new(TLS_client_method());
    h.epoll = epoll_create1(EPOLL_CLOEXEC);
    h.slots = calloc((size_t)h.n_slots, sizeof(*h.slots));
    if (!h.ctx || h.epoll < 0 || !h.slots)
        die("setup");
    SSL_CTX_set_session_cache_mode(h.ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_mode(h.ctx, SSL_MODE_RELEASE_BUFFERS);
    for (int i = 0; i < h.n_slots; i++)
        h.slots[i].fd = -1;
    double began = now();
    run(began);
    report(now() - began);
    for (int i = 0; i < h.n_slots; i++) {
        struct slot *s = &h.slots[i];
        if (s->state == CLOSED)
            continue;
        if (s->state == RESTING)
            SSL_shutdown(s->ssl);
        drop(s);
    }
    return 0;
}
