/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server: the main thread.
 *
 *   prepare the first generation -> make all workers -> start them -> run the loop
 *       SIGHUP:  prepare another generation -> ADOPT to every worker -> all have answered -> retire
 * the old SIGTERM, SIGINT: DRAIN to every worker -> all have answered -> stop SIGINT while
 * draining: stop at once stop -> join the workers -> take everything down
 *
 * Failure modes: at the start every error ends it before anything serves. A reload that fails in
 * its preparation changes nothing; it is logged and counted. A reload that was prepared cannot fail
 * any more, except that a worker may be short of memory or descriptors for a new socket: that is
 * logged.
 *
 * Ownership: the server owns the generation in force; the one before is kept until every worker has
 * adopted the new one, because they may still write to its logs. Letters are on the heap and freed
 * when they are back; those of DRAIN belong to their worker.
 */
#include "server.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <sluice/loop/deadline.h>
#include <sluice/loop/signals.h>
#include "admin.h"
#include "sockets.h"
#include "worker.h"

/* A ticket opens for one to two lives of its key, that is for half a day to a day. */
#define TICKET_KEY_S       (12 * 3600)
#define TICKET_ROTATION_MS (10 * 60 * 1000) /* how often the age of the key is looked at */

/* With fewer nothing could be served, and libuv ends the process when it has none for its own use.
 */
#define MIN_FDS 64

struct sl_server {
    const struct sl_source *source;
    uint64_t started_us, started_ms; /* wall clock; the loop's clock */
    uint64_t max_fds;
    struct sl_loop *loop;
    struct sl_signals *signals;
    struct sl_mailbox *inbox;
    struct sl_ticket_keys *ticket_keys;
    struct sl_deadline rotation;
    struct sl_generation *generation; /* in force */
    struct sl_generation *retired;    /* until all workers have left it; else NULL */
    struct sl_admin *admin;           /* NULL: off */
    struct sl_worker **workers;
    size_t n_workers;
    size_t n_adopting, n_draining; /* answers that are awaited */
    bool is_draining;
    bool wants_reload; /* asked for while another was under way */
    uint64_t n_reloads, n_reload_failures;
    enum sl_exit result;
};

/* ---- what the status endpoint asks ---- */

static bool is_ready(void *owner)
{
    const struct sl_server *server = owner;
    return !server->is_draining;
}

static int new_facts(void *owner, struct sl_facts *out_facts)
{
    const struct sl_server *server = owner;
    int err = sl_facts_init(out_facts, server->generation);
    if (!err)
        out_facts->n_workers = server->n_workers;
    return err;
}

static void fill_facts(void *owner, struct sl_facts *facts)
{
    const struct sl_server *server = owner;
    const struct sl_generation *g = server->generation;
    facts->now_us = sl_wall_us();
    facts->started_us = server->started_us;
    facts->uptime_ms = sl_loop_now_ms(server->loop) - server->started_ms;
    facts->n_reloads = server->n_reloads;
    facts->n_reload_failures = server->n_reload_failures;
    facts->is_draining = server->is_draining;
    sl_process_use(&facts->process);
    for (size_t i = 0; i < server->n_workers; i++)
        sl_counters_sum(&facts->counters, &server->workers[i]->counters);
    facts->n_log_dropped = sl_logger_dropped(g->log);
    facts->n_log_failed = sl_logger_failed(g->log);
    if (g->access) {
        facts->n_access_dropped = sl_logger_dropped(g->access);
        facts->n_access_failed = sl_logger_failed(g->access);
    }
}

static int survey(void *owner, struct sl_facts *facts, sl_survey_fn *on_done, void *asker,
                  struct sl_survey **out_survey)
{
    struct sl_server *server = owner;
    return sl_survey_open(server->loop, server->workers, server->n_workers, facts, on_done, asker,
                          out_survey);
}

/* Opens the status endpoint on the generation's socket, if it brings one. */
static int open_admin(struct sl_server *server)
{
    const struct sl_admin_source source = {
        .owner = server,
        .loop = server->loop,
        .is_ready = is_ready,
        .new_facts = new_facts,
        .survey = survey,
        .fill = fill_facts,
    };
    int fd = server->generation->status_fd;
    if (!server->generation->plan->config->status.is_on) {
        sl_admin_close(&server->admin);
        return 0;
    }
    if (fd < 0)
        return 0; /* it stays where it is */
    sl_admin_close(&server->admin);
    server->generation->status_fd = -1;
    return sl_admin_open(&source, fd, &server->admin);
}

/* ---- reports and notices ---- */

static void log_line(void *ctx, const char *line)
{
    sl_log(SL_LOG_ERROR, "%s", line);
}

/* Those that the generation `before` (or NULL) had not. */
static void log_listeners(const struct sl_generation *g, const struct sl_generation *before)
{
    const struct sl_config *config = g->plan->config;
    for (size_t i = 0; i < config->n_listeners; i++) {
        const struct sl_listener_config *l = &config->listeners[i];
        if (!sl_generation_has_address(before, &l->address))
            sl_log(SL_LOG_INFO, "listener %s on %s: %s%s%s", l->name, l->address_text,
                   l->is_tls ? "TLS" : "plain HTTP", l->is_tls && l->has_tls12 ? " 1.2" : "",
                   l->is_tls && l->has_tls13 ? " 1.3" : "");
    }
    if (config->status.is_on && !sl_generation_has_status(before, &config->status.address))
        sl_log(SL_LOG_INFO, "status on %s: /metrics /status /healthz /readyz",
               config->status.address_text);
}

static void log_start(const struct sl_server *server)
{
    const struct sl_generation *g = server->generation;
    sl_log(SL_LOG_INFO, "sluice %s: %s", sl_process_version(), sl_process_libraries());
    sl_log(SL_LOG_INFO, "%zu workers, %" PRIu64 " file descriptors, at most %" PRIu64 " clients",
           server->n_workers, server->max_fds, g->plan->config->limits.max_connections);
    for (size_t i = 0; i < g->n_certificates; i++)
        sl_log(SL_LOG_INFO, "certificate %s: %s", g->certificates[i].file, g->certificates[i].text);
    log_listeners(g, NULL);
    sl_log(SL_LOG_INFO, "ready");
}

/* ---- reload ---- */

/* What a worker needs to serve under this generation. Its sockets go into the letter. */
static int make_adopt(struct sl_generation *g, size_t worker, struct sl_letter **out_letter)
{
    const struct sl_config *config = g->plan->config;
    struct sl_letter *letter;
    int err = sl_letter_new(SL_ORDER_ADOPT, &letter);
    if (err)
        return err;
    letter->plan = sl_plan_ref(g->plan);
    letter->access = g->access;
    letter->listeners = calloc(config->n_listeners + 1, sizeof(struct sl_worker_listener *));
    if (!letter->listeners)
        err = SL_ERR_MEMORY;
    else
        letter->n_listeners = config->n_listeners;
    for (size_t i = 0; i < config->n_listeners && !err; i++) {
        int *fd = &g->fds[i * g->n_workers + worker];
        if (*fd < 0)
            continue;
        err = sl_letter_add_listener(letter, i, *fd, &config->listeners[i]);
        *fd = -1;
    }
    if (err) {
        sl_letter_free(&letter);
        return err;
    }
    *out_letter = letter;
    return 0;
}

/* Unix paths that nobody listens at any more. `heir` NULL: all of them. */
static void unlink_sockets(const struct sl_generation *g, const struct sl_generation *heir)
{
    const struct sl_config *config = g->plan->config;
    for (size_t i = 0; i < config->n_listeners; i++)
        if (!sl_generation_has_address(heir, &config->listeners[i].address))
            sl_sockets_unlink(&config->listeners[i].address);
}

static void unlink_status(const struct sl_generation *g, const struct sl_generation *heir)
{
    const struct sl_config *config = g->plan->config;
    if (config->status.is_on && !sl_generation_has_status(heir, &config->status.address))
        sl_sockets_unlink(&config->status.address);
}

/* Puts a prepared generation in force. After the letters are made nothing can fail. */
static int commit(struct sl_server *server, struct sl_generation *next)
{
    struct sl_letter **letters = calloc(server->n_workers, sizeof(struct sl_letter *));
    int err = letters ? 0 : SL_ERR_MEMORY;
    for (size_t i = 0; i < server->n_workers && !err; i++)
        err = make_adopt(next, i, &letters[i]);
    for (size_t i = 0; letters && i < server->n_workers; i++) {
        if (err)
            sl_letter_free(&letters[i]);
        else
            sl_worker_send(server->workers[i], letters[i]);
    }
    free(letters);
    if (err)
        return err;

    server->n_adopting = server->n_workers;
    server->retired = server->generation;
    server->generation = next;
    sl_log_set(next->log, next->plan->config->log.level);
    unlink_status(server->retired, next);
    if (open_admin(server))
        sl_log(SL_LOG_ERROR, "the status endpoint cannot be opened: out of memory or descriptors");
    return 0;
}

static void notify_reloading(void)
{
    struct timespec now;
    char text[64];
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
             (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
    sl_process_notify(text);
}

static void reload(struct sl_server *server)
{
    if (server->is_draining) {
        sl_log(SL_LOG_WARN, "no reload: sluice is draining");
        return;
    }
    if (server->retired) {
        server->wants_reload = true;
        return;
    }
    sl_log(SL_LOG_INFO, "reload: reading the configuration");
    notify_reloading();
    const struct sl_preparation how = {
        .source = server->source,
        .present = server->generation,
        .ticket_keys = server->ticket_keys,
        .max_fds = server->max_fds,
    };
    struct sl_report *report = NULL;
    struct sl_generation *next = NULL;
    int err = sl_report_new(server->source->file ? server->source->file : "quickstart", &report);
    if (!err)
        err = sl_generation_prepare(&how, report, &next);
    if (!err)
        err = commit(server, next);
    if (err) {
        if (next)
            sl_generation_free(&next, server->generation);
        if (report)
            sl_report_each(report, log_line, NULL);
        server->n_reload_failures++;
        sl_log(SL_LOG_ERROR, "reload failed: %s; generation %" PRIu64 " stays in force",
               err == SL_ERR_CONFIG ? "see above" : sl_err_str(err), server->generation->number);
        sl_process_notify("READY=1");
    }
    if (report)
        sl_report_free(&report);
}

/* Every worker has adopted the generation in force. */
static void finish_reload(struct sl_server *server)
{
    log_listeners(server->generation, server->retired);
    unlink_sockets(server->retired, server->generation);
    sl_generation_free(&server->retired, server->generation);
    server->n_reloads++;
    sl_log(SL_LOG_INFO, "reload: generation %" PRIu64 " is in force", server->generation->number);
    sl_process_notify("READY=1");
    if (server->wants_reload) {
        server->wants_reload = false;
        reload(server);
    }
}

/* ---- ending ---- */

static void drain(struct sl_server *server)
{
    sl_log(SL_LOG_INFO, "draining: no new connections; running exchanges end");
    sl_process_notify("STOPPING=1");
    server->is_draining = true;
    server->n_draining = server->n_workers;
    for (size_t i = 0; i < server->n_workers; i++)
        sl_worker_send(server->workers[i], &server->workers[i]->drain);
    /* Now, not at the end: by then the next sluice may listen at the same path. */
    unlink_sockets(server->generation, NULL);
}

static void on_signal(void *owner, int signum)
{
    struct sl_server *server = owner;
    switch (signum) {
    case SIGHUP:
        reload(server);
        break;
    case SIGUSR1:
        sl_logger_reopen(server->generation->log);
        if (server->generation->access)
            sl_logger_reopen(server->generation->access);
        sl_log(SL_LOG_INFO, "log files are opened anew");
        break;
    case SIGINT:
    case SIGTERM:
        if (!server->is_draining) {
            drain(server);
        } else if (signum == SIGINT) {
            sl_log(SL_LOG_WARN, "interrupted again: what is left is cut");
            server->result = SL_EXIT_FAILURE;
            sl_loop_stop(server->loop);
        }
        break;
    default:
        break;
    }
}

/* ---- letters that are back ---- */

static void on_adopted(struct sl_server *server, struct sl_letter *letter)
{
    if (letter->err)
        sl_log(SL_LOG_ERROR, "worker %u is without one of its listeners: %s", letter->worker->index,
               sl_err_str(letter->err));
    sl_letter_free(&letter);
    if (--server->n_adopting == 0)
        finish_reload(server);
}

static void on_mail(void *owner, struct sl_mail *mail)
{
    struct sl_server *server = owner;
    struct sl_letter *letter = sl_container_of(mail, struct sl_letter, mail);
    switch (letter->order) {
    case SL_ORDER_ADOPT:
        on_adopted(server, letter);
        break;
    case SL_ORDER_SURVEY:
        sl_survey_answer(letter);
        break;
    case SL_ORDER_DRAIN:
        if (--server->n_draining == 0) {
            sl_log(SL_LOG_INFO, "drained");
            sl_loop_stop(server->loop);
        }
        break;
    case SL_ORDER_STOP:
        break; /* has no answer */
    }
}

static void on_rotation(struct sl_deadline *deadline)
{
    struct sl_server *server = sl_container_of(deadline, struct sl_server, rotation);
    if (sl_ticket_keys_rotate(server->ticket_keys, (uint64_t)time(NULL)))
        sl_log(SL_LOG_ERROR, "no new key for session tickets: the present one is used on");
    sl_deadline_arm(deadline, SL_PHASE_NONE, TICKET_ROTATION_MS);
}

/* ---- life ---- */

static int make_workers(struct sl_server *server)
{
    struct sl_generation *g = server->generation;
    server->workers = calloc(g->n_workers, sizeof(struct sl_worker *));
    if (!server->workers)
        return SL_ERR_MEMORY;
    for (unsigned i = 0; i < g->n_workers; i++) {
        struct sl_letter *letter;
        int err = make_adopt(g, i, &letter);
        if (!err)
            err = sl_worker_new(i, server->inbox, letter, &server->workers[i]);
        if (err)
            return err;
        server->n_workers++;
    }
    for (size_t i = 0; i < server->n_workers; i++) {
        int err = sl_worker_start(server->workers[i]);
        if (err)
            return err;
    }
    return 0;
}

/* Everything but the generation. Whatever was made is taken down by take_down. */
static int set_up(struct sl_server *server)
{
    static const int signums[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1, 0};
    int err = sl_loop_new(&server->loop);
    if (err)
        return err;
    server->started_ms = sl_loop_now_ms(server->loop);
    sl_deadline_init(&server->rotation, server->loop, on_rotation);
    sl_deadline_arm(&server->rotation, SL_PHASE_NONE, TICKET_ROTATION_MS);
    err = sl_mailbox_open(server->loop, on_mail, server, &server->inbox);
    if (!err)
        err = make_workers(server);
    if (!err)
        err = sl_signals_open(server->loop, signums, on_signal, server, &server->signals);
    if (!err)
        err = open_admin(server);
    return err;
}

static void take_down(struct sl_server *server)
{
    if (server->signals)
        sl_signals_close(&server->signals);
    sl_admin_close(&server->admin);
    for (size_t i = 0; i < server->n_workers; i++)
        sl_worker_stop(server->workers[i]);
    for (size_t i = 0; i < server->n_workers; i++)
        sl_worker_join(server->workers[i]);
    if (server->inbox)
        sl_mailbox_close(&server->inbox); /* delivers what is left, so before the workers go */
    for (size_t i = 0; i < server->n_workers; i++)
        sl_worker_free(&server->workers[i]);
    free(server->workers);
    if (server->loop) {
        sl_deadline_fini(&server->rotation);
        sl_loop_free(&server->loop);
    }
    unlink_status(server->generation, NULL);
    if (!server->is_draining)
        unlink_sockets(server->generation, NULL);
}

/* Serves under the first generation, which is ready. */
static void serve(struct sl_server *server, const char *greeting, const struct sl_signal_mask *mask)
{
    int err = set_up(server);
    if (err) {
        sl_log(SL_LOG_ERROR, "sluice cannot start: %s", sl_err_str(err));
        server->result = SL_EXIT_FAILURE;
    } else {
        log_start(server);
        sl_process_notify("READY=1");
        if (greeting) {
            fputs(greeting, stdout);
            fflush(stdout);
        }
        sl_process_restore_signals(mask);
        sl_loop_run(server->loop);
    }
    take_down(server);
}

/* The first generation, or the reason why there is none on standard error. */
static int prepare_first(const struct sl_source *source, const struct sl_preparation *how,
                         struct sl_generation **out_generation)
{
    struct sl_report *report;
    int err = sl_report_new(source->file ? source->file : "quickstart", &report);
    if (err)
        return err;
    err = sl_generation_prepare(how, report, out_generation);
    if (err == SL_ERR_CONFIG)
        sl_report_print(report, stderr);
    else if (err)
        fprintf(stderr, "sluice: %s\n", sl_err_str(err));
    sl_report_free(&report);
    return err;
}

enum sl_exit sl_server_run(const struct sl_source *source, const char *greeting)
{
    struct sl_server server = {.source = source, .started_us = sl_wall_us()};
    struct sl_signal_mask mask;
    /* Until the loop watches for them, so that none is lost and no other thread gets one. */
    sl_process_block_signals(&mask);
    server.max_fds = sl_process_raise_fds();
    if (server.max_fds < MIN_FDS) {
        fprintf(stderr,
                "sluice: at least %d file descriptors are needed; the limit is %" PRIu64 "\n",
                MIN_FDS, server.max_fds);
        return SL_EXIT_FAILURE;
    }
    int err = sl_ticket_keys_new(TICKET_KEY_S, &server.ticket_keys);
    if (err) {
        fprintf(stderr, "sluice: no key for session tickets: %s\n", sl_err_str(err));
        return SL_EXIT_FAILURE;
    }
    const struct sl_preparation how = {
        .source = source,
        .ticket_keys = server.ticket_keys,
        .max_fds = server.max_fds,
    };
    err = prepare_first(source, &how, &server.generation);
    if (err) {
        sl_ticket_keys_free(&server.ticket_keys);
        return err == SL_ERR_CONFIG ? SL_EXIT_USAGE : SL_EXIT_FAILURE;
    }
    sl_log_set(server.generation->log, server.generation->plan->config->log.level);
    serve(&server, greeting, &mask);
    sl_log(SL_LOG_INFO, "ended");
    sl_log_set(NULL, server.generation->plan->config->log.level);
    if (server.retired)
        sl_generation_free(&server.retired, server.generation);
    sl_generation_free(&server.generation, NULL);
    sl_ticket_keys_free(&server.ticket_keys);
    return server.result;
}

enum sl_exit sl_server_check(const struct sl_source *source)
{
    const struct sl_preparation how = {
        .source = source,
        .max_fds = sl_process_raise_fds(),
        .is_check = true,
    };
    struct sl_generation *g = NULL;
    int err = prepare_first(source, &how, &g);
    if (err)
        return err == SL_ERR_CONFIG ? SL_EXIT_USAGE : SL_EXIT_FAILURE;
    sl_config_print_memory(g->plan->config, stdout);
    printf("%s: the configuration is valid\n", source->file ? source->file : "quickstart");
    sl_generation_free(&g, NULL);
    return SL_EXIT_OK;
}
