/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump: the schema as text: config/full.yaml, which is a configuration that works and says all
 * there is to say, and the reference page. Both are made by walking the table and add nothing to
 * it, so they cannot lag behind the reader.
 */
#include <sluice/base/err.h>
#include "schema.h"
#include "text.h"

#define LINE_WIDTH 100

static bool is_phase(const struct sl_field *field)
{
    return field >= sl_schema_phases.fields &&
           field < sl_schema_phases.fields + sl_schema_phases.n_fields;
}

static bool is_deadlines(const struct sl_field *field)
{
    return field->map == &sl_schema_deadlines || field->map == &sl_schema_phases;
}

/* ---- comments ---- */

/* Words wrapped to the width of a line. */
static void print_comment(const char *text, int indent, FILE *to)
{
    int column = 0;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (column && column + 1 + n > LINE_WIDTH) {
            fputc('\n', to);
            column = 0;
        }
        if (column == 0)
            column = fprintf(to, "%*s#", indent, "");
        column += fprintf(to, " %.*s", n, text);
        text += n + (text[n] == ' ');
    }
    if (column)
        fputc('\n', to);
}

static void add_sentence(const struct sl_field *field, struct sl_str *s)
{
    size_t mark = s->len;
    sl_field_expects(field, s);
    if (s->len == mark || s->is_cut)
        return;
    if (s->ptr[mark] >= 'a' && s->ptr[mark] <= 'z')
        s->ptr[mark] = (char)(s->ptr[mark] - 'a' + 'A');
    sl_str_add_char(s, '.');
}

static void print_field_comment(const struct sl_field *field, int indent, FILE *to)
{
    char buf[640];
    struct sl_str s;
    print_comment(field->help, indent, to);
    sl_str_init(&s, buf, sizeof(buf));
    if (field->type != SL_TYPE_MAP && field->type != SL_TYPE_LIST)
        add_sentence(field, &s);
    if (field->is_required)
        sl_str_addz(&s, s.len ? " Required." : "Required.");
    if (field->inherits)
        sl_str_addf(&s, " Default: %s.", field->inherits);
    print_comment(buf, indent, to);
}

/* What the keys inside of phases mean, each once. */
static void print_members(int indent, FILE *to)
{
    const char *seen[16];
    size_t n_seen = 0;
    for (size_t i = 0; i < sl_schema_phases.n_fields; i++) {
        const struct sl_map *map = sl_schema_phases.fields[i].map;
        for (size_t j = 0; j < map->n_fields; j++) {
            const struct sl_field *member = &map->fields[j];
            bool is_new = member->key != NULL;
            for (size_t k = 0; is_new && k < n_seen; k++)
                is_new = strcmp(seen[k], member->key) != 0;
            if (!is_new || n_seen == SL_N_ELEMENTS(seen))
                continue;
            seen[n_seen++] = member->key;
            char buf[512];
            struct sl_str s;
            sl_str_init(&s, buf, sizeof(buf));
            sl_str_addf(&s, "`%s`: %s ", member->key, member->help);
            add_sentence(member, &s);
            print_comment(buf, indent, to);
        }
    }
}

/* ---- full.yaml ---- */

static void print_fields(const struct sl_map *map, int indent, bool is_item, FILE *to);

static void print_phase(const struct sl_field *field, int indent, FILE *to)
{
    const char *before = "{ ";
    fprintf(to, "%*s%s: ", indent, "", field->key);
    for (size_t i = 0; i < field->map->n_fields; i++) {
        const struct sl_field *member = &field->map->fields[i];
        char buf[64];
        struct sl_str s;
        if (!member->key)
            continue;
        sl_str_init(&s, buf, sizeof(buf));
        sl_field_preset(member, &s);
        if (s.len == 0)
            continue;
        fprintf(to, "%s%s: %s", before, member->key, buf);
        before = ", ";
    }
    fputs(" }\n", to);
}

static void print_field(const struct sl_field *field, int indent, const char *dash, FILE *to)
{
    int before = indent - (int)strlen(dash);
    print_field_comment(field, before, to);
    if (field->map == &sl_schema_deadlines)
        print_members(before, to);
    if (is_phase(field)) {
        print_phase(field, indent, to);
    } else if (is_deadlines(field) && field->map == &sl_schema_phases) {
        fprintf(to, "%*s%s%s: {}\n", before, "", dash, field->key);
    } else if (field->type == SL_TYPE_MAP) {
        fprintf(to, "%*s%s%s:\n", before, "", dash, field->key);
        print_fields(field->map, indent + 2, false, to);
    } else if (field->type == SL_TYPE_LIST) {
        fprintf(to, "%*s%s%s:\n", before, "", dash, field->key);
        print_fields(field->map, indent + 2, true, to);
    } else if (field->inherits) {
        fprintf(to, "%*s# %s: %s\n", indent, "", field->key, field->example);
    } else {
        fprintf(to, "%*s%s%s: %s\n", before, "", dash, field->key,
                field->preset ? field->preset : field->example);
    }
}

/* An item of a list starts with a dash; its first field is one that has a value. */
static void print_fields(const struct sl_map *map, int indent, bool is_item, FILE *to)
{
    if (is_item)
        indent += 2;
    bool is_first = true;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < sl_map_n_fields(map); i++) {
            size_t offset;
            const struct sl_field *field = sl_map_field(map, i, &offset);
            /* in items: what is required first, so that the dash has a value to stand before */
            if (!field || (pass == 0) != (is_item && field->is_required))
                continue;
            if (!is_first)
                fputc('\n', to);
            print_field(field, indent, is_item && is_first ? "- " : "", to);
            is_first = false;
        }
    }
}

void sl_config_print_full(FILE *to)
{
    fputs("# SPDX-License-Identifier: Apache-2.0\n", to);
    print_comment("Every key of a configuration with its default and what it means; values without "
                  "a default are examples. Made from the table that the reader itself uses. A "
                  "configuration needs only the keys called required: see minimal.yaml. Relative "
                  "paths stand against the folder of the file.",
                  0, to);
    fputc('\n', to);
    print_fields(&sl_schema, 0, false, to);
}

/* ---- the reference page ---- */

static void print_reference_row(const struct sl_field *field, FILE *to)
{
    char buf[512], preset[128];
    struct sl_str s;
    sl_str_init(&s, preset, sizeof(preset));
    sl_field_preset(field, &s);
    sl_str_init(&s, buf, sizeof(buf));
    if (is_deadlines(field))
        sl_str_addz(&s, "A mapping of phases.");
    else
        add_sentence(field, &s);
    fprintf(to, "| `%s` | %s | %s | ", field->key, field->help, buf);
    if (field->is_required)
        fputs("required |\n", to);
    else if (field->inherits)
        fprintf(to, "%s |\n", field->inherits);
    else if (preset[0])
        fprintf(to, "`%s` |\n", preset);
    else
        fputs(" |\n", to);
}

static void print_reference_phases(FILE *to)
{
    fputs("| phase | what it covers | awaited | defaults | where |\n|---|---|---|---|---|\n", to);
    for (size_t i = 0; i < sl_schema_phases.n_fields; i++) {
        const struct sl_field *field = &sl_schema_phases.fields[i];
        static const char *const scopes[] = {
            [SL_SCOPE_LISTENER] = "top level, listener",
            [SL_SCOPE_ROUTE] = "top level, listener, route",
            [SL_SCOPE_GLOBAL] = "top level",
        };
        const char *before = "";
        fprintf(to, "| `%s` | %s | %s | ", field->key, field->help,
                sl_side_name(sl_phase_table[i].awaited));
        for (size_t j = 0; j < field->map->n_fields; j++) {
            const struct sl_field *member = &field->map->fields[j];
            char buf[64];
            struct sl_str s;
            sl_str_init(&s, buf, sizeof(buf));
            if (member->key)
                sl_field_preset(member, &s);
            if (s.len == 0)
                continue;
            fprintf(to, "%s`%s: %s`", before, member->key, buf);
            before = ", ";
        }
        fprintf(to, " | %s |\n", scopes[field->scope]);
    }
    fputs("\nInside a phase:\n\n| key | what it is | value | default |\n|---|---|---|---|\n", to);
    const struct sl_map *map = sl_schema_phases.fields[SL_PHASE_REQUEST_BODY].map;
    for (size_t j = 0; j < map->n_fields; j++)
        if (map->fields[j].key)
            print_reference_row(&map->fields[j], to);
}

static void print_reference_map(const struct sl_map *map, const char *path, int depth, FILE *to)
{
    fprintf(to, "\n%s %s\n\n", depth == 0 ? "##" : "###", path[0] ? path : "The file");
    if (map == &sl_schema_deadlines) {
        print_reference_phases(to);
        fputs("\nBeside the phases:\n\n", to);
    }
    fputs("| key | what it is | value | default |\n|---|---|---|---|\n", to);
    for (size_t i = 0; i < map->n_fields; i++)
        if (map->fields[i].key)
            print_reference_row(&map->fields[i], to);
    for (size_t i = 0; i < map->n_fields; i++) {
        const struct sl_field *field = &map->fields[i];
        if (!field->map || field->map == &sl_schema_phases)
            continue;
        char buf[128];
        struct sl_str below;
        sl_str_init(&below, buf, sizeof(buf));
        sl_str_addf(&below, "%s%s%s%s", path, path[0] ? "." : "", field->key,
                    field->type == SL_TYPE_LIST ? "[]" : "");
        print_reference_map(field->map, buf, depth + 1, to);
    }
}

void sl_config_print_reference(FILE *to)
{
    fputs("# Configuration reference\n\nDurations are `500ms`, `5s`, `2m`, `1h30m`, `1d`; sizes "
          "`100B`, `64KiB`, `1MB`; rates a size with `/s`. A value without limit is written "
          "`unlimited`: neither `0` nor a missing value means that.\n",
          to);
    print_reference_map(&sl_schema, "", 0, to);
}
