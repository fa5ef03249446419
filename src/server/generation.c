/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generation: read -> identities and TLS servers -> logs -> plan -> sockets. Each step goes on
 * after the errors of the one before, so that the operator sees all of them at once: also a
 * configuration that was refused is searched for files and addresses that cannot be had. At the end
 * either the report is empty and the generation is whole, or everything that was made is taken back
 * and the present generation was not touched.
 *
 * Ownership: the plan owns the configuration and references to the TLS servers, and they to their
 * identities, so that a session may outlive its generation. Loggers pass from a generation to the
 * next when their path stays; sl_generation_free is told the heir.
 */
#include "generation.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <sluice/loop/loop.h>
#include <sluice/loop/tcp.h>
#include "process.h"
#include "sockets.h"

#define LOG_RING_BYTES    (256 * 1024)
#define ACCESS_RING_BYTES (4 * 1024 * 1024)
#define STATUS_BACKLOG    64
#define MAX_AUTO_CLIENTS  UINT64_C(10000000) /* as much as the key itself may say */

/* What one preparation works with. */
struct making {
    const struct sl_preparation *how;
    struct sl_report *report;
    struct sl_config *config;
    bool is_config_ours; /* until there is a plan, which takes it over */
    bool is_broken;      /* only read in part: it serves to find further errors */
    struct sl_tls_server **tls_servers;
    struct sl_generation *g;
    bool is_out_of_memory;
};

/* ---- identities ---- */

static void add_certificate(struct making *m, const struct sl_identity *identity,
                            const struct sl_listener_config *listener, const char *file)
{
    struct sl_certificate *c = &m->g->certificates[m->g->n_certificates++];
    struct sl_str text;
    sl_str_init(&text, c->text, sizeof(c->text));
    sl_identity_describe(identity, &text);
    c->listener = listener->name;
    c->file = file;
    c->key_type = sl_identity_key_type(identity);
    c->not_before = sl_identity_not_before(identity);
    c->not_after = sl_identity_not_after(identity);
    sl_identity_fingerprint(identity, c->hash);
    int64_t now_s = (int64_t)time(NULL);
    if (m->is_broken)
        return; /* warnings are for what is to be served */
    if (c->not_after < now_s)
        sl_log(SL_LOG_WARN, "listener %s: the certificate %s has expired", listener->name, file);
    else if (c->not_before > now_s)
        sl_log(SL_LOG_WARN, "listener %s: the certificate %s is not yet valid", listener->name,
               file);
}

/* Identities of one listener into `into`; returns how many. Errors go to the report. */
static size_t load_identities(struct making *m, size_t index, struct sl_identity **into)
{
    const struct sl_listener_config *listener = &m->config->listeners[index];
    size_t n = 0;
    for (size_t i = 0; i < listener->n_certificates; i++) {
        const struct sl_certificate_config *c = &listener->certificates[i];
        if (!c->certificate || !c->key)
            continue; /* the configuration is broken just there */
        char buf[512];
        struct sl_str why;
        bool is_key = false;
        sl_str_init(&why, buf, sizeof(buf));
        int err = sl_identity_load(c->certificate, c->key, &into[n], &is_key, &why);
        if (!err) {
            add_certificate(m, into[n++], listener, c->certificate);
            continue;
        }
        char path[96];
        snprintf(path, sizeof(path), "listeners[%zu].tls.certificates[%zu].%s", index, i,
                 is_key ? "key" : "certificate");
        sl_report_add(m->report, is_key ? c->key_at : c->certificate_at, path, "%s",
                      why.len ? why.ptr : sl_err_str(err));
    }
    return n;
}

static void report_tls(struct making *m, size_t index, int err)
{
    char path[48];
    snprintf(path, sizeof(path), "listeners[%zu].tls", index);
    sl_report_add(m->report, m->config->listeners[index].at, path,
                  "the TLS library refuses these settings: %s", sl_err_str(err));
}

static void make_tls_server(struct making *m, size_t index)
{
    const struct sl_listener_config *listener = &m->config->listeners[index];
    const bool is_given = m->how->source->identity && index == 0;
    size_t n = 0;
    struct sl_identity **identities =
        calloc(listener->n_certificates + 1, sizeof(struct sl_identity *));
    if (!identities) {
        m->is_out_of_memory = true;
        return;
    }
    if (is_given) {
        identities[n++] = m->how->source->identity;
        add_certificate(m, identities[0], listener, "(made for this run)");
    } else {
        n = load_identities(m, index, identities);
    }
    if (n > 0 && n >= listener->n_certificates && !m->is_broken) {
        struct sl_tls_settings settings = {
            .has_tls12 = listener->has_tls12,
            .has_tls13 = listener->has_tls13,
            .identities = identities,
            .n_identities = n,
            .is_strict_sni = listener->is_strict_sni,
            .ticket_keys = listener->has_tickets ? m->how->ticket_keys : NULL,
        };
        int err = sl_tls_server_new(&settings, &m->tls_servers[index]);
        if (err == SL_ERR_MEMORY)
            m->is_out_of_memory = true;
        else if (err)
            report_tls(m, index, err);
    }
    for (size_t i = 0; i < n && !is_given; i++)
        sl_identity_free(&identities[i]); /* the server has references of its own */
    free(identities);
}

static int make_tls_servers(struct making *m)
{
    size_t n_certificates = 0;
    for (size_t i = 0; i < m->config->n_listeners; i++)
        n_certificates += m->config->listeners[i].n_certificates + 1;
    m->tls_servers = calloc(m->config->n_listeners + 1, sizeof(struct sl_tls_server *));
    m->g->certificates = calloc(n_certificates + 1, sizeof(*m->g->certificates));
    if (!m->tls_servers || !m->g->certificates)
        return SL_ERR_MEMORY;
    for (size_t i = 0; i < m->config->n_listeners; i++)
        if (m->config->listeners[i].is_tls)
            make_tls_server(m, i);
    return m->is_out_of_memory ? SL_ERR_MEMORY : 0;
}

/* ---- logs ---- */

static bool is_stream(const char *path)
{
    return strcmp(path, "stdout") == 0 || strcmp(path, "stderr") == 0;
}

/* What can be known of a log file without making it. True: nothing speaks against it. */
static bool check_log(struct making *m, const char *path, struct sl_where at, const char *key)
{
    struct stat st;
    if (is_stream(path))
        return true;
    int number = access(path, W_OK) ? errno : 0;
    if (number == 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        number = EISDIR;
    if (number == ENOENT)
        number = sl_process_folder_errno(path);
    if (number)
        sl_report_add(m->report, at, key, "%s cannot be written: %s", path, strerror(number));
    return number == 0;
}

/* The logger for `path`: the present one when its path is the same. */
static void open_log(struct making *m, const char *path, const char *present_path,
                     struct sl_logger *present, size_t ring_bytes, struct sl_where at,
                     const char *key, struct sl_logger **out_logger)
{
    if (!path)
        return; /* the configuration is broken just there */
    if (present && strcmp(path, present_path) == 0) {
        *out_logger = present; /* what is open is written to, whatever became of the file */
        return;
    }
    if (!check_log(m, path, at, key) || m->how->is_check || m->is_broken)
        return;
    int err = sl_logger_new(path, ring_bytes, out_logger);
    if (err == SL_ERR_MEMORY)
        m->is_out_of_memory = true;
    else if (err)
        sl_report_add(m->report, at, key, "%s cannot be opened: %s", path, sl_err_str(err));
}

static int open_logs(struct making *m)
{
    const struct sl_generation *present = m->how->present;
    const struct sl_config *old = present ? present->plan->config : NULL;
    open_log(m, m->config->log.path, old ? old->log.path : NULL, present ? present->log : NULL,
             LOG_RING_BYTES, m->config->log.at, "log.path", &m->g->log);
    if (m->config->access_log.is_on)
        open_log(m, m->config->access_log.path, old ? old->access_log.path : NULL,
                 present ? present->access : NULL, ACCESS_RING_BYTES, m->config->access_log.at,
                 "access_log.path", &m->g->access);
    return m->is_out_of_memory ? SL_ERR_MEMORY : 0;
}

/* ---- sockets ---- */

bool sl_generation_has_address(const struct sl_generation *other, const struct sl_addr *address)
{
    if (!other)
        return false;
    const struct sl_config *config = other->plan->config;
    for (size_t i = 0; i < config->n_listeners; i++)
        if (sl_addr_eq(&config->listeners[i].address, address))
            return true;
    return false;
}

bool sl_generation_has_status(const struct sl_generation *other, const struct sl_addr *address)
{
    return other && other->plan->config->status.is_on &&
           sl_addr_eq(&other->plan->config->status.address, address);
}

static bool is_on_port(const struct sl_addr *ours, uint16_t port)
{
    return !sl_addr_is_unix(ours) && sl_addr_port(ours) == port;
}

/* A new address on a port that is ours already: what would be in the way is ourselves. */
static bool is_own_port(const struct sl_generation *present, const struct sl_addr *address)
{
    if (!present || sl_addr_is_unix(address))
        return false;
    const struct sl_config *config = present->plan->config;
    uint16_t port = sl_addr_port(address);
    for (size_t i = 0; i < config->n_listeners; i++)
        if (is_on_port(&config->listeners[i].address, port))
            return true;
    return config->status.is_on && is_on_port(&config->status.address, port);
}

static void report_bind(struct making *m, int err, const struct sl_addr *address,
                        struct sl_where at, const char *path)
{
    char buf[SL_ADDR_TEXT_BYTES];
    struct sl_str text;
    sl_str_init(&text, buf, sizeof(buf));
    sl_addr_write(address, &text);
    if (err == SL_ERR_MEMORY)
        m->is_out_of_memory = true;
    else if (err == SL_ERR_DENIED && !sl_addr_is_unix(address) && sl_addr_port(address) < 1024)
        sl_report_add(
            m->report, at, path,
            "cannot listen on %s: ports below 1024 need a privilege (CAP_NET_BIND_SERVICE)", buf);
    else if (err == SL_ERR_ADDRESS)
        sl_report_add(m->report, at, path, "cannot listen on %s: this machine has no such address",
                      buf);
    else
        sl_report_add(m->report, at, path, "cannot listen on %s: %s", buf, sl_err_str(err));
}

/* Is there a socket to be made for this listener, or status, address? */
static bool is_new_status(const struct making *m)
{
    return m->config->status.is_on &&
           !sl_generation_has_status(m->how->present, &m->config->status.address);
}

static bool is_new_listener(const struct making *m, const struct sl_listener_config *listener)
{
    return !sl_generation_has_address(m->how->present, &listener->address);
}

/* Can a socket's file be made there? */
static bool check_unix(struct making *m, const struct sl_addr *address, struct sl_where at,
                       const char *path)
{
    const char *file = ((const struct sockaddr_un *)&address->storage)->sun_path;
    struct stat st;
    int number = sl_process_folder_errno(file);
    bool is_other = number == 0 && lstat(file, &st) == 0 && !S_ISSOCK(st.st_mode);
    if (number || is_other)
        sl_report_add(m->report, at, path, "cannot listen on unix:%s: %s", file,
                      is_other ? "a file that is no socket stands there" : strerror(number));
    return number == 0 && !is_other;
}

/* One address: asks for it, or binds it. `n` sockets into fds. */
static void visit_address(struct making *m, bool is_binding, const struct sl_addr *address,
                          uint32_t backlog, size_t n, int *fds, struct sl_where at,
                          const char *path)
{
    int err = 0;
    if (address->len == 0)
        return; /* the configuration is broken just there */
    if (!at.line)
        at = (struct sl_where){1, 1}; /* a default: the file lacks it as a whole */
    if (!is_binding && sl_addr_is_unix(address) && !check_unix(m, address, at, path))
        return;
    if (is_binding)
        err = sl_sockets_bind(address, backlog, n, fds);
    else if (!is_own_port(m->how->present, address))
        err = sl_tcp_probe(address);
    if (err)
        report_bind(m, err, address, at, path);
}

static void visit_addresses(struct making *m, bool is_binding)
{
    const struct sl_config *config = m->config;
    for (size_t i = 0; i < config->n_listeners; i++) {
        const struct sl_listener_config *l = &config->listeners[i];
        char path[48];
        snprintf(path, sizeof(path), "listeners[%zu].address", i);
        if (is_new_listener(m, l))
            visit_address(m, is_binding, &l->address, l->backlog, m->g->n_workers,
                          &m->g->fds[i * m->g->n_workers], l->address_at, path);
    }
    if (is_new_status(m))
        visit_address(m, is_binding, &config->status.address, STATUS_BACKLOG, 1, &m->g->status_fd,
                      config->status.at, "status.address");
}

/*
 * All questions come before all binds: sockets of our own must not be taken for somebody else's, as
 * when one listener has a wildcard and another one address of the same port. And nothing is bound
 * after any error, as a socket that is bound takes connections from then on.
 */
static int bind_sockets(struct making *m)
{
    const size_t n = m->config->n_listeners * m->g->n_workers;
    m->g->fds = calloc(n + 1, sizeof(int));
    if (!m->g->fds)
        return SL_ERR_MEMORY;
    for (size_t i = 0; i < n; i++)
        m->g->fds[i] = -1;
    visit_addresses(m, false);
    if (sl_report_count(m->report) == 0)
        visit_addresses(m, true);
    return m->is_out_of_memory ? SL_ERR_MEMORY : 0;
}

/* After a failure: what was bound goes, with its files. */
static void unbind(struct making *m)
{
    const size_t n = m->config && m->g->fds ? m->config->n_listeners : 0;
    for (size_t i = 0; i < n; i++) {
        int *fds = &m->g->fds[i * m->g->n_workers];
        if (fds[0] >= 0)
            sl_sockets_unlink(&m->config->listeners[i].address);
        sl_sockets_close(fds, m->g->n_workers);
    }
    if (m->g->status_fd >= 0)
        sl_sockets_unlink(&m->config->status.address);
}

/* ---- the whole ---- */

static int read_config(struct making *m)
{
    const struct sl_source *source = m->how->source;
    int err = source->file ? sl_config_read_broken(source->file, m->report, &m->config)
                           : sl_config_read_text("quickstart", source->text, m->report, &m->config);
    m->is_config_ours = m->config != NULL;
    m->is_broken = err == SL_ERR_CONFIG && m->config;
    if (err && !m->is_broken)
        return err;
    if (source->identity) {
        /* Its identity has no file that the text could name. */
        struct sl_listener_config *l = &m->config->listeners[0];
        l->is_tls = l->has_tls12 = l->has_tls13 = l->has_tickets = true;
    }
    if (m->config->limits.max_connections == 0) {
        uint64_t n = m->how->max_fds / 4 * 3;
        m->config->limits.max_connections = n < MAX_AUTO_CLIENTS ? n : MAX_AUTO_CLIENTS;
    } else if (m->config->limits.max_connections > m->how->max_fds) {
        sl_log(
            SL_LOG_WARN,
            "limits.max_connections is %" PRIu64 ", but the process may open %" PRIu64
            " file descriptors, and a proxied connection needs two: raise that limit (ulimit -n)",
            m->config->limits.max_connections, m->how->max_fds);
    }
    m->g->n_workers = m->config->n_workers ? m->config->n_workers : sl_process_n_cores();
    if (m->how->present && m->g->n_workers != m->how->present->n_workers) {
        sl_log(SL_LOG_WARN, "the number of workers stays %u until a restart (the file now says %u)",
               m->how->present->n_workers, m->g->n_workers);
        m->g->n_workers = m->how->present->n_workers;
    }
    return 0;
}

/*
 * Looks names up, which may take seconds, and longer when the resolver is not there. At the start
 * who asks to end need not wait for that: nothing is bound yet. (quickstart has made a file, which
 * it must take away itself.) Without a plan the sockets are still asked for.
 */
static int make_plan(struct making *m)
{
    struct sl_signal_mask mask;
    const bool may_end = !m->how->present && !m->how->source->identity;
    int err;
    if (may_end)
        sl_process_admit_end(&mask);
    if (m->is_broken) {
        err = sl_plan_check(m->config, m->g->n_workers, m->report);
    } else {
        err = sl_plan_new(m->config, m->g->number, m->g->n_workers, m->tls_servers, m->report,
                          &m->g->plan);
        m->is_config_ours = err != 0; /* else the plan's now */
    }
    if (may_end)
        sl_process_restore_signals(&mask);
    return err == SL_ERR_CONFIG ? 0 : err; /* it is in the report */
}

static int make(struct making *m)
{
    int err = read_config(m);
    if (!err)
        err = make_tls_servers(m);
    if (!err)
        err = open_logs(m);
    if (!err)
        err = make_plan(m);
    if (!err && !m->how->is_check)
        err = bind_sockets(m);
    if (!err && sl_report_count(m->report) > 0)
        err = SL_ERR_CONFIG;
    return err;
}

int sl_generation_prepare(const struct sl_preparation *how, struct sl_report *report,
                          struct sl_generation **out_generation)
{
    struct making m = {.how = how, .report = report, .g = calloc(1, sizeof(*m.g))};
    if (!m.g)
        return SL_ERR_MEMORY;
    m.g->number = how->present ? how->present->number + 1 : 1;
    m.g->made_us = sl_wall_us();
    m.g->status_fd = -1;

    /* Log writers are threads: signals are for the main thread alone. */
    struct sl_signal_mask mask;
    sl_process_block_signals(&mask);
    int err = make(&m);
    sl_process_restore_signals(&mask);

    const size_t n_listeners = m.config ? m.config->n_listeners : 0;
    for (size_t i = 0; m.tls_servers && i < n_listeners; i++)
        if (m.tls_servers[i])
            sl_tls_server_unref(&m.tls_servers[i]);
    free(m.tls_servers);
    if (err) {
        unbind(&m);
        sl_generation_free(&m.g, how->present);
        if (m.is_config_ours)
            sl_config_free(&m.config);
        return err;
    }
    *out_generation = m.g;
    return 0;
}

void sl_generation_free(struct sl_generation **generation, const struct sl_generation *heir)
{
    struct sl_generation *g = *generation;
    if (!g)
        return;
    if (g->fds && g->plan)
        sl_sockets_close(g->fds, g->plan->config->n_listeners * g->n_workers);
    if (g->status_fd >= 0)
        close(g->status_fd);
    if (g->access && (!heir || heir->access != g->access))
        sl_logger_free(&g->access);
    if (g->log && (!heir || heir->log != g->log))
        sl_logger_free(&g->log);
    if (g->plan)
        sl_plan_unref(&g->plan);
    free(g->certificates);
    free(g->fds);
    free(g);
    *generation = NULL;
}
