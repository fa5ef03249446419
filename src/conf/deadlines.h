/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deadlines: what one level wrote.
 */
#ifndef SLUICE_CONF_DEADLINES_PRIVATE_H
#define SLUICE_CONF_DEADLINES_PRIVATE_H

#include <sluice/conf/config.h>

/* Did the level write anything about the phase? */
bool sl_deadline_set_has(const struct sl_deadline_set *set, enum sl_phase phase);

#endif
