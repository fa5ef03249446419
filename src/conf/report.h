/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: what the reader needs of a report beyond the public door.
 */
#ifndef SLUICE_CONF_REPORT_PRIVATE_H
#define SLUICE_CONF_REPORT_PRIVATE_H

#include <sluice/conf/config.h>

/* Findings kept with their text; more are only counted. */
#define SL_REPORT_MAX 500

/* Is there a finding at this path or below it? Checks ask it so as not to blame a value for an
   error that was reported already. */
bool sl_report_touches(const struct sl_report *report, const char *path);
/* Some finding could not be kept for want of memory. */
bool sl_report_is_out_of_memory(const struct sl_report *report);

#endif
