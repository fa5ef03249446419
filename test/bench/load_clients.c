// SPDX-License-Identifier: Apache-2.0
/*
 * Lawful clients. Each dials, shakes hands, sends requests one after the other, and reads each
 * response to its end; after its last one it waits for the proxy to close, and dials anew. With
 * requests_per_s requests leave on a schedule, and a latency is counted from the scheduled time, so
 * that a response that comes late cannot hide the wait of the next one. Resumed handshakes begin
 * with one full handshake, not counted, whose ticket is used; later tickets replace it.
 *
 * Any failure ends the process: a handshake of the other kind, a status other than 200, a body of
 * the wrong length, a connection that ends early, no progress for a while.
 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#include <openssl/err.h>

#define MAX_HEAD_BYTES 4096
#define N_EVENTS       256
#define NS_PER_S       1000000000ull
#define PATIENCE_NS    (30 * NS_PER_S)

enum state { DIALLING, SHAKING, RESTING, ANSWERED, ENDING, OVER };

struct crowd;

struct client {
    struct crowd *crowd;
    int fd;
    SSL *ssl;
    enum state state;
    unsigned i, n_requests; /* its number; requests on this connection */
    uint64_t n_scheduled;   /* requests that it was ever to send */
    uint64_t dialled_ns, due_ns;
    char head[MAX_HEAD_BYTES];
    size_t n_head_bytes, n_body_left;
    bool is_in_body;
};

struct crowd {
    const struct load_options *options;
    SSL_CTX *tls;
    SSL_SESSION *session; /* the newest */
    int epoll;
    struct client *clients;
    unsigned n_clients, n_over, n_shaken;
    bool is_warming, is_started;
    uint64_t start_ns, end_ns; /* end_ns 0: not by time */
    uint64_t n_begun, n_connections, n_resumed, n_requests, n_due, last_ns;
    struct load_samples handshakes, requests;
    char cipher[64], group[32];
    char keep_request[512], last_request[512];
};

static bool is_time_up(const struct crowd *crowd)
{
    return crowd->end_ns != 0 && load_now_ns() >= crowd->end_ns;
}

static void begin(struct client *c)
{
    struct crowd *crowd = c->crowd;
    uint64_t n_most = crowd->is_warming ? 1 : crowd->options->n_connections;
    if ((n_most != 0 && crowd->n_begun >= n_most) || (crowd->is_started && is_time_up(crowd))) {
        c->state = OVER;
        crowd->n_over++;
        return;
    }
    crowd->n_begun++;
    c->n_requests = 0;
    c->state = DIALLING;
    c->dialled_ns = load_now_ns();
    c->fd = load_dial(crowd->options, (unsigned)crowd->n_begun);
    c->ssl = SSL_new(crowd->tls);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1)
        load_fail("out of memory");
    SSL_set_connect_state(c->ssl);
    if (crowd->session != NULL) {
        /* A copy: OpenSSL lets a session of TLS 1.3 be resumed only once. */
        SSL_SESSION *session = SSL_SESSION_dup(crowd->session);
        if (session == NULL || SSL_set_session(c->ssl, session) != 1)
            load_fail("the session cannot be used");
        SSL_SESSION_free(session);
    }
    load_watch(crowd->epoll, c->fd, c);
}

static void end(struct client *c)
{
    /* Both sides are done: OpenSSL would not let an unfinished session be resumed. */
    SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(c->ssl);
    c->ssl = NULL;
    ERR_clear_error(); /* of a connection that ended without close_notify */
    load_drop(c->fd);
}

static void send_request(struct client *c)
{
    struct crowd *crowd = c->crowd;
    bool is_last = ++c->n_requests == crowd->options->n_requests;
    const char *text = is_last ? crowd->last_request : crowd->keep_request;
    int n_bytes = (int)strlen(text);
    c->n_head_bytes = 0;
    c->is_in_body = false;
    c->state = ANSWERED;
    if (SSL_write(c->ssl, text, n_bytes) != n_bytes) /* a socket's buffer is larger than this */
        load_fail("a request could not be sent");
}

/* When the n-th request of all is due; the clients take turns. */
static uint64_t schedule_ns(const struct crowd *crowd, uint64_t n)
{
    return crowd->start_ns + (uint64_t)((double)n / crowd->options->requests_per_s * 1e9);
}

/* The next request, if there is to be one and it is due. */
static void go_on(struct client *c)
{
    struct crowd *crowd = c->crowd;
    c->state = RESTING;
    if (!crowd->is_started)
        return;
    if (is_time_up(crowd) && crowd->options->n_requests == 0) {
        c->state = OVER;
        crowd->n_over++;
        return;
    }
    c->due_ns = load_now_ns();
    if (crowd->options->requests_per_s > 0) {
        uint64_t due_ns = schedule_ns(crowd, c->n_scheduled * crowd->n_clients + c->i);
        if (due_ns > c->due_ns)
            return;
        c->due_ns = due_ns;
        c->n_scheduled++;
    }
    send_request(c);
}

static void start(struct crowd *crowd)
{
    const struct load_options *options = crowd->options;
    crowd->is_started = true;
    crowd->start_ns = crowd->last_ns = load_now_ns();
    if (options->seconds > 0)
        crowd->end_ns = crowd->start_ns + (uint64_t)(options->seconds * 1e9);
    puts("ready");
    fflush(stdout);
}

static void shaken(struct client *c)
{
    struct crowd *crowd = c->crowd;
    bool is_resumed = SSL_session_reused(c->ssl) == 1;
    if (is_resumed != (crowd->options->is_resumed && !crowd->is_warming))
        load_fail("a handshake was %s", is_resumed ? "resumed" : "full: nothing was resumed");
    crowd->n_connections++;
    crowd->n_resumed += is_resumed;
    if (crowd->n_connections == 1) {
        const char *group = OBJ_nid2sn((int)SSL_get_negotiated_group(c->ssl));
        snprintf(crowd->cipher, sizeof(crowd->cipher), "%s", SSL_get_cipher_name(c->ssl));
        snprintf(crowd->group, sizeof(crowd->group), "%s", group != NULL ? group : "?");
    }
    load_samples_add(&crowd->handshakes, load_now_ns() - c->dialled_ns);
    if (crowd->options->n_requests != 0) {
        c->due_ns = load_now_ns();
        send_request(c);
        return;
    }
    c->state = RESTING;
    if (++crowd->n_shaken == crowd->n_clients) {
        start(crowd);
        if (crowd->options->requests_per_s == 0)
            for (unsigned i = 0; i < crowd->n_clients; i++)
                go_on(&crowd->clients[i]);
    }
}

/* The head is whole: what its body's length is. */
static void read_head(struct client *c, char *blank_line)
{
    *blank_line = '\0';
    const char *length = strcasestr(c->head, "\r\ncontent-length:");
    if (strncmp(c->head, "HTTP/1.1 200 ", 13) != 0 || length == NULL)
        load_fail("the response was: %s", c->head);
    c->n_body_left = strtoul(length + strlen("\r\ncontent-length:"), NULL, 10);
    if (c->n_body_left != c->crowd->options->body_bytes)
        load_fail("a body of %zu bytes: %s", c->n_body_left, c->head);
    c->is_in_body = true;
}

/* More of the response; true: it is whole. */
static bool take(struct client *c, const char *bytes, size_t n_bytes)
{
    if (!c->is_in_body) {
        size_t n = sizeof(c->head) - 1 - c->n_head_bytes;
        n = n < n_bytes ? n : n_bytes;
        memcpy(c->head + c->n_head_bytes, bytes, n);
        c->head[c->n_head_bytes + n] = '\0';
        char *blank_line = strstr(c->head, "\r\n\r\n");
        if (blank_line == NULL && n < n_bytes)
            load_fail("a head of more than %d bytes", MAX_HEAD_BYTES);
        if (blank_line == NULL) {
            c->n_head_bytes += n;
            return false;
        }
        n_bytes -= (size_t)(blank_line + 4 - c->head) - c->n_head_bytes;
        read_head(c, blank_line);
    }
    if (n_bytes > c->n_body_left)
        load_fail("more bytes than the response has");
    c->n_body_left -= n_bytes;
    return c->n_body_left == 0;
}

static void answered(struct client *c)
{
    struct crowd *crowd = c->crowd;
    uint64_t now_ns = load_now_ns();
    crowd->n_requests++;
    crowd->last_ns = now_ns;
    load_samples_add(&crowd->requests, now_ns - c->due_ns);
    if (c->n_requests == crowd->options->n_requests) {
        c->state = ENDING;
        return;
    }
    c->due_ns = now_ns;
    if (crowd->options->n_requests != 0)
        send_request(c);
    else
        go_on(c);
}

static bool is_awaiting(const struct client *c, int ret)
{
    int error = SSL_get_error(c->ssl, ret);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static void read_response(struct client *c)
{
    static char bytes[64 << 10];
    while (c->state == ANSWERED || c->state == ENDING) {
        int n = SSL_read(c->ssl, bytes, sizeof(bytes));
        if (n <= 0 && is_awaiting(c, n))
            return;
        if (n <= 0 && c->state == ANSWERED)
            load_fail("the connection ended within a response");
        if (n > 0 && c->state == ENDING)
            load_fail("bytes after the last response");
        if (n <= 0) {
            end(c);
            begin(c);
            return;
        }
        if (!take(c, bytes, (size_t)n))
            continue;
        answered(c);
        /* The answer to what was just sent is an event of its own: no read in vain. */
        if (c->state == ANSWERED && !SSL_has_pending(c->ssl))
            return;
    }
}

static void step(struct client *c, uint32_t events)
{
    if (c->state == DIALLING) {
        if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0)
            return;
        load_check_dialled(c->fd);
        c->state = SHAKING;
    }
    if (c->state == SHAKING) {
        int ret = SSL_do_handshake(c->ssl);
        if (ret == 1)
            shaken(c);
        else if (!is_awaiting(c, ret))
            load_fail("a handshake failed");
        return;
    }
    if (c->state == RESTING && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        load_fail("a resting connection was closed");
    read_response(c);
}

/* Clients whose next request is due send it; when the next one will be, 0 without a schedule. */
static uint64_t keep_schedule(struct crowd *crowd)
{
    if (!crowd->is_started || crowd->options->requests_per_s == 0)
        return crowd->end_ns;
    uint64_t now_ns = load_now_ns();
    uint64_t due_ns = 0;
    for (;; crowd->n_due++) {
        struct client *c = &crowd->clients[crowd->n_due % crowd->n_clients];
        due_ns = schedule_ns(crowd, crowd->n_due);
        if (due_ns > now_ns || now_ns >= crowd->end_ns)
            break;
        if (c->state == RESTING) /* others come to it when they have their response */
            go_on(c);
    }
    return due_ns;
}

static void stop_resting(struct crowd *crowd)
{
    for (unsigned i = 0; i < crowd->n_clients; i++)
        if (crowd->clients[i].state == RESTING)
            go_on(&crowd->clients[i]);
}

/* Until all are over. */
static void run(struct crowd *crowd)
{
    struct epoll_event events[N_EVENTS];
    uint64_t progress_ns = load_now_ns();
    for (unsigned i = 0; i < crowd->n_clients; i++)
        begin(&crowd->clients[i]);
    while (crowd->n_over < crowd->n_clients) {
        uint64_t now_ns = load_now_ns(), until_ns = keep_schedule(crowd);
        bool is_ending = crowd->end_ns != 0 && now_ns >= crowd->end_ns;
        if (is_ending)
            stop_resting(crowd);
        if (until_ns == 0 || is_ending)
            until_ns = now_ns + NS_PER_S;
        if (crowd->n_over == crowd->n_clients)
            break;
        int n = load_wait(crowd->epoll, events, N_EVENTS, until_ns);
        for (int i = 0; i < n; i++)
            step(events[i].data.ptr, events[i].events);
        if (n > 0)
            progress_ns = load_now_ns();
        else if (load_now_ns() - progress_ns > PATIENCE_NS)
            load_fail("no progress for %d seconds", (int)(PATIENCE_NS / NS_PER_S));
    }
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct crowd *crowd = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    SSL_SESSION_free(crowd->session);
    crowd->session = session;
    return 1;
}

/* One connection for its ticket. */
static void warm_up(struct crowd *crowd)
{
    unsigned n_clients = crowd->n_clients;
    crowd->is_warming = true;
    crowd->n_clients = 1;
    run(crowd);
    if (crowd->session == NULL)
        load_fail("no ticket came");
    crowd->is_warming = false;
    crowd->n_clients = n_clients;
    crowd->n_over = 0;
    crowd->n_begun = crowd->n_connections = crowd->n_requests = 0;
    crowd->handshakes.n = crowd->requests.n = 0;
}

static void print_figures(struct crowd *crowd)
{
    const struct load_options *options = crowd->options;
    double seconds = (double)(crowd->last_ns - crowd->start_ns) / 1e9;
    printf("{\"connections\": %llu, \"resumed\": %llu, \"requests\": %llu, \"seconds\": %.6f",
           (unsigned long long)crowd->n_connections, (unsigned long long)crowd->n_resumed,
           (unsigned long long)crowd->n_requests, seconds);
    printf(", \"requests_per_s\": %.1f, \"tls\": \"%s\", \"cipher\": \"%s\", \"group\": \"%s\"",
           (double)crowd->n_requests / seconds, options->version == TLS1_3_VERSION ? "1.3" : "1.2",
           crowd->cipher, crowd->group);
    load_samples_print(&crowd->handshakes, "handshake_us");
    load_samples_print(&crowd->requests, "request_us");
    puts("}");
}

void load_clients(const struct load_options *options)
{
    struct crowd crowd = {.options = options, .n_clients = options->n_clients};
    crowd.tls = load_tls(options);
    crowd.epoll = epoll_create1(EPOLL_CLOEXEC);
    crowd.clients = calloc(options->n_clients, sizeof(crowd.clients[0]));
    if (crowd.epoll < 0 || crowd.clients == NULL)
        load_fail("out of memory");
    for (unsigned i = 0; i < options->n_clients; i++)
        crowd.clients[i] = (struct client){.crowd = &crowd, .fd = -1, .i = i};
    snprintf(crowd.keep_request, sizeof(crowd.keep_request),
             "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", options->path);
    snprintf(crowd.last_request, sizeof(crowd.last_request),
             "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", options->path);
    if (options->is_resumed) {
        SSL_CTX_set_session_cache_mode(crowd.tls,
                                       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(crowd.tls, keep_session);
        SSL_CTX_set_app_data(crowd.tls, &crowd);
        warm_up(&crowd);
    }
    if (options->n_requests != 0)
        start(&crowd);
    run(&crowd);
    print_figures(&crowd);
    for (unsigned i = 0; i < options->n_clients; i++)
        if (crowd.clients[i].ssl != NULL)
            end(&crowd.clients[i]);
    SSL_SESSION_free(crowd.session);
    SSL_CTX_free(crowd.tls);
    load_samples_free(&crowd.handshakes);
    load_samples_free(&crowd.requests);
    free(crowd.clients);
}
