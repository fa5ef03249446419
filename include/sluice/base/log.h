/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log: lines to a file without ever blocking the caller.
 *
 * A logger is a bounded ring of bytes and one writer thread. A line goes into the ring whole or is
 * dropped and counted; only the writer thread touches the file. Any thread may write.
 */
#ifndef SLUICE_BASE_LOG_H
#define SLUICE_BASE_LOG_H

#include <sluice/base/str.h>

enum sl_log_level { SL_LOG_ERROR, SL_LOG_WARN, SL_LOG_INFO, SL_LOG_DEBUG, SL_N_LOG_LEVELS };

struct sl_logger;

/* `path`: a file (opened for append, made with mode 0640), or "stdout" or "stderr".
   0 or SL_ERR_DENIED, SL_ERR_IO, SL_ERR_NO_FDS, SL_ERR_MEMORY. Starts the writer thread. */
int sl_logger_new(const char *path, size_t ring_bytes, struct sl_logger **out_logger);
/* Writes what is in the ring (for at most about a second), ends the thread, nulls the pointer. If
   the file blocks for longer, the thread ends when it can. Nobody may write to it any more. */
void sl_logger_free(struct sl_logger **logger);
/* Appends one line; the newline is added here. Never blocks on I/O. False: dropped and counted. */
bool sl_logger_write(struct sl_logger *logger, struct sl_span line);
/* The writer thread opens the path anew before its next write (for rotation). */
void sl_logger_reopen(struct sl_logger *logger);
/* Lines dropped because the ring was full, and lines lost because the file refused them. */
uint64_t sl_logger_dropped(const struct sl_logger *logger);
uint64_t sl_logger_failed(const struct sl_logger *logger);

/* The error log: one per process. Before it is set (or set to NULL), lines go to stderr directly.
   Borrowed: it may be freed once another one, or NULL, has been set. */
void sl_log_set(struct sl_logger *logger, enum sl_log_level level);
enum sl_log_level sl_log_level(void);
/* One line "2026-11-21T12:00:00.000Z level message". Cut at about 1 KiB. Keeps errno. */
void sl_log(enum sl_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "error", "warn", "info", "debug". */
const char *sl_log_level_name(enum sl_log_level level);
int sl_log_level_read(struct sl_span text, enum sl_log_level *out_level);

#endif
