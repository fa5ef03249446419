/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oom: every allocation failed in turn. Link oom.c and pass oom_link_args; then malloc, calloc and
 * realloc of the code under test go through here. What the fake allocates for itself does not
 * count.
 */
#ifndef SLUICE_TEST_OOM_H
#define SLUICE_TEST_OOM_H

/* The n-th allocation from now (the first is 1) fails, once. Starts the count anew. */
void oom_fail_nth(unsigned n);
/* No more failures; the count goes on. */
void oom_off(void);
/* Allocations since oom_fail_nth. When it is less than n nothing has failed: the last round. */
unsigned oom_count(void);

#endif
