/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quickstart: options -> YAML text -> the same way as any other configuration. A self-signed
 * identity has no files that the text could name: the text says `tls: off` and the generation sets
 * the first listener's TLS on with the identity it is given.
 *
 * The key of that identity never leaves memory. Its certificate is written to a temporary file, so
 * that curl can be told to trust it and nothing else; the file goes at the end.
 *
 * Failure modes: an address that is none is refused in the words of the options, everything else by
 * the report, with positions in the text that was made.
 */
#include "quickstart.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <sluice/base/addr.h>
#include <sluice/base/err.h>
#include "server.h"

#define DEFAULT_LISTEN "127.0.0.1:8443"
#define VALID_DAYS     365
#define MAX_NAMES      5

static const char *listen_of(const struct sl_command *command)
{
    return command->listen ? command->listen : ":8443";
}

/* People paste what their browser shows. */
static struct sl_span upstream_of(const struct sl_command *command)
{
    struct sl_span text = sl_span_str(command->upstream);
    if (!sl_span_starts(text, SL_SPAN("http://")))
        return text;
    text = sl_span_skip(text, strlen("http://"));
    if (text.len > 0 && text.ptr[text.len - 1] == '/')
        text.len--;
    return text;
}

/* A status endpoint is for this machine unless somebody says otherwise. */
static void add_status(const struct sl_command *command, struct sl_str *s)
{
    if (command->status[0] == ':')
        sl_str_addz(s, "127.0.0.1");
    sl_str_addz(s, command->status);
}

/* ---- the configuration ---- */

/* A double-quoted YAML scalar (YAML 1.2 section 7.3.1). */
static int add_quoted(struct sl_str *s, struct sl_span text)
{
    sl_str_add_char(s, '"');
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return SL_ERR_INVALID;
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            sl_str_add_char(s, '\\');
        sl_str_add_char(s, text.ptr[i]);
    }
    sl_str_add_char(s, '"');
    return 0;
}

int sl_quickstart_config(const struct sl_command *command, struct sl_str *s)
{
    sl_str_addz(s, "listeners:\n  - address: ");
    int err = add_quoted(s, sl_span_str(listen_of(command)));
    if (command->is_self_signed) {
        sl_str_addz(s, "\n    tls: off");
    } else {
        sl_str_addz(s, "\n    tls:\n      certificates:\n        - certificate: ");
        err = err ? err : add_quoted(s, sl_span_str(command->certificate));
        sl_str_addz(s, "\n          key: ");
        err = err ? err : add_quoted(s, sl_span_str(command->key));
    }
    sl_str_addz(s, "\nupstreams:\n  - name: app\n    endpoints:\n      - ");
    err = err ? err : add_quoted(s, upstream_of(command));
    sl_str_addz(s, "\naccess_log: {path: stdout, format: common}\nstatus: ");
    if (command->status) {
        char buf[SL_ADDR_TEXT_BYTES];
        struct sl_str status;
        sl_str_init(&status, buf, sizeof(buf));
        add_status(command, &status);
        err = err ? err : add_quoted(s, sl_str_span(&status));
    } else {
        sl_str_addz(s, "off");
    }
    sl_str_addz(s, "\n");
    return err ? err : s->is_cut ? SL_ERR_LIMIT : 0;
}

/* ---- what is printed ---- */

static bool is_wildcard(const struct sl_addr *a)
{
    if (a->storage.ss_family == AF_INET)
        return ((const struct sockaddr_in *)&a->storage)->sin_addr.s_addr == htonl(INADDR_ANY);
    return a->storage.ss_family == AF_INET6 &&
           IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)&a->storage)->sin6_addr);
}

void sl_quickstart_url(const struct sl_command *command, struct sl_str *s)
{
    struct sl_addr address;
    sl_str_addz(s, "https://");
    if (sl_addr_read(sl_span_str(listen_of(command)), &address) || sl_addr_is_unix(&address) ||
        is_wildcard(&address)) {
        sl_str_addz(s, "localhost");
    } else if (address.storage.ss_family == AF_INET6) {
        sl_str_add_char(s, '[');
        sl_addr_write_host(&address, s);
        sl_str_add_char(s, ']');
    } else {
        sl_addr_write_host(&address, s);
    }
    if (!sl_addr_is_unix(&address) && sl_addr_port(&address) != 443)
        sl_str_addf(s, ":%u", (unsigned)sl_addr_port(&address));
    sl_str_add_char(s, '/');
}

static void add_greeting(const struct sl_command *command, const char *pem_path, struct sl_str *s)
{
    char buf[256];
    struct sl_str url;
    sl_str_init(&url, buf, sizeof(buf));
    sl_quickstart_url(command, &url);
    struct sl_span upstream = upstream_of(command);
    sl_str_addf(s, "\nsluice serves the application at %.*s as\n\n    %s\n\nTry it:  curl ",
                (int)upstream.len, upstream.ptr, buf);
    if (pem_path)
        sl_str_addf(s, "--cacert %s ", pem_path);
    if (strncmp(listen_of(command), "unix:", 5) == 0)
        sl_str_addf(s, "--unix-socket %s ", listen_of(command) + 5);
    sl_str_addf(s, "%s\n", buf);
    if (command->status && strncmp(command->status, "unix:", 5) == 0) {
        sl_str_addf(s, "Status:  curl --unix-socket %s http://localhost/status\n",
                    command->status + 5);
    } else if (command->status) {
        sl_str_addz(s, "Status:  curl http://");
        add_status(command, s);
        sl_str_addz(s, "/status\n");
    }
    sl_str_addz(s, "Ctrl-C ends it.\n\n");
}

/* ---- the certificate ---- */

/* Names under which this machine may be called. `host_name` and `host` are the caller's buffers. */
static size_t collect_names(const struct sl_command *command, char *host_name, size_t cap,
                            struct sl_str *host, const char **names)
{
    size_t n = 0;
    struct sl_addr address;
    names[n++] = "localhost";
    names[n++] = "127.0.0.1";
    names[n++] = "::1";
    if (gethostname(host_name, cap) == 0 && memchr(host_name, '\0', cap) && host_name[0] &&
        strcmp(host_name, "localhost") != 0)
        names[n++] = host_name;
    if (sl_addr_read(sl_span_str(listen_of(command)), &address) == 0 &&
        !sl_addr_is_unix(&address) && !is_wildcard(&address)) {
        sl_addr_write_host(&address, host);
        if (strcmp(host->ptr, "127.0.0.1") != 0 && strcmp(host->ptr, "::1") != 0)
            names[n++] = host->ptr;
    }
    return n;
}

static int self_sign(const struct sl_command *command, struct sl_identity **out_identity)
{
    char host_name[256], buf[SL_ADDR_TEXT_BYTES];
    const char *names[MAX_NAMES];
    struct sl_str host;
    sl_str_init(&host, buf, sizeof(buf));
    size_t n = collect_names(command, host_name, sizeof(host_name), &host, names);
    return sl_identity_self_sign(names, n, VALID_DAYS, out_identity);
}

/* Writes the certificate to a new file; its path, to be freed, or NULL. */
static char *write_pem(const struct sl_identity *identity)
{
    char buf[8192];
    struct sl_str pem;
    sl_str_init(&pem, buf, sizeof(buf));
    const char *folder = getenv("TMPDIR");
    char *path = NULL;
    if (sl_identity_write_pem(identity, &pem) ||
        asprintf(&path, "%s/sluice-XXXXXX.pem", folder && folder[0] ? folder : "/tmp") < 0)
        return NULL;
    int fd = mkstemps(path, 4);
    if (fd >= 0 && write(fd, pem.ptr, pem.len) == (ssize_t)pem.len && fchmod(fd, 0644) == 0) {
        close(fd);
        return path;
    }
    if (fd >= 0) {
        unlink(path);
        close(fd);
    }
    free(path);
    return NULL;
}

/* ---- the whole ---- */

/* 0, or SL_EXIT_USAGE with the reason on standard error. */
static int check_addresses(const struct sl_command *command)
{
    struct sl_addr address;
    /* port 0 would be one that nobody knows */
    if (sl_addr_read(sl_span_str(listen_of(command)), &address) ||
        (!sl_addr_is_unix(&address) && sl_addr_port(&address) == 0)) {
        fprintf(stderr, "sluice quickstart: --listen %s: expected [ADDR]:PORT, like :8443 or %s\n",
                listen_of(command), DEFAULT_LISTEN);
        return SL_EXIT_USAGE;
    }
    if (strncmp(command->upstream, "https://", 8) == 0) {
        fprintf(stderr,
                "sluice quickstart: --upstream %s: the application must speak plain HTTP; expected "
                "HOST:PORT\n",
                command->upstream);
        return SL_EXIT_USAGE;
    }
    int err = sl_addr_read(upstream_of(command), &address);
    if (err && err != SL_ERR_NOT_FOUND) { /* a name is looked up later */
        fprintf(stderr,
                "sluice quickstart: --upstream %s: expected HOST:PORT, like 127.0.0.1:8080\n",
                command->upstream);
        return SL_EXIT_USAGE;
    }
    return 0;
}

enum sl_exit sl_quickstart(const struct sl_command *command)
{
    char config[16384], greeting[2048];
    struct sl_str text, hello;
    sl_str_init(&text, config, sizeof(config));
    sl_str_init(&hello, greeting, sizeof(greeting));
    if (check_addresses(command))
        return SL_EXIT_USAGE;
    if (sl_quickstart_config(command, &text)) {
        fputs("sluice quickstart: an option is too long or has control characters\n", stderr);
        return SL_EXIT_USAGE;
    }
    struct sl_identity *identity = NULL;
    char *pem_path = NULL;
    if (command->is_self_signed) {
        int err = self_sign(command, &identity);
        if (err) {
            fprintf(stderr, "sluice: no self-signed certificate: %s\n", sl_err_str(err));
            return SL_EXIT_FAILURE;
        }
        pem_path = write_pem(identity);
        if (!pem_path) {
            fputs("sluice: the certificate cannot be written to a temporary file\n", stderr);
            sl_identity_free(&identity);
            return SL_EXIT_FAILURE;
        }
    }
    add_greeting(command, pem_path, &hello);
    const struct sl_source source = {.text = sl_str_span(&text), .identity = identity};
    enum sl_exit result = sl_server_run(&source, greeting);
    if (pem_path)
        unlink(pem_path);
    free(pem_path);
    if (identity)
        sl_identity_free(&identity);
    return result;
}
