/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main: the command line says which part of sluice is to do something. Only `run` and `quickstart`
 * start anything; they and `check` need the TLS library.
 */
#include <sluice/base/err.h>
#include <sluice/conf/config.h>
#include <sluice/tls/server.h>
#include "command.h"
#include "process.h"
#include "quickstart.h"
#include "server.h"

static enum sl_exit explain(const struct sl_command *command)
{
    struct sl_report *report;
    struct sl_config *config = NULL;
    int err = sl_report_new(command->config, &report);
    if (!err) {
        err = sl_config_read(command->config, report, &config);
        if (err == SL_ERR_CONFIG)
            sl_report_print(report, stderr);
        sl_report_free(&report);
    }
    if (!err)
        err = sl_config_explain(config, command->listener, command->route, stdout, stderr);
    if (err && err != SL_ERR_CONFIG && err != SL_ERR_NOT_FOUND)
        fprintf(stderr, "sluice: %s\n", sl_err_str(err));
    if (config)
        sl_config_free(&config);
    if (err == SL_ERR_CONFIG || err == SL_ERR_NOT_FOUND)
        return SL_EXIT_USAGE;
    return err ? SL_EXIT_FAILURE : SL_EXIT_OK;
}

static enum sl_exit with_tls(const struct sl_command *command)
{
    const struct sl_source source = {.file = command->config};
    int err = sl_tls_global_init();
    if (err) {
        fprintf(stderr, "sluice: the TLS library does not start: %s\n", sl_err_str(err));
        return SL_EXIT_FAILURE;
    }
    enum sl_exit result = command->verb == SL_VERB_RUN     ? sl_server_run(&source, NULL)
                          : command->verb == SL_VERB_CHECK ? sl_server_check(&source)
                                                           : sl_quickstart(command);
    sl_tls_global_fini();
    return result;
}

static enum sl_exit execute(const struct sl_command *command)
{
    switch (command->verb) {
    case SL_VERB_RUN:
    case SL_VERB_CHECK:
    case SL_VERB_QUICKSTART:
        return with_tls(command);
    case SL_VERB_EXPLAIN:
        return explain(command);
    case SL_VERB_FULL_CONFIG:
        sl_config_print_full(stdout);
        return SL_EXIT_OK;
    case SL_VERB_REFERENCE:
        sl_config_print_reference(stdout);
        return SL_EXIT_OK;
    case SL_VERB_VERSION:
        printf("sluice %s\n%s\n", sl_process_version(), sl_process_libraries());
        return SL_EXIT_OK;
    case SL_VERB_NONE:
    case SL_N_VERBS:
        break;
    }
    return SL_EXIT_OK;
}

int main(int argc, char **argv)
{
    struct sl_command command;
    sl_process_hold_standard_fds();
    int refused = sl_command_read(argc, argv, stdout, stderr, &command);
    if (refused)
        return refused;
    enum sl_exit result = execute(&command);
    /* Output that did not arrive (a full disk, a closed pipe) is no success. */
    if (fflush(stdout) && result == SL_EXIT_OK)
        result = SL_EXIT_FAILURE;
    return (int)result;
}
