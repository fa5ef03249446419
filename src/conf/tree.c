/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree: see tree.h.
 *
 * The text is looked over first (size, UTF-8, control characters), then libfyaml's events are
 * taken one by one and built into nodes with a stack of SL_TREE_MAX_DEPTH frames: no recursion, and
 * nothing that a text can make grow without bound. An alias shares the node of its anchor, which
 * must be complete, so there are no cycles; what it stands for is counted as if it were written
 * out, so a "billion laughs" is refused when its sum passes SL_TREE_MAX_NODES.
 *
 * Failure modes: a syntax error ends the reading (libfyaml's message, its line and column); more
 * than one document, tags, and keys that are no scalars are refused here. libfyaml collects its
 * messages and prints nothing.
 */
#include <libfyaml.h>
#include <sluice/base/err.h>
#include "text.h"
#include "tree.h"

struct frame {
    struct sl_node *node;
    struct sl_item *key; /* maps: a key whose value is to come */
};

struct anchor {
    struct sl_span name;
    struct sl_node *node;
};

struct builder {
    struct sl_arena *arena;
    struct sl_report *report;
    struct frame stack[SL_TREE_MAX_DEPTH];
    size_t depth;
    struct sl_node *root;
    size_t n_documents;
    size_t n_nodes;
    struct anchor *anchors;
    size_t n_anchors;
    struct sl_where last_at; /* of the latest event */
    bool is_at_end;
};

static struct sl_where where_of(const struct fy_mark *mark, struct sl_where otherwise)
{
    if (!mark)
        return otherwise;
    return (struct sl_where){.line = (uint32_t)mark->line + 1, .col = (uint32_t)mark->column + 1};
}

static int refuse(struct builder *b, struct sl_where at, const char *message)
{
    sl_report_add(b->report, at, "", "%s", message);
    return SL_ERR_CONFIG;
}

static bool is_null_word(struct sl_span text)
{
    return text.len == 0 || sl_words_find("~|null|Null|NULL", text) >= 0;
}

/*
 * The decoded text of a token, in the arena. Piece by piece and not by fy_token_get_text(): before
 * libfyaml 0.9.5 that leaks, and hands out memory that was never written, where single quotes stand
 * in long runs.
 */
static int token_text(struct builder *b, struct fy_token *token, struct sl_span *out_text)
{
    const struct fy_mark *start = token ? fy_token_start_mark(token) : NULL;
    const struct fy_mark *end = token ? fy_token_end_mark(token) : NULL;
    bool has_text = start && end && end->input_pos > start->input_pos;
    /* an escape of two bytes can stand for a character of three, and nothing grows more */
    size_t cap = has_text ? (end->input_pos - start->input_pos) * 2 : 0, len = 0;
    char *text = sl_arena_take(b->arena, cap + 1);
    struct fy_token_iter *iter = has_text ? fy_token_iter_create(token) : NULL;
    int err = !text || (has_text && !iter) ? SL_ERR_MEMORY : 0, failure = 0;
    const struct fy_iter_chunk *chunk = NULL;
    bool is_whole = true;
    while (err == 0 && iter && is_whole &&
           (chunk = fy_token_iter_chunk_next(iter, chunk, &failure)) != NULL) {
        is_whole = chunk->len <= cap - len;
        if (is_whole)
            memcpy(text + len, chunk->str, chunk->len);
        len += chunk->len;
    }
    fy_token_iter_destroy(iter);
    if (err == 0 && (failure || !is_whole))
        err = refuse(b, where_of(start, b->last_at), "not a text that the YAML library can decode");
    *out_text = sl_span(text, err ? 0 : len);
    return err;
}

static int count_nodes(struct builder *b, size_t n, struct sl_where at)
{
    b->n_nodes += n;
    if (b->n_nodes <= SL_TREE_MAX_NODES)
        return 0;
    return refuse(b, at, "too many values; expected at most 100000, with aliases written out");
}

static int remember_anchor(struct builder *b, struct fy_token *token, struct sl_node *node)
{
    if (!token)
        return 0;
    if (!b->anchors) {
        b->anchors = sl_arena_take(b->arena, SL_TREE_MAX_ANCHORS * sizeof(*b->anchors));
        if (!b->anchors)
            return SL_ERR_MEMORY;
    }
    if (b->n_anchors == SL_TREE_MAX_ANCHORS)
        return refuse(b, node->at, "too many anchors; expected at most 256");
    struct anchor *anchor = &b->anchors[b->n_anchors++];
    anchor->node = node;
    return token_text(b, token, &anchor->name);
}

static int add_key(struct builder *b, struct frame *frame, struct sl_span text, struct sl_where at)
{
    struct sl_item *item = sl_arena_take(b->arena, sizeof(*item));
    if (!item)
        return SL_ERR_MEMORY;
    item->key = text;
    item->key_at = at;
    frame->key = item;
    return 0;
}

/* Puts a node where it belongs: the root, the value of the pending key, the next of a list. */
static int add_node(struct builder *b, struct sl_node *node, struct sl_where at)
{
    if (b->depth == 0) {
        b->root = node;
        return 0;
    }
    struct frame *frame = &b->stack[b->depth - 1];
    struct sl_item *item = frame->key;
    if (frame->node->kind == SL_NODE_LIST)
        item = sl_arena_take(b->arena, sizeof(*item));
    else if (!item)
        return refuse(b, at, "found a list, a mapping or an alias as a key, expected a word");
    if (!item)
        return SL_ERR_MEMORY;
    frame->key = NULL;
    item->node = node;
    *frame->node->last = item;
    frame->node->last = &item->next;
    frame->node->n_items++;
    return 0;
}

static int new_node(struct builder *b, enum sl_node_kind kind, struct sl_where at,
                    struct fy_token *anchor, struct sl_node **out_node)
{
    struct sl_node *node = sl_arena_take(b->arena, sizeof(*node));
    if (!node)
        return SL_ERR_MEMORY;
    node->kind = kind;
    node->at = at;
    node->last = &node->first;
    node->n_nodes = 1;
    *out_node = node;
    int err = count_nodes(b, 1, at);
    if (err == 0)
        err = add_node(b, node, at);
    if (err == 0)
        err = remember_anchor(b, anchor, node);
    return err;
}

static int on_scalar(struct builder *b, const struct fy_event *event, struct sl_where at)
{
    if (event->scalar.tag)
        return refuse(b, at, "found a tag (`!`), expected a plain value");
    struct sl_span text;
    int err = token_text(b, event->scalar.value, &text);
    if (err)
        return err;
    enum fy_scalar_style style =
        event->scalar.value ? fy_token_scalar_style(event->scalar.value) : FYSS_PLAIN;
    bool is_plain = style == FYSS_PLAIN;
    if ((style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) && at.col > 1)
        at.col--; /* the mark stands behind the quote */
    if (b->depth) {
        struct frame *frame = &b->stack[b->depth - 1];
        if (frame->node->kind == SL_NODE_MAP && !frame->key)
            return add_key(b, frame, text, at);
        if (is_plain && text.len == 0 && frame->key) /* an empty value has no place of its own */
            at = frame->key->key_at;
    }
    bool is_null = is_plain && is_null_word(text);
    struct sl_node *node = NULL;
    err = new_node(b, is_null ? SL_NODE_NULL : SL_NODE_SCALAR, at, event->scalar.anchor, &node);
    if (err == 0)
        node->text = text;
    return err;
}

static int on_alias(struct builder *b, const struct fy_event *event, struct sl_where at)
{
    struct sl_span name;
    struct sl_node *node = NULL;
    int err = token_text(b, event->alias.anchor, &name);
    if (err)
        return err;
    for (size_t i = b->n_anchors; i-- && !node;) /* the latest of that name */
        if (sl_span_eq(b->anchors[i].name, name))
            node = b->anchors[i].node;
    if (!node)
        return refuse(b, at, "an alias (`*`) to an anchor (`&`) that does not stand before it");
    if (node->is_open)
        return refuse(b, at, "an alias (`*`) to a value that contains it");
    err = count_nodes(b, node->n_nodes, at);
    return err ? err : add_node(b, node, at);
}

static int on_start(struct builder *b, enum sl_node_kind kind, struct fy_token *anchor,
                    struct fy_token *tag, struct sl_where at)
{
    if (tag)
        return refuse(b, at, "found a tag (`!`), expected a plain value");
    if (b->depth == SL_TREE_MAX_DEPTH)
        return refuse(b, at, "nested too deeply; expected at most 16 levels");
    struct sl_node *node = NULL;
    int err = new_node(b, kind, at, anchor, &node);
    if (err)
        return err;
    node->is_open = true;
    b->stack[b->depth++] = (struct frame){.node = node};
    return 0;
}

static int on_end(struct builder *b)
{
    struct sl_node *node = b->stack[--b->depth].node;
    node->is_open = false;
    for (const struct sl_item *item = node->first; item; item = item->next)
        node->n_nodes += item->node->n_nodes;
    return 0;
}

static int on_event(struct builder *b, struct fy_event *event)
{
    /* a document that begins without a mark has no place of its own */
    struct sl_where at = where_of(fy_event_start_mark(event), b->last_at);
    b->last_at = at;
    switch (event->type) {
    case FYET_DOCUMENT_START:
        if (b->n_documents++)
            return refuse(b, at, "found a second document, expected one document in a file");
        return 0;
    case FYET_SCALAR:
        return on_scalar(b, event, at);
    case FYET_ALIAS:
        return on_alias(b, event, at);
    case FYET_MAPPING_START:
        return on_start(b, SL_NODE_MAP, event->mapping_start.anchor, event->mapping_start.tag, at);
    case FYET_SEQUENCE_START:
        return on_start(b, SL_NODE_LIST, event->sequence_start.anchor, event->sequence_start.tag,
                        at);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        return on_end(b);
    case FYET_STREAM_END:
        b->is_at_end = true;
        return 0;
    default:
        return 0;
    }
}

/* libfyaml would print without this; with errors collected it is never called for them. */
static void discard(struct fy_diag *diag, void *user, const char *buf, size_t len)
{
}

static int report_syntax(struct builder *b, struct fy_diag *diag)
{
    void *iter = NULL;
    bool has_any = false;
    for (const struct fy_diag_error *e; (e = fy_diag_errors_iterate(diag, &iter)) != NULL;) {
        if (!e->msg)
            continue;
        struct sl_where at = {1, 1};
        if (e->line > 0)
            at = (struct sl_where){.line = (uint32_t)e->line,
                                   .col = e->column > 0 ? (uint32_t)e->column : 1};
        sl_report_add(b->report, at, "", "not YAML: %s", e->msg);
        has_any = true;
    }
    /* some refusals, and want of memory, come without a word */
    return has_any ? SL_ERR_CONFIG : refuse(b, b->last_at, "not YAML, somewhere after this place");
}

static int build(struct builder *b, struct sl_span text, struct fy_diag *diag)
{
    const struct fy_parse_cfg cfg = {.flags = FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE,
                                     .diag = diag};
    struct fy_parser *parser = fy_parser_create(&cfg);
    if (!parser)
        return SL_ERR_MEMORY;
    int err = fy_parser_set_string(parser, text.ptr, text.len) ? SL_ERR_MEMORY : 0;
    while (err == 0 && !b->is_at_end) {
        struct fy_event *event = fy_parser_parse(parser);
        err = event ? on_event(b, event) : report_syntax(b, diag);
        fy_parser_event_free(parser, event);
    }
    fy_parser_destroy(parser);
    return err;
}

/* What YAML does not allow in any place (YAML 1.2 section 5.1), and its directives (6.8), said in
 * our own words. */
static int look_over(struct sl_span text, struct sl_report *report)
{
    struct sl_where at = {1, 1};
    if (text.len > SL_TREE_MAX_BYTES) {
        sl_report_add(report, (struct sl_where){0}, "", "the file is larger than 1MiB");
        return SL_ERR_CONFIG;
    }
    while (text.len) {
        size_t n = sl_utf8_len(text);
        unsigned char c = (unsigned char)text.ptr[0];
        if (n == 0) {
            sl_report_add(report, at, "", "found the byte 0x%02x, expected UTF-8", c);
            return SL_ERR_CONFIG;
        }
        if (n == 1 && (c < 0x20 || c == 0x7f) && c != '\t' && c != '\n' && c != '\r') {
            sl_report_add(report, at, "", "found the control character 0x%02x, expected text", c);
            return SL_ERR_CONFIG;
        }
        /* libfyaml passes over directives that it does not know, whatever they hide */
        if (c == '%' && at.col == 1 && !sl_span_starts(text, SL_SPAN("%YAML "))) {
            sl_report_add(report, at, "", "found a directive (`%%`), expected none but `%%YAML`");
            return SL_ERR_CONFIG;
        }
        at.line += c == '\n';
        at.col = c == '\n' ? 1 : at.col + 1;
        text = sl_span_skip(text, n);
    }
    return 0;
}

int sl_tree_read(struct sl_span text, struct sl_arena *arena, struct sl_report *report,
                 struct sl_node **out_root)
{
    *out_root = NULL;
    int err = look_over(text, report);
    if (err || text.len == 0)
        return err;
    struct fy_diag_cfg cfg;
    fy_diag_cfg_default(&cfg);
    cfg.fp = NULL;
    cfg.output_fn = discard;
    struct fy_diag *diag = fy_diag_create(&cfg);
    if (!diag)
        return SL_ERR_MEMORY;
    fy_diag_set_collect_errors(diag, true);
    struct builder b = {.arena = arena, .report = report, .last_at = {1, 1}};
    err = build(&b, text, diag);
    fy_diag_destroy(diag);
    if (err == 0)
        *out_root = b.root;
    return err;
}

struct sl_item *sl_node_find(const struct sl_node *map, struct sl_span key)
{
    if (!map || map->kind != SL_NODE_MAP)
        return NULL;
    for (struct sl_item *item = map->first; item; item = item->next)
        if (sl_span_eq(item->key, key))
            return item;
    return NULL;
}

static const struct sl_item *item_at(const struct sl_node *list, size_t index)
{
    if (list->kind != SL_NODE_LIST)
        return NULL;
    const struct sl_item *item = list->first;
    while (item && index--)
        item = item->next;
    return item;
}

const struct sl_node *sl_node_at(const struct sl_node *root, const char *path)
{
    const struct sl_node *node = root;
    while (node && *path) {
        const struct sl_item *item;
        size_t n;
        if (*path == '[') {
            size_t index = 0;
            for (n = 1; path[n] >= '0' && path[n] <= '9'; n++)
                index = index * 10 + (size_t)(path[n] - '0');
            n += path[n] == ']';
            item = item_at(node, index);
        } else {
            n = strcspn(path, ".[");
            item = sl_node_find(node, sl_span(path, n));
        }
        if (!item)
            break;
        node = item->node;
        path += n + (path[n] == '.');
    }
    return node;
}

struct sl_where sl_node_where(const struct sl_node *root, const char *path)
{
    const struct sl_node *node = sl_node_at(root, path);
    return node ? node->at : (struct sl_where){0};
}

const char *sl_node_kind_name(const struct sl_node *node)
{
    static const char *const names[] = {
        [SL_NODE_NULL] = "nothing",
        [SL_NODE_SCALAR] = "a value",
        [SL_NODE_LIST] = "a list",
        [SL_NODE_MAP] = "a mapping",
    };
    return names[node->kind];
}
