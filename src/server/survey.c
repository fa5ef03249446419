/* SPDX-License-Identifier: Apache-2.0 */
/*
 * survey: a letter to each worker, and a deadline. The asker is told once: when the last answer is
 * in or when the deadline expires, whichever is first.
 *
 * A letter cannot be called back. So a survey whose asker is gone (told, or closed) stays until its
 * last letter has returned, silently; it then holds nothing but a count.
 */
#include "survey.h"

#include <stdlib.h>
#include <sluice/loop/reaper.h>

struct sl_survey {
    struct sl_grave grave; /* first: freed at the end of the turn, as its deadline may be calling */
    struct sl_loop *loop;
    struct sl_deadline deadline;
    struct sl_facts *facts; /* NULL once the asker is gone */
    sl_survey_fn *on_done;
    void *owner;
    size_t n_out; /* letters that have not returned */
};

static void free_survey(struct sl_grave *grave)
{
    free(sl_container_of(grave, struct sl_survey, grave));
}

static void forget(struct sl_survey *survey)
{
    sl_deadline_fini(&survey->deadline);
    survey->facts = NULL;
    if (survey->n_out == 0)
        sl_reap(survey->loop, &survey->grave, free_survey);
}

/* The asker may close nothing but itself in on_done, so the survey is let go first. */
static void tell(struct sl_survey *survey)
{
    sl_survey_fn *on_done = survey->on_done;
    void *owner = survey->owner;
    forget(survey);
    on_done(owner);
}

static void on_expired(struct sl_deadline *deadline)
{
    tell(sl_container_of(deadline, struct sl_survey, deadline));
}

int sl_survey_open(struct sl_loop *loop, struct sl_worker *const *workers, size_t n_workers,
                   struct sl_facts *facts, sl_survey_fn *on_done, void *owner,
                   struct sl_survey **out_survey)
{
    struct sl_survey *survey = calloc(1, sizeof(*survey));
    if (!survey)
        return SL_ERR_MEMORY;
    survey->loop = loop;
    survey->facts = facts;
    survey->on_done = on_done;
    survey->owner = owner;
    sl_deadline_init(&survey->deadline, loop, on_expired);
    sl_deadline_arm(&survey->deadline, SL_PHASE_NONE, SL_SURVEY_MS);
    for (size_t i = 0; i < n_workers; i++) {
        struct sl_letter *letter;
        if (sl_letter_new(SL_ORDER_SURVEY, &letter))
            continue; /* this worker's answer will be missing, and the page says so */
        letter->asker = survey;
        survey->n_out++;
        sl_worker_send(workers[i], letter);
    }
    if (survey->n_out == 0) {
        forget(survey);
        return SL_ERR_MEMORY;
    }
    *out_survey = survey;
    return 0;
}

void sl_survey_close(struct sl_survey **survey)
{
    if (*survey)
        forget(*survey);
    *survey = NULL;
}

void sl_survey_answer(struct sl_letter *letter)
{
    struct sl_survey *survey = letter->asker;
    survey->n_out--;
    if (survey->facts && !letter->err)
        sl_facts_add(survey->facts, &letter->snapshot);
    sl_letter_free(&letter);
    if (survey->n_out > 0)
        return;
    if (survey->facts)
        tell(survey);
    else
        sl_reap(survey->loop, &survey->grave, free_survey);
}
