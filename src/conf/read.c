/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read: from a text to a configuration.
 *
 * The happy path: the text becomes a tree (tree.c), the schema is walked over it and fills the
 * structs (here and in value.c), what depends on several values is completed and checked
 * (complete.c, check.c), the tree is given back. Recursion is as deep as the schema, not as the
 * text.
 *
 * Failure modes: a syntax error ends the reading after the tree; all other errors are collected, so
 * that one run shows them all, and the half-filled configuration is given back. Without memory
 * nothing is kept, and SL_ERR_MEMORY is said even when errors were found, since some may be
 * missing.
 *
 * A configuration and everything it points to lives in one arena that goes with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>
#include <sluice/base/err.h>
#include "read.h"
#include "text.h"

#define PATIENCE_MS     5000 /* with a pipe */
#define PATH_TEXT_BYTES 512
#define MAP_FIELDS_MAX  32
#define SCHEMA_DEPTH    4

struct owner {
    struct sl_config config;
    struct sl_arena arena;
};

static void read_field(struct sl_reader *r, const struct sl_field *field, void *base,
                       const struct sl_item *item, struct sl_where map_at);

/* ---- unknown keys ---- */

static size_t field_index(const struct sl_map *map, struct sl_span key)
{
    size_t n = sl_map_n_fields(map), offset;
    for (size_t i = 0; i < n; i++) {
        const struct sl_field *field = sl_map_field(map, i, &offset);
        if (field && sl_span_eq(key, sl_span_str(field->key)))
            return i;
    }
    return n;
}

/* A map that has the key, `depth` levels below `map`: its path from there. */
static bool find_home(const struct sl_map *map, struct sl_span key, unsigned depth,
                      struct sl_str *path)
{
    if (depth == 0)
        return field_index(map, key) < sl_map_n_fields(map);
    size_t mark = path->len, offset;
    for (size_t i = 0; i < sl_map_n_fields(map); i++) {
        const struct sl_field *field = sl_map_field(map, i, &offset);
        /* what is in a phase is in every phase: none is its home */
        if (!field || !field->map || field->map->fields[0].has)
            continue;
        sl_str_addf(path, "%s%s%s", path->len ? "." : "", field->key,
                    field->type == SL_TYPE_LIST ? "[]" : "");
        if (find_home(field->map, key, depth - 1, path))
            return true;
        path->len = mark;
        path->ptr[mark] = 0;
    }
    return false;
}

/* The nearest to the top of the file. */
static bool find_shallowest_home(struct sl_span key, struct sl_str *path)
{
    for (unsigned depth = 0; depth <= SCHEMA_DEPTH; depth++)
        if (find_home(&sl_schema, key, depth, path))
            return true;
    return false;
}

static const char *nearest_key(const struct sl_map *map, struct sl_span key)
{
    const char *nearest = NULL;
    unsigned best = sl_word_tolerance(key) + 1;
    for (size_t i = 0; i < sl_map_n_fields(map); i++) {
        size_t offset;
        const struct sl_field *field = sl_map_field(map, i, &offset);
        if (!field)
            continue;
        unsigned distance = sl_word_distance(key, sl_span_str(field->key), best);
        if (distance < best) {
            best = distance;
            nearest = field->key;
        }
    }
    return nearest;
}

/* Returns the key that was probably meant, or NULL. */
static const char *report_unknown(struct sl_reader *r, const struct sl_map *map,
                                  const struct sl_item *item)
{
    if (sl_report_count(r->report) > SL_REPORT_MAX) { /* counted, not printed: spare the search */
        sl_report_add(r->report, item->key_at, "", "unknown key");
        return NULL;
    }
    char home[128];
    struct sl_str s;
    sl_str_init(&s, home, sizeof(home));
    const char *nearest = nearest_key(map, item->key);
    bool has_home = !nearest && find_shallowest_home(item->key, &s);
    if (nearest)
        sl_report_add(r->report, item->key_at, r->path.ptr,
                      "unknown key %s in %s; did you mean `%s`?", sl_quote(item->key).text,
                      map->noun, nearest);
    else if (has_home)
        sl_report_add(r->report, item->key_at, r->path.ptr,
                      "unknown key %s in %s; it belongs%s%s%s%s", sl_quote(item->key).text,
                      map->noun, s.len ? " in `" : "", home, s.len ? "`" : "",
                      strchr(home, '.') ? "" : " at the top level");
    else
        sl_report_add(r->report, item->key_at, r->path.ptr, "unknown key %s in %s",
                      sl_quote(item->key).text, map->noun);
    return nearest;
}

/* ---- maps ---- */

static size_t push(struct sl_reader *r, struct sl_span key)
{
    size_t mark = r->path.len;
    if (key.len && mark)
        sl_str_add_char(&r->path, '.');
    sl_str_add(&r->path, sl_span(key.ptr, key.len > 64 ? 64 : key.len));
    return mark;
}

static void pop(struct sl_reader *r, size_t mark)
{
    r->path.len = mark;
    r->path.ptr[mark] = 0;
    r->path.is_cut = false;
}

/* May this phase be written here? */
static bool check_scope(struct sl_reader *r, const struct sl_field *field,
                        const struct sl_item *item)
{
    bool is_phase = field >= sl_schema_phases.fields &&
                    field < sl_schema_phases.fields + sl_schema_phases.n_fields;
    if (!is_phase || r->level == SL_LEVEL_GLOBAL)
        return true;
    if (field->scope == SL_SCOPE_GLOBAL) {
        sl_report_add(r->report, item->key_at, r->path.ptr,
                      "found in a %s, expected only in the `deadlines` of the top level: it "
                      "concerns the whole process",
                      r->level == SL_LEVEL_ROUTE ? "route" : "listener");
        return false;
    }
    if (field->scope == SL_SCOPE_LISTENER && r->level == SL_LEVEL_ROUTE) {
        sl_report_add(r->report, item->key_at, r->path.ptr,
                      "found in a route, expected in a listener or in the `deadlines` of the top "
                      "level: it concerns the connection, not a request");
        return false;
    }
    return true;
}

/* What the mapping has for each field of the schema. */
struct match {
    const struct sl_item *item;
    struct sl_item *meant; /* a misspelt key that seems to mean it: it is not called missing too */
};

/* A section of the kind that the field wants: its inside can be looked at for errors. */
static bool is_section(const struct sl_field *field, const struct sl_node *node)
{
    return (field->type == SL_TYPE_MAP && node->kind == SL_NODE_MAP) ||
           (field->type == SL_TYPE_LIST && node->kind == SL_NODE_LIST);
}

/* The first one counts; but errors inside of the second are told, too. What that lacks may stand in
 * the first. */
static void read_again(struct sl_reader *r, const struct sl_field *field, void *at,
                       const struct sl_item *item, const struct sl_item *first)
{
    sl_report_add(r->report, item->key_at, r->path.ptr,
                  "found a second time, expected once; the first is in line %u",
                  first->key_at.line);
    if (!is_section(field, item->node))
        return;
    r->is_again = field->type == SL_TYPE_MAP;
    read_field(r, field, at, item, item->key_at);
}

/* A misspelt section is read as the one that it seems to mean, where that one is missing. */
static void adopt_meant(struct sl_reader *r, const struct sl_map *map, struct match *matches)
{
    for (size_t i = 0; i < sl_map_n_fields(map); i++) {
        size_t offset;
        const struct sl_field *field = sl_map_field(map, i, &offset);
        struct sl_item *meant = matches[i].meant;
        if (!meant || matches[i].item || !is_section(field, meant->node))
            continue;
        meant->key = sl_span_str(field->key); /* for those who look its place up */
        size_t mark = push(r, meant->key);
        if (check_scope(r, field, meant))
            matches[i].item = meant;
        pop(r, mark);
    }
}

/* Reports unknown and duplicate keys. */
static void match_keys(struct sl_reader *r, const struct sl_map *map, void *base,
                       const struct sl_node *node, struct match *matches)
{
    for (struct sl_item *item = node->first; item; item = item->next) {
        size_t mark = push(r, item->key), offset;
        size_t i = field_index(map, item->key);
        if (i == sl_map_n_fields(map)) {
            const char *meant = report_unknown(r, map, item);
            if (meant)
                matches[field_index(map, sl_span_str(meant))].meant = item;
        } else if (matches[i].item) {
            const struct sl_field *field = sl_map_field(map, i, &offset);
            read_again(r, field, (char *)base + offset, item, matches[i].item);
        } else if (check_scope(r, sl_map_field(map, i, &offset), item)) {
            matches[i].item = item;
        }
        pop(r, mark);
    }
    adopt_meant(r, map, matches);
}

/* `node` NULL: nothing was written, all is default; `at` is then the place where it is missing. */
static void read_map(struct sl_reader *r, const struct sl_map *map, void *base,
                     const struct sl_field *self, const struct sl_node *node, struct sl_where at)
{
    struct match matches[MAP_FIELDS_MAX] = {{NULL, NULL}};
    struct sl_item bare = {.node = NULL};
    bool is_broken = false, is_again = r->is_again;
    r->is_again = false;
    if (node && node->kind == SL_NODE_MAP) {
        match_keys(r, map, base, node, matches);
    } else if (node && node->kind == SL_NODE_SCALAR && map->short_key) {
        bare = (struct sl_item){.key_at = node->at, .node = (struct sl_node *)(uintptr_t)node};
        matches[field_index(map, sl_span_str(map->short_key))].item = &bare;
    } else if (node) {
        is_broken = true; /* one finding; not another for each key that is missing */
        sl_reader_expected(r, self, node);
    }
    for (size_t i = 0; i < sl_map_n_fields(map); i++) {
        size_t offset;
        const struct sl_field *field = sl_map_field(map, i, &offset);
        if (!field || (field->is_required && (is_again || matches[i].meant) && !matches[i].item) ||
            (is_broken && (field->is_required || field->type == SL_TYPE_MAP)))
            continue;
        bool is_bare = matches[i].item == &bare;
        size_t mark = push(r, is_bare ? SL_SPAN("") : sl_span_str(field->key));
        read_field(r, field, (char *)base + offset, matches[i].item, node ? node->at : at);
        pop(r, mark);
    }
}

static void read_list(struct sl_reader *r, const struct sl_field *field, void *base,
                      const struct sl_node *node)
{
    const struct sl_map *map = field->map;
    if (node->kind != SL_NODE_LIST || (field->is_required && !node->first)) {
        if (node->kind == SL_NODE_LIST)
            sl_report_add(r->report, node->at, r->path.ptr, "found an empty list, expected %s",
                          map->noun);
        else
            sl_reader_expected(r, field, node);
        return;
    }
    if (node->n_items > field->max) {
        sl_report_add(r->report, node->at, r->path.ptr, "found %zu items, expected at most %u",
                      node->n_items, (unsigned)field->max);
        return;
    }
    char *elements = sl_arena_take(r->arena, (node->n_items + 1) * map->size);
    if (!elements) {
        r->is_out_of_memory = true;
        return;
    }
    /* an element that is no mapping is told what it should be */
    const struct sl_field element = {.type = map->short_key ? SL_TYPE_ENDPOINT : SL_TYPE_MAP};
    size_t n = 0;
    for (const struct sl_item *item = node->first; item; item = item->next, n++) {
        char *to = elements + n * map->size;
        size_t mark = r->path.len;
        sl_str_addf(&r->path, "[%zu]", n);
        if (map->at)
            memcpy(to + map->at - 1, &item->node->at, sizeof(item->node->at));
        read_map(r, map, to, &element, item->node, item->node->at);
        pop(r, mark);
    }
    memcpy((char *)base + field->offset, &elements, sizeof(elements));
    memcpy((char *)base + field->n_offset, &n, sizeof(n));
}

static void report_missing(struct sl_reader *r, const struct sl_field *field,
                           struct sl_where map_at)
{
    char buf[320];
    struct sl_str s;
    sl_str_init(&s, buf, sizeof(buf));
    sl_field_expects(field, &s);
    sl_report_add(r->report, map_at, r->path.ptr, "missing, expected %s", buf);
}

/* `item` NULL: not in the file. */
static void read_field(struct sl_reader *r, const struct sl_field *field, void *base,
                       const struct sl_item *item, struct sl_where map_at)
{
    static const bool yes = true;
    const struct sl_node *node = item ? item->node : NULL;
    if (field->level != SL_LEVEL_DEFAULT)
        r->level = field->level;
    bool is_read = false;
    if (field->type == SL_TYPE_MAP) {
        bool is_off = node && field->off && node->kind == SL_NODE_SCALAR &&
                      sl_words_find("off|false|no", node->text) >= 0;
        bool is_on = !is_off;
        if (field->off)
            memcpy((char *)base + field->off - 1, &is_on, sizeof(is_on));
        if (is_on)
            read_map(r, field->map, (char *)base + field->offset, field, node, map_at);
        is_read = node != NULL;
    } else if (!node) {
        if (field->is_required)
            report_missing(r, field, map_at);
        else if (field->preset)
            sl_value_preset(r, field, base);
    } else if (field->type == SL_TYPE_LIST) {
        read_list(r, field, base, node);
    } else {
        is_read = sl_value_read(r, field, base, node);
        if (!is_read && field->preset)
            sl_value_preset(r, field, base); /* so that the checks see something sensible */
    }
    if (is_read && field->has)
        memcpy((char *)base + field->has - 1, &yes, sizeof(yes));
    if (node && field->at) {
        struct sl_where at = field->type == SL_TYPE_MAP ? item->key_at : node->at;
        memcpy((char *)base + field->at - 1, &at, sizeof(at));
    }
}

/* ---- the whole ---- */

/* The folder of the file `name`, absolute, with its last "/"; empty when the system will not say.
 */
static char *folder_of(const char *name)
{
    const char *slash = name ? strrchr(name, '/') : NULL;
    size_t n = slash ? (size_t)(slash - name) + 1 : 0;
    char *cwd = n && name[0] == '/' ? NULL : getcwd(NULL, 0);
    if (!cwd && !(n && name[0] == '/'))
        return errno == ENOMEM ? NULL : strdup("");
    size_t n_cwd = cwd ? strlen(cwd) : 0;
    char *folder = calloc(1, n_cwd + n + 2);
    if (folder) {
        if (cwd)
            memcpy(folder, cwd, n_cwd);
        if (cwd && (n_cwd == 0 || cwd[n_cwd - 1] != '/'))
            folder[n_cwd++] = '/';
        if (n)
            memcpy(folder + n_cwd, name, n);
    }
    free(cwd);
    return folder;
}

static int fill(struct sl_reader *r, struct owner *owner, struct sl_span text,
                struct sl_arena *tree_arena)
{
    int err = sl_tree_read(text, tree_arena, r->report, &r->root);
    if (err)
        return err;
    static const struct sl_field whole = {.type = SL_TYPE_MAP};
    struct sl_config *config = &owner->config;
    read_map(r, &sl_schema, config, &whole, r->root, (struct sl_where){1, 1});
    if (r->is_out_of_memory)
        return SL_ERR_MEMORY;
    sl_config_check_names(r, config);
    err = sl_config_complete(r, config);
    if (err)
        return err;
    sl_config_check(r, config);
    return 0;
}

static int read_text(const char *name, struct sl_span text, struct sl_report *report,
                     bool keeps_broken, struct sl_config **out_config)
{
    *out_config = NULL;
    size_t n_before = sl_report_count(report);
    char path[PATH_TEXT_BYTES];
    char *folder = folder_of(name);
    struct owner *owner = calloc(1, sizeof(*owner));
    struct sl_arena tree_arena = {NULL};
    int err = SL_ERR_MEMORY;
    if (folder && owner) {
        struct sl_reader r = {.arena = &owner->arena, .report = report, .folder = folder};
        sl_str_init(&r.path, path, sizeof(path));
        owner->config.file = name ? sl_arena_copy(&owner->arena, sl_span_str(name)) : NULL;
        err = name && !owner->config.file ? SL_ERR_MEMORY : fill(&r, owner, text, &tree_arena);
    }
    sl_arena_fini(&tree_arena);
    free(folder);
    if (sl_report_is_out_of_memory(report))
        err = SL_ERR_MEMORY;
    if (err == 0 && sl_report_count(report) > n_before)
        err = SL_ERR_CONFIG;
    struct sl_config *config = owner ? &owner->config : NULL;
    if (err && !(err == SL_ERR_CONFIG && keeps_broken))
        sl_config_free(&config);
    *out_config = config;
    return err;
}

int sl_config_read_text(const char *name, struct sl_span text, struct sl_report *report,
                        struct sl_config **out_config)
{
    return read_text(name, text, report, false, out_config);
}

/* At most a byte more than is allowed, so that the tree can say that it is too much. A pipe is read
 * as it comes, but not waited for without end: a reload would stand still. */
static int read_file(int fd, char **out_text, size_t *out_len)
{
    struct pollfd source = {.fd = fd, .events = POLLIN};
    size_t cap = SL_TREE_MAX_BYTES + 1, len = 0;
    char *text = malloc(cap);
    if (!text)
        return SL_ERR_MEMORY;
    while (len < cap) {
        int is_there = poll(&source, 1, PATIENCE_MS);
        ssize_t n = is_there > 0 ? read(fd, text + len, cap - len) : -1;
        if (is_there == 0)
            errno = ETIMEDOUT;
        else if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0) {
            free(text);
            return SL_ERR_IO;
        }
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *out_text = text;
    *out_len = len;
    return 0;
}

static int read_path(const char *path, struct sl_report *report, bool keeps_broken,
                     struct sl_config **out_config)
{
    *out_config = NULL;
    char *text = NULL;
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int err = fd < 0 ? SL_ERR_IO : read_file(fd, &text, &len);
    int reason = errno;
    if (fd >= 0)
        close(fd);
    if (err == SL_ERR_IO) {
        sl_report_add(report, (struct sl_where){0}, "", "cannot be read: %s",
                      reason == ETIMEDOUT ? "nobody writes to it" : strerror(reason));
        return sl_report_is_out_of_memory(report) ? SL_ERR_MEMORY : SL_ERR_CONFIG;
    }
    if (err)
        return err;
    err = read_text(path, sl_span(text, len), report, keeps_broken, out_config);
    free(text);
    return err;
}

int sl_config_read(const char *path, struct sl_report *report, struct sl_config **out_config)
{
    return read_path(path, report, false, out_config);
}

int sl_config_read_broken(const char *path, struct sl_report *report, struct sl_config **out_config)
{
    return read_path(path, report, true, out_config);
}

void sl_config_free(struct sl_config **config)
{
    if (!*config)
        return;
    struct owner *owner = sl_container_of(*config, struct owner, config);
    *config = NULL;
    sl_arena_fini(&owner->arena);
    free(owner);
}
