/* SPDX-License-Identifier: Apache-2.0 */
/*
 * survey: one question to all workers, answered when all have replied or after a second with what
 * has come by then. On the main thread.
 */
#ifndef SLUICE_SERVER_SURVEY_H
#define SLUICE_SERVER_SURVEY_H

#include <sluice/loop/deadline.h>
#include "facts.h"
#include "worker.h"

#define SL_SURVEY_MS 1000

struct sl_survey;

/* Each answer that came in time has been added to the facts before. */
typedef void sl_survey_fn(void *owner);

/* Asks. `facts` receives the answers until on_done. 0 or SL_ERR_MEMORY. on_done is never called
   before this returns; after it the survey is gone and *out_survey must be forgotten. */
int sl_survey_open(struct sl_loop *loop, struct sl_worker *const *workers, size_t n_workers,
                   struct sl_facts *facts, sl_survey_fn *on_done, void *owner,
                   struct sl_survey **out_survey);
/* The asker is gone. Idempotent; no call follows. */
void sl_survey_close(struct sl_survey **survey);
/* A letter of a survey has come back; it is consumed. */
void sl_survey_answer(struct sl_letter *letter);

#endif
