/* SPDX-License-Identifier: Apache-2.0 */
/*
 * field: what the schema's rows say in words, for messages and for the printed pages. Borrowed
 * static text only.
 */
#include "schema.h"
#include "text.h"

size_t sl_map_n_fields(const struct sl_map *map)
{
    return map->n_fields + (map->also ? map->also->n_fields : 0);
}

const struct sl_field *sl_map_field(const struct sl_map *map, size_t index, size_t *out_offset)
{
    /* the second table comes first: the phases, then what stands beside them */
    size_t n_also = map->also ? map->also->n_fields : 0;
    const struct sl_field *field;
    if (index < n_also) {
        *out_offset = map->also_offset;
        field = &map->also->fields[index];
    } else {
        *out_offset = 0;
        if (index - n_also >= map->n_fields)
            return NULL;
        field = &map->fields[index - n_also];
    }
    return field->key ? field : NULL;
}

/* Ranges whose end nobody can mean are not told. */
#define RANGE_MAX (UINT64_C(1) << 60)

static void add_value(const struct sl_field *field, uint64_t value, struct sl_str *s)
{
    switch (field->type) {
    case SL_TYPE_DURATION:
        sl_str_add_duration(s, value);
        break;
    case SL_TYPE_SIZE:
        sl_str_add_size(s, value);
        break;
    case SL_TYPE_RATE:
        sl_str_add_size(s, value);
        sl_str_addz(s, "/s");
        break;
    case SL_TYPE_PERCENT:
        sl_str_add_u64(s, value);
        sl_str_add_char(s, '%');
        break;
    default:
        sl_str_add_u64(s, value);
        break;
    }
}

static void add_words(const char *words, struct sl_str *s)
{
    for (unsigned i = 0;; i++) {
        struct sl_span word = sl_words_at(words, i);
        if (word.len == 0)
            return;
        bool is_last = sl_words_at(words, i + 1).len == 0;
        sl_str_addz(s, i == 0 ? "`" : is_last ? " or `" : ", `");
        sl_str_add(s, word);
        sl_str_add_char(s, '`');
    }
}

void sl_field_expects(const struct sl_field *field, struct sl_str *s)
{
    static const char *const nouns[] = {
        [SL_TYPE_MAP] = "a mapping",
        [SL_TYPE_LIST] = "a list, each item after `- `",
        [SL_TYPE_FLAGS] = "a list with one or more of ",
        [SL_TYPE_PREFIXES] = "a list of addresses and prefixes such as `10.0.0.0/8`",
        [SL_TYPE_BOOL] = "`true` or `false`",
        [SL_TYPE_NUMBER] = "a number",
        [SL_TYPE_PERCENT] = "a percentage such as `75%`",
        [SL_TYPE_DURATION] = "a duration such as `5s`",
        [SL_TYPE_SIZE] = "a size such as `64KiB`",
        [SL_TYPE_RATE] = "a rate such as `512B/s`",
        [SL_TYPE_WORD] = "",
        [SL_TYPE_PATH] = "the path of a file",
        [SL_TYPE_NAME] = "a name of up to 64 letters, digits, `.`, `_` or `-`",
        [SL_TYPE_HOST] = "a host name without port such as `example.org` or `*.example.org`",
        [SL_TYPE_PREFIX] = "a path that starts with `/`, without `?`, `#` and dot segments; "
                           "escapes in upper case, and only where they are needed",
        [SL_TYPE_TOKEN] = "a word of up to 64 letters, digits, `.`, `_` or `-`",
        [SL_TYPE_LISTEN] = ("an address such as `:8443`, `127.0.0.1:8443`, `[::1]:8443` or "
                            "`unix:/path`"),
        [SL_TYPE_ENDPOINT] = "`host:port` or `unix:/path`",
    };
    if (field->type == SL_TYPE_MAP && field->map && field->map->short_key) {
        /* whatever its short form takes, too */
        for (size_t i = 0; i < field->map->n_fields; i++)
            if (field->map->fields[i].key &&
                strcmp(field->map->fields[i].key, field->map->short_key) == 0)
                sl_field_expects(&field->map->fields[i], s);
        sl_str_addz(s, ", or ");
    }
    sl_str_addz(s, nouns[field->type]);
    if (field->type == SL_TYPE_FLAGS || field->type == SL_TYPE_WORD)
        add_words(field->words, s);
    if (field->type == SL_TYPE_MAP && field->off)
        sl_str_addz(s, " or `off`");
    if (field->type == SL_TYPE_PATH && field->words) {
        sl_str_addz(s, ", ");
        add_words(field->words, s);
    }
    if (field->max && field->max <= RANGE_MAX && field->type != SL_TYPE_LIST) {
        sl_str_addz(s, " from ");
        add_value(field, field->min, s);
        sl_str_addz(s, " to ");
        add_value(field, field->max, s);
    }
    if (field->special)
        sl_str_addf(s, ", or `%s`", field->special);
}

/* Which phase, and which of its members, does a row of the schema describe? */
static bool phase_preset(const struct sl_field *field, struct sl_str *s)
{
    for (int i = 0; i < SL_N_PHASES; i++) {
        const struct sl_map *map = sl_schema_phases.fields[i].map;
        if (field < map->fields || field >= map->fields + map->n_fields)
            continue;
        const struct sl_limit *preset = &sl_phase_table[i].preset;
        size_t base = offsetof(struct sl_deadline_set, values) + (size_t)i * sizeof(*preset);
        if (field->type == SL_TYPE_BOOL) {
            sl_str_addz(s, "true");
            return true;
        }
        uint64_t value;
        memcpy(&value, (const char *)preset + (field->offset - base), sizeof(value));
        if (field->special && value == field->special_value)
            sl_str_addz(s, field->special);
        else if (field->type != SL_TYPE_DURATION || value) /* 0: no rate, so no window */
            add_value(field, value, s);
        return true;
    }
    return false;
}

void sl_field_preset(const struct sl_field *field, struct sl_str *s)
{
    if (!phase_preset(field, s) && field->preset)
        sl_str_addz(s, field->preset);
}
