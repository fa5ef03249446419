// SPDX-License-Identifier: Apache-2.0
/*
 * bench-load: a cheap load generator for the benches, one thread and one process, with OpenSSL's
 * libssl: new or resumed handshakes, keep-alive requests, held connections. (flood.c floods.)
 *
 *     bench-load --port 8443 --new --connections 8 --count 2000
 *     bench-load --port 8443 --resume --tls 1.2 --connections 8 --count 2000
 *     bench-load --port 8443 --requests-per-connection 0 --connections 32 --seconds 5
 *     bench-load --port 8443 --requests-per-connection 0 --connections 32 --seconds 5 --rate 2000
 *     bench-load --port 8443 --hold idle --connections 1000
 *
 * Prints "ready" when what is to be measured begins, and at the end one line of JSON. Exit status 1
 * and a sentence on stderr when anything went wrong, 2 when the options make no sense.
 */
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

static const char usage[] =
    "usage: bench-load --port N [option]...\n"
    "  --new | --resume              the kind of handshake (default --new)\n"
    "  --tls 1.2|1.3                 (default 1.3)\n"
    "  --cipher aes128|aes256        (default aes128)\n"
    "  --connections N               at a time (default 8)\n"
    "  --requests-per-connection N   0: no end, on one connection each (default 1)\n"
    "  --count N                     connections in all\n"
    "  --seconds X                   or for so long\n"
    "  --rate X                      requests a second, on schedule (default: as they are "
    "answered)\n"
    "  --path PATH --body-bytes N    of the response (default /1k, 1024)\n"
    "  --hold KIND                   silent, hello, idle or header: until stdin ends\n"
    "  --drip-ms N                   between two bytes of a slow header (default 5000)\n";

_Noreturn static void misused(const char *what)
{
    fprintf(stderr, "load: %s\n%s", what, usage);
    exit(2);
}

static double number(const char *text, double least, double most)
{
    char *end;
    errno = 0;
    double x = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !(x >= least && x <= most))
        misused(text);
    return x;
}

static enum hold hold_kind(const char *text)
{
    static const char *const kinds[] = {"", "silent", "hello", "idle", "header"};
    for (size_t i = 1; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(text, kinds[i]) == 0)
            return (enum hold)i;
    misused(text);
}

static int tls_version(const char *text)
{
    if (strcmp(text, "1.3") == 0)
        return TLS1_3_VERSION;
    if (strcmp(text, "1.2") == 0)
        return TLS1_2_VERSION;
    misused(text);
}

static const char *cipher_name(const char *text)
{
    if (strcmp(text, "aes128") != 0 && strcmp(text, "aes256") != 0)
        misused(text);
    return text;
}

enum option_name {
    PORT,
    NEW,
    RESUME,
    TLS,
    CIPHER,
    CONNECTIONS,
    PER_CONNECTION,
    COUNT,
    SECONDS,
    RATE,
    PATH,
    BODY_BYTES,
    HOLD,
    DRIP_MS,
    HELP,
};

static const struct option names[] = {
    {"port", required_argument, NULL, PORT},
    {"new", no_argument, NULL, NEW},
    {"resume", no_argument, NULL, RESUME},
    {"tls", required_argument, NULL, TLS},
    {"cipher", required_argument, NULL, CIPHER},
    {"connections", required_argument, NULL, CONNECTIONS},
    {"requests-per-connection", required_argument, NULL, PER_CONNECTION},
    {"count", required_argument, NULL, COUNT},
    {"seconds", required_argument, NULL, SECONDS},
    {"rate", required_argument, NULL, RATE},
    {"path", required_argument, NULL, PATH},
    {"body-bytes", required_argument, NULL, BODY_BYTES},
    {"hold", required_argument, NULL, HOLD},
    {"drip-ms", required_argument, NULL, DRIP_MS},
    {"help", no_argument, NULL, HELP},
    {0},
};

static void take_option(struct load_options *o, int name, const char *value)
{
    switch (name) {
    case PORT:
        o->port = (uint16_t)number(value, 1, 65535);
        break;
    case NEW:
        o->is_resumed = false;
        break;
    case RESUME:
        o->is_resumed = true;
        break;
    case TLS:
        o->version = tls_version(value);
        break;
    case CIPHER:
        o->cipher = cipher_name(value);
        break;
    case CONNECTIONS:
        o->n_clients = (unsigned)number(value, 1, 1e6);
        break;
    case PER_CONNECTION:
        o->n_requests = (unsigned)number(value, 0, 4e9);
        break;
    case COUNT:
        o->n_connections = (uint64_t)number(value, 1, 1e15);
        break;
    case SECONDS:
        o->seconds = number(value, 0.001, 1e6);
        break;
    case RATE:
        o->requests_per_s = number(value, 0.001, 1e9);
        break;
    case PATH:
        o->path = value;
        break;
    case BODY_BYTES:
        o->body_bytes = (size_t)number(value, 0, 1e15);
        break;
    case HOLD:
        o->hold = hold_kind(value);
        break;
    case DRIP_MS:
        o->drip_ms = (unsigned)number(value, 1, 1e9);
        break;
    case HELP:
        fputs(usage, stdout);
        exit(0);
    default:
        fputs(usage, stderr);
        exit(2);
    }
}

static void check(const struct load_options *o)
{
    if (o->port == 0)
        misused("--port is missing");
    if (strlen(o->path) > 400)
        misused("--path is too long");
    if (o->hold != HOLD_NOTHING)
        return;
    if (o->n_connections == 0 && o->seconds == 0)
        misused("--count or --seconds must say when it ends");
    if (o->n_requests == 0 && (o->seconds == 0 || o->n_connections != 0 || o->is_resumed))
        misused("--requests-per-connection 0 goes with --new and --seconds");
    if (o->requests_per_s > 0 && o->n_requests != 0)
        misused("--rate goes with --requests-per-connection 0");
}

int main(int argc, char **argv)
{
    struct load_options o = {.version = TLS1_3_VERSION,
                             .cipher = "aes128",
                             .n_clients = 8,
                             .n_requests = 1,
                             .drip_ms = 5000,
                             .path = "/1k",
                             .body_bytes = 1024};
    int name;
    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1)
        take_option(&o, name, optarg);
    if (optind < argc)
        misused(argv[optind]);
    check(&o);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul); /* or schedules are kept to 50 us only */
    if (o.hold != HOLD_NOTHING)
        load_hold(&o);
    else
        load_clients(&o);
    return fflush(stdout) == 0 ? 0 : 1;
}
