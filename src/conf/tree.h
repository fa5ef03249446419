/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree: a YAML text as nodes with positions, and nothing else: what keys and values mean is for
 * read.c. The only place that knows libfyaml.
 */
#ifndef SLUICE_CONF_TREE_PRIVATE_H
#define SLUICE_CONF_TREE_PRIVATE_H

#include <sluice/conf/config.h>
#include "arena.h"

#define SL_TREE_MAX_BYTES   (1024 * 1024)
#define SL_TREE_MAX_DEPTH   16
#define SL_TREE_MAX_NODES   100000 /* what aliases stand for counts each time */
#define SL_TREE_MAX_ANCHORS 256

enum sl_node_kind {
    SL_NODE_NULL, /* nothing, `~` or `null` */
    SL_NODE_SCALAR,
    SL_NODE_LIST,
    SL_NODE_MAP,
};

struct sl_node;

/* One member of a map or list. */
struct sl_item {
    struct sl_span key; /* maps only */
    struct sl_where key_at;
    struct sl_node *node; /* shared with its anchor where an alias stood */
    struct sl_item *next;
};

struct sl_node {
    enum sl_node_kind kind;
    struct sl_where at;
    struct sl_span text;   /* scalars: ends with NUL */
    struct sl_item *first; /* maps and lists */
    struct sl_item **last; /* where the next member goes */
    size_t n_items;
    size_t n_nodes; /* this one and all below it, aliases written out */
    bool is_open;   /* its end has not been read */
};

/*
 * Reads a text. 0 with the root (NULL: the text holds nothing), SL_ERR_CONFIG with findings in the
 * report, or SL_ERR_MEMORY. All nodes live in the arena.
 */
int sl_tree_read(struct sl_span text, struct sl_arena *arena, struct sl_report *report,
                 struct sl_node **out_root);

/* The member of that name, or NULL; also NULL when `map` is NULL or no map. */
struct sl_item *sl_node_find(const struct sl_node *map, struct sl_span key);
/* The value at "listeners[0].tls.versions", else the nearest that exists above it. */
const struct sl_node *sl_node_at(const struct sl_node *root, const char *path);
struct sl_where sl_node_where(const struct sl_node *root, const char *path);
/* "a mapping", "a list", "nothing", or the quoted text. */
const char *sl_node_kind_name(const struct sl_node *node);

#endif
