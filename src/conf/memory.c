/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory: what one client connection can hold at most in each state, so that an operator can choose
 * max_connections by the memory there is.
 *
 * Limits of the configuration are taken from it. Sizes that are fixed in the floors above, which
 * this floor cannot include, stand here: a queue holds its high mark and one read more, in whole
 * chunks; a record of TLS never spans two of them, so that they may be only half full; a TLS
 * session holds a record each way and its own state.
 */
#include <inttypes.h>
#include <sluice/base/chunkq.h>
#include <sluice/conf/config.h>

#define KIB           UINT64_C(1024)
#define SILENT_BYTES  (2 * KIB)  /* a socket, its handle and the client: a promise, tested as one */
#define SESSION_BYTES (44 * KIB) /* two records of 16KiB, keys, transcript */
#define READ_BYTES    (80 * KIB) /* one read of a socket */
#define OUT_BYTES     (64 * KIB) /* high mark of what waits for a socket */
#define IN_BYTES      (16 * KIB) /* high mark of what was read and not yet used */
#define STAGE_BYTES   (16 * KIB) /* plaintext on its way into a record */

struct state {
    const char *name, *formula;
    uint64_t bytes;
};

static uint64_t in_chunks(uint64_t bytes)
{
    return (bytes + SL_CHUNK_ROOM - 1) / SL_CHUNK_ROOM * SL_CHUNK_BYTES;
}

/* Two neighbouring chunks hold more than one has room for (sl_chunkq_reserve). */
static uint64_t in_records(uint64_t bytes)
{
    return (2 * bytes / SL_CHUNK_ROOM + 1) * SL_CHUNK_BYTES;
}

static void print_size(uint64_t bytes, FILE *to)
{
    uint64_t kib = (bytes + KIB - 1) / KIB;
    if (kib < 10 * KIB)
        fprintf(to, "%8" PRIu64 " KiB", kib);
    else
        fprintf(to, "%8" PRIu64 " MiB", (kib + KIB - 1) / KIB);
}

void sl_config_print_memory(const struct sl_config *config, FILE *to)
{
    bool has_tls = false;
    for (size_t i = 0; i < config->n_listeners; i++)
        has_tls = has_tls || config->listeners[i].is_tls;
    uint64_t session = has_tls ? SESSION_BYTES : 0;
    uint64_t stage = has_tls ? in_chunks(STAGE_BYTES + READ_BYTES) : 0;
    uint64_t queue = in_chunks(OUT_BYTES + READ_BYTES), rest = in_chunks(IN_BYTES + READ_BYTES);
    uint64_t records = has_tls ? in_records(OUT_BYTES + READ_BYTES) : queue;
    uint64_t head = config->limits.header_bytes, trailer = config->limits.trailer_bytes;
    const struct state states[] = {
        {"accepted, silent", "the connection", SILENT_BYTES},
        {"in the handshake", "+ TLS session + one queue", SILENT_BYTES + session + queue},
        {"request header", "+ TLS session + header_bytes + one queue",
         SILENT_BYTES + session + head + rest},
        {"body, both ways",
         "+ TLS session + 2 x header_bytes + trailer_bytes + queues of both sides",
         2 * SILENT_BYTES + session + stage + 2 * head + trailer + records + queue + 2 * rest},
        {"between requests", "+ TLS session", SILENT_BYTES + session},
    };
    fprintf(to, "Memory of one client connection, at most (without what the kernel holds for its "
                "sockets):\n");
    uint64_t most = 0;
    for (size_t i = 0; i < SL_N_ELEMENTS(states); i++) {
        fprintf(to, "  %-18s", states[i].name);
        print_size(states[i].bytes, to);
        fprintf(to, "  %s\n", states[i].formula);
        most = states[i].bytes > most ? states[i].bytes : most;
    }
    uint64_t n = config->limits.max_connections;
    if (n == 0)
        return;
    fprintf(to, "With max_connections: %" PRIu64 ", if every one of them did its worst:", n);
    print_size(n > UINT64_MAX / most ? UINT64_MAX : n * most, to);
    fputc('\n', to);
}
