/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quickstart: one application behind TLS without a file: a configuration made of a few options.
 */
#ifndef SLUICE_SERVER_QUICKSTART_H
#define SLUICE_SERVER_QUICKSTART_H

#include <sluice/base/str.h>
#include "command.h"

/* Makes the configuration, serves, and ends as sl_server_run does. */
enum sl_exit sl_quickstart(const struct sl_command *command);

/* ---- its parts, pure ---- */

/* The configuration as YAML. SL_ERR_INVALID when a value cannot stand in it (control characters).
 */
int sl_quickstart_config(const struct sl_command *command, struct sl_str *s);
/* "https://localhost:8443/": how a client on this machine reaches the listener. */
void sl_quickstart_url(const struct sl_command *command, struct sl_str *s);

#endif
