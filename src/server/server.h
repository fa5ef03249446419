/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server: the process that serves: a main thread with signals, reloads and the status endpoint, and
 * the workers.
 */
#ifndef SLUICE_SERVER_SERVER_H
#define SLUICE_SERVER_SERVER_H

#include "command.h"
#include "generation.h"

/*
 * Serves until a signal ends it. greeting: printed to standard output once it listens; NULL for
 * none. SL_EXIT_USAGE when the configuration was refused (the report is on standard error, nothing
 * was started), SL_EXIT_FAILURE when something failed or exchanges were cut by a second SIGINT.
 */
enum sl_exit sl_server_run(const struct sl_source *source, const char *greeting);
/* Says whether sl_server_run would accept the configuration, without disturbing anybody. */
enum sl_exit sl_server_check(const struct sl_source *source);

#endif
