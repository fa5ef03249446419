/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema: ONE table of every key: its type, place in the structs, range, default and help text.
 * read.c walks it to read, dump.c to print config/full.yaml and the reference page.
 */
#ifndef SLUICE_CONF_SCHEMA_PRIVATE_H
#define SLUICE_CONF_SCHEMA_PRIVATE_H

#include <sluice/conf/config.h>

enum sl_type {
    SL_TYPE_MAP,      /* keys of `map`, in the struct at offset */
    SL_TYPE_LIST,     /* any number of `map`, each an element of an array */
    SL_TYPE_FLAGS,    /* a list of `words`, each a bool from offset on */
    SL_TYPE_PREFIXES, /* a list of address prefixes */
    SL_TYPE_BOOL,
    SL_TYPE_NUMBER, /* uint32_t or uint64_t, as are all the following up to RATE */
    SL_TYPE_PERCENT,
    SL_TYPE_DURATION, /* milliseconds */
    SL_TYPE_SIZE,     /* bytes */
    SL_TYPE_RATE,     /* bytes per second */
    SL_TYPE_WORD,     /* an enum: index into `words` */
    SL_TYPE_PATH,     /* a file; relative to the folder of the configuration */
    SL_TYPE_NAME,     /* letters, digits, `.`, `_`, `-` */
    SL_TYPE_HOST,     /* of a route */
    SL_TYPE_PREFIX,   /* path of a route */
    SL_TYPE_TOKEN,    /* RFC 9110 section 5.6.2 */
    SL_TYPE_LISTEN,   /* struct sl_addr */
    SL_TYPE_ENDPOINT, /* the members of struct sl_endpoint_config */
};

struct sl_map;

/* Offsets marked +1 are 0 where there is none. */
struct sl_field {
    const char *key; /* NULL: a place in the table that is not used */
    enum sl_type type;
    size_t offset;       /* from the struct of the map */
    size_t width;        /* bytes of the member */
    size_t n_offset;     /* lists: of the size_t that counts */
    size_t at;           /* +1: struct sl_where */
    size_t has;          /* +1: bool, set when the file has the key */
    size_t text;         /* +1: char *, the value as written (addresses) */
    size_t off;          /* +1: bool, false when the word `off` stands instead of a mapping */
    uint64_t min, max;   /* of lists: max items */
    const char *special; /* a word that stands for special_value: unlimited, auto, off */
    uint64_t special_value;
    const char *words;    /* "a|b": the words of FLAGS and WORD; words that PATH keeps */
    const char *preset;   /* default, as YAML; NULL: none */
    const char *inherits; /* where the default comes from, for people, when it is another key */
    bool is_required;
    const struct sl_map *map;
    enum sl_level level; /* set by fields whose map holds deadlines: who may write what */
    enum sl_scope scope; /* of a phase */
    const char *example; /* for full.yaml, where there is no default */
    const char *help;
};

struct sl_map {
    const struct sl_field *fields;
    size_t n_fields;
    const char *noun;          /* "a listener" */
    const char *short_key;     /* a bare value is this key's; NULL: no short form */
    size_t size;               /* elements of lists: bytes of the struct */
    size_t at;                 /* +1: where the element stands */
    const struct sl_map *also; /* a second table, of a struct at also_offset */
    size_t also_offset;
};

extern const struct sl_map sl_schema;           /* the whole file, in struct sl_config */
extern const struct sl_map sl_schema_phases;    /* all phases, in struct sl_deadline_set */
extern const struct sl_map sl_schema_deadlines; /* the phases and what is global beside them */

/* Field number `index` of the map and of `also`, whose struct is *out_offset bytes further; NULL
   past the end. Unused places are NULL too: ask sl_map_n_fields for the number. */
const struct sl_field *sl_map_field(const struct sl_map *map, size_t index, size_t *out_offset);
size_t sl_map_n_fields(const struct sl_map *map);

/* "a duration such as `5s`, from 1ms to 365d, or `unlimited`" */
void sl_field_expects(const struct sl_field *field, struct sl_str *s);
/* The default as YAML, also of phases; empty: none. */
void sl_field_preset(const struct sl_field *field, struct sl_str *s);

#endif
