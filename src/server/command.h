/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command: the command line, read and checked, without doing anything yet.
 */
#ifndef SLUICE_SERVER_COMMAND_H
#define SLUICE_SERVER_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

/* What the process ends with. */
enum sl_exit {
    SL_EXIT_OK = 0,
    SL_EXIT_FAILURE = 1, /* something failed while running */
    SL_EXIT_USAGE = 2, /* the command line or the configuration was refused; nothing was started */
};

enum sl_verb {
    SL_VERB_NONE, /* everything there was to say has been said (help, or a refusal) */
    SL_VERB_RUN,
    SL_VERB_CHECK,
    SL_VERB_EXPLAIN,
    SL_VERB_QUICKSTART,
    SL_VERB_FULL_CONFIG,
    SL_VERB_REFERENCE,
    SL_VERB_VERSION,
    SL_N_VERBS,
};

/* All strings point into argv; NULL where the option was not given. */
struct sl_command {
    enum sl_verb verb;
    const char *config;
    const char *listener, *route;
    const char *upstream, *listen, *certificate, *key, *status;
    bool is_self_signed;
};

/*
 * Reads argv. 0: out_command says what to do; its verb is SL_VERB_NONE when help was asked for and
 * was written to `out`. SL_EXIT_USAGE: refused, and `errors` says why. Uses getopt: one thread
 * only.
 */
int sl_command_read(int argc, char **argv, FILE *out, FILE *errors, struct sl_command *out_command);

#endif
