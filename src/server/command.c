/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command: two tables, of commands and of options, from which reading and help both come, so that
 * neither can promise what the other does not keep.
 *
 * Reading only fills a struct; files are not looked at. What can be refused here: an unknown
 * command or option, a missing value, a missing option, two options that exclude each other, stray
 * words. Each refusal says what was found and where help is, and ends the process with
 * SL_EXIT_USAGE.
 */
#include "command.h"

#include <ctype.h>
#include <getopt.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#define ON(verb) (1u << SL_VERB_##verb)

struct verb_row {
    const char *name;
    const char *usage;   /* what follows the name */
    const char *summary; /* one line in the list of commands */
    const char *text;    /* the rest of its help */
};

static const struct verb_row verbs[SL_N_VERBS] = {
    [SL_VERB_RUN] =
        {"run", "-c FILE", "serve as a configuration file says",
         "Serves in the foreground until a signal ends it:\n"
         "  SIGHUP   reads the file and the certificates anew; on any error the old stay in force\n"
         "  SIGTERM  stops listening, lets running exchanges end (deadline `drain`), then exits\n"
         "  SIGINT   the same; a second one ends at once\n"
         "  SIGUSR1  opens the log files anew, for rotation\n"
         "\n"
         "Exits with 0 after a drain, 1 if something failed, 2 if the configuration was "
         "refused.\n"},
    [SL_VERB_CHECK] =
        {"check", "-c FILE", "check a configuration file and what it names; start nothing",
         "Reads the file, loads its certificates and keys and looks up its upstreams' names. "
         "Binds\n"
         "nothing, so it can be used while sluice runs. Lists every error as file:line:col: path:\n"
         "message and exits with 2, or prints how much memory a connection can hold and exits with "
         "0.\n"},
    [SL_VERB_EXPLAIN] =
        {"explain", "-c FILE [--listener NAME] [--route NAME]",
         "show each phase's deadline and where its value comes from",
         "Shows the phases of a connection in order with their effective deadlines and where each\n"
         "value was set, and the longest time that a silent and a trickling client can hold a\n"
         "connection.\n"},
    [SL_VERB_QUICKSTART] =
        {"quickstart",
         "--upstream HOST:PORT [--listen [ADDR]:PORT]\n"
         "                         {--self-signed | --certificate FILE --key FILE}",
         "put one application behind TLS without a file",
         "Needs no configuration file: every deadline has its default. With --self-signed the key "
         "is\n"
         "made afresh and stays in memory; the certificate is written to a temporary file for "
         "curl.\n"
         "Access lines go to standard output.\n"},
    [SL_VERB_FULL_CONFIG] = {"full-config", "", "print every key with its default and its comment",
                             ""},
    [SL_VERB_REFERENCE] = {"reference", "", "print the reference of the configuration (Markdown)",
                           ""},
    [SL_VERB_VERSION] = {"version", "", "print the version, also of the libraries", ""},
};

struct option_row {
    const char *name;
    char letter;       /* 0: has none */
    const char *value; /* what it is called in help; NULL: a switch */
    unsigned verbs;
    size_t offset; /* of its member in struct sl_command */
    const char *help;
};

#define AT(member) offsetof(struct sl_command, member)

static const struct option_row options[] = {
    {"config", 'c', "FILE", ON(RUN) | ON(CHECK) | ON(EXPLAIN), AT(config),
     "the configuration file (YAML)"},
    {"listener", 'l', "NAME", ON(EXPLAIN), AT(listener), "of this listener (default: the first)"},
    {"route", 'r', "NAME", ON(EXPLAIN), AT(route), "of this route (default: all)"},
    {"upstream", 'u', "HOST:PORT", ON(QUICKSTART), AT(upstream),
     "the application, plain HTTP; unix:/PATH for a socket"},
    {"listen", 'l', "[ADDR]:PORT", ON(QUICKSTART), AT(listen),
     "where clients connect (default :8443, on all addresses)"},
    {"self-signed", 's', NULL, ON(QUICKSTART), AT(is_self_signed),
     "make a certificate for this machine, to try things out"},
    {"certificate", 0, "FILE", ON(QUICKSTART), AT(certificate), "PEM chain, leaf first"},
    {"key", 0, "FILE", ON(QUICKSTART), AT(key), "PEM private key of that certificate"},
    {"status", 0, "[ADDR]:PORT", ON(QUICKSTART), AT(status),
     "serve /metrics, /status, /healthz and /readyz here"},
};
#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

/* ---- help ---- */

static void print_usage(FILE *to)
{
    fputs(
        "usage: sluice COMMAND [OPTION...]\n"
        "\n"
        "A TLS-terminating reverse proxy that gives every phase of a connection its own deadline.\n"
        "\n"
        "Commands:\n",
        to);
    for (int v = SL_VERB_NONE + 1; v < SL_N_VERBS; v++)
        fprintf(to, "  %-12s %s\n", verbs[v].name, verbs[v].summary);
    fputs("\n"
          "`sluice COMMAND --help` tells more about one. To begin with:\n"
          "  sluice quickstart --upstream 127.0.0.1:8080 --self-signed\n",
          to);
}

static void print_verb_help(FILE *to, enum sl_verb verb)
{
    const struct verb_row *row = &verbs[verb];
    fprintf(to, "usage: sluice %s%s%s\n\n%c%s.\n", row->name, row->usage[0] ? " " : "", row->usage,
            toupper((unsigned char)row->summary[0]), row->summary + 1);
    if (row->text[0])
        fprintf(to, "\n%s", row->text);
    fputs("\nOptions:\n", to);
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct option_row *o = &options[i];
        if (!(o->verbs & (1u << verb)))
            continue;
        char letter[5] = "    ";
        if (o->letter)
            snprintf(letter, sizeof(letter), "-%c, ", o->letter);
        char left[48];
        snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, o->value ? " " : "",
                 o->value ? o->value : "");
        fprintf(to, "  %-28s %s\n", left, o->help);
    }
    fprintf(to, "  %-28s %s\n", "-h, --help", "this text");
}

/* ---- reading ---- */

static enum sl_verb find_verb(const char *name)
{
    for (int v = SL_VERB_NONE + 1; v < SL_N_VERBS; v++)
        if (strcmp(verbs[v].name, name) == 0)
            return (enum sl_verb)v;
    return SL_VERB_NONE;
}

/* The last words of every refusal. */
static int refuse(FILE *errors, enum sl_verb verb)
{
    if (verb == SL_VERB_NONE)
        fputs("try `sluice --help`\n", errors);
    else
        fprintf(errors, "try `sluice %s --help`\n", verbs[verb].name);
    return SL_EXIT_USAGE;
}

static void store(struct sl_command *command, const struct option_row *row, const char *value)
{
    char *at = (char *)command + row->offset;
    if (row->value)
        memcpy(at, &value, sizeof(value));
    else
        memcpy(at, &(bool){true}, sizeof(bool));
}

static int refuse_option(FILE *errors, enum sl_verb verb, int found, char *const *argv)
{
    fprintf(errors, "sluice %s: ", verbs[verb].name);
    /* After an error optind is past a long option, but may still be at a cluster of letters. */
    if (found == ':')
        fprintf(errors, "%s needs a value\n", argv[optind - 1]);
    else if (optopt > CHAR_MAX) /* known, and given a value that it does not take */
        fprintf(errors, "%s: this option has no value\n", argv[optind - 1]);
    else if (optopt)
        fprintf(errors, "unknown option -%c\n", optopt);
    else
        fprintf(errors, "unknown option %s\n", argv[optind - 1]);
    return refuse(errors, verb);
}

/* The options after the command's name. argv[0] is that name. */
static int read_options(int argc, char **argv, FILE *out, FILE *errors, struct sl_command *command)
{
    enum { HELP = 1000, FIRST };
    struct option longs[N_OPTIONS + 2] = {{"help", no_argument, NULL, HELP}};
    char shorts[2 * N_OPTIONS + 3] = ":h";
    size_t n_longs = 1, n_shorts = 2;
    const struct option_row *by_letter[128] = {NULL};

    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct option_row *o = &options[i];
        if (!(o->verbs & (1u << command->verb)))
            continue;
        longs[n_longs++] = (struct option){o->name, o->value ? required_argument : no_argument,
                                           NULL, FIRST + (int)i};
        if (!o->letter)
            continue;
        by_letter[(unsigned char)o->letter] = o;
        shorts[n_shorts++] = o->letter;
        if (o->value)
            shorts[n_shorts++] = ':';
    }
    optind = 0; /* glibc and musl: start anew */
    opterr = 0;
    for (;;) {
        optopt = 0;
        int found = getopt_long(argc, argv, shorts, longs, NULL);
        if (found == -1)
            break;
        if (found == 'h' || found == HELP) {
            print_verb_help(out, command->verb);
            command->verb = SL_VERB_NONE;
            return 0;
        }
        if (found == ':' || found == '?')
            return refuse_option(errors, command->verb, found, argv);
        store(command, found >= FIRST ? &options[found - FIRST] : by_letter[found], optarg);
    }
    if (optind < argc) {
        fprintf(errors, "sluice %s: unexpected word '%s'\n", argv[0], argv[optind]);
        return refuse(errors, command->verb);
    }
    return 0;
}

/* Options that only make sense together, or not together. NULL: all is well. */
static const char *find_gap(const struct sl_command *c)
{
    switch (c->verb) {
    case SL_VERB_RUN:
    case SL_VERB_CHECK:
    case SL_VERB_EXPLAIN:
        return c->config && c->config[0] ? NULL : "a configuration file is needed: -c FILE";
    case SL_VERB_QUICKSTART:
        if (!c->upstream)
            return "the application's address is needed: --upstream HOST:PORT";
        if (c->is_self_signed && (c->certificate || c->key))
            return "--self-signed excludes --certificate and --key";
        if (!c->is_self_signed && !c->certificate && !c->key)
            return "a certificate is needed: --self-signed, or --certificate FILE --key FILE";
        if (!c->is_self_signed && !c->certificate)
            return "--key needs --certificate FILE beside it";
        if (!c->is_self_signed && !c->key)
            return "--certificate needs --key FILE beside it";
        return NULL;
    default:
        return NULL;
    }
}

/* `sluice help [COMMAND]`. */
static int help(int argc, char **argv, FILE *out, FILE *errors)
{
    if (argc < 2) {
        print_usage(out);
        return 0;
    }
    enum sl_verb verb = find_verb(argv[1]);
    if (verb == SL_VERB_NONE) {
        fprintf(errors, "sluice help: there is no command '%s'\n", argv[1]);
        return refuse(errors, SL_VERB_NONE);
    }
    print_verb_help(out, verb);
    return 0;
}

int sl_command_read(int argc, char **argv, FILE *out, FILE *errors, struct sl_command *out_command)
{
    *out_command = (struct sl_command){.verb = SL_VERB_NONE};
    if (argc < 2) {
        print_usage(errors);
        return SL_EXIT_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        print_usage(out);
        return 0;
    }
    if (strcmp(word, "help") == 0)
        return help(argc - 1, argv + 1, out, errors);
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        out_command->verb = SL_VERB_VERSION;
        return 0;
    }
    out_command->verb = find_verb(word);
    if (out_command->verb == SL_VERB_NONE) {
        fprintf(errors,
                word[0] == '-' ? "sluice: unknown option %s before the command\n"
                               : "sluice: there is no command '%s'\n",
                word);
        return refuse(errors, SL_VERB_NONE);
    }
    int err = read_options(argc - 1, argv + 1, out, errors, out_command);
    if (err)
        return err;
    const char *gap = find_gap(out_command);
    if (gap) {
        fprintf(errors, "sluice %s: %s\n", word, gap);
        return refuse(errors, out_command->verb);
    }
    return 0;
}
