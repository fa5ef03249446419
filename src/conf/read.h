/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read: what the parts of the reader share.
 */
#ifndef SLUICE_CONF_READ_PRIVATE_H
#define SLUICE_CONF_READ_PRIVATE_H

#include "arena.h"
#include "report.h"
#include "schema.h"
#include "tree.h"

struct sl_reader {
    struct sl_arena *arena; /* of the configuration */
    struct sl_report *report;
    struct sl_node *root; /* NULL: the file holds nothing */
    const char *folder;   /* against which relative paths stand; ends with "/", or is empty */
    struct sl_str path;   /* of the value at hand */
    enum sl_level level;  /* whose `deadlines` were entered last */
    bool is_again;        /* the next map is there for the second time */
    bool is_out_of_memory;
};

/* Reads one scalar or list of scalars into the struct at `base`. False: reported, nothing stored.
 */
bool sl_value_read(struct sl_reader *r, const struct sl_field *field, void *base,
                   const struct sl_node *node);
/* The same for the default; it is right by construction (a test reads every one). */
bool sl_value_preset(struct sl_reader *r, const struct sl_field *field, void *base);
/* "found ..., expected ..." at the node. */
void sl_reader_expected(struct sl_reader *r, const struct sl_field *field,
                        const struct sl_node *node);

/* Names that were given twice. Before names are completed: defaults may be alike. */
void sl_config_check_names(struct sl_reader *r, const struct sl_config *config);
/* What can only be filled in when all is read: names, the implied route, inherited values. */
int sl_config_complete(struct sl_reader *r, struct sl_config *config);
/* Everything that no key shows by itself: contradictions, names that refer to nothing, twins. */
void sl_config_check(struct sl_reader *r, const struct sl_config *config);
/* The part of it that concerns deadlines. */
void sl_deadlines_check(struct sl_reader *r, const struct sl_config *config);

#endif
