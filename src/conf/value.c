/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value: one value of the file, from its text to the member of a struct that the schema names.
 *
 * Strict, and either whole or not at all: a value that is malformed or out of range is reported
 * with what was found and what is expected, and the member keeps what it had. Texts are copied into
 * the configuration's arena.
 */
#include <sluice/base/err.h>
#include "read.h"
#include "text.h"

#define NAME_BYTES 64

static void *member(void *base, size_t offset)
{
    return (char *)base + offset;
}

static void store(void *base, const struct sl_field *field, uint64_t value)
{
    uint32_t narrow = (uint32_t)value;
    if (field->width == sizeof(narrow))
        memcpy(member(base, field->offset), &narrow, sizeof(narrow));
    else
        memcpy(member(base, field->offset), &value, sizeof(value));
}

static bool store_text(struct sl_reader *r, void *base, size_t offset, struct sl_span text)
{
    char *copy = sl_arena_copy(r->arena, text);
    if (!copy) {
        r->is_out_of_memory = true;
        return false;
    }
    memcpy(member(base, offset), &copy, sizeof(copy));
    return true;
}

void sl_reader_expected(struct sl_reader *r, const struct sl_field *field,
                        const struct sl_node *node)
{
    char buf[320];
    struct sl_str s;
    sl_str_init(&s, buf, sizeof(buf));
    sl_field_expects(field, &s);
    if (node->kind == SL_NODE_SCALAR)
        sl_report_add(r->report, node->at, r->path.ptr, "found %s, expected %s",
                      sl_quote(node->text).text, buf);
    else
        sl_report_add(r->report, node->at, r->path.ptr, "found %s, expected %s",
                      sl_node_kind_name(node), buf);
}

/* ---- numbers ---- */

static bool read_number(const struct sl_field *field, struct sl_span text, uint64_t *out_value)
{
    if (field->special && sl_span_eq(text, sl_span_str(field->special))) {
        *out_value = field->special_value;
        return true;
    }
    uint64_t value = 0;
    int err;
    switch (field->type) {
    case SL_TYPE_DURATION:
        err = sl_read_duration(text, &value);
        break;
    case SL_TYPE_SIZE:
        err = sl_read_size(text, &value);
        break;
    case SL_TYPE_RATE:
        err = sl_read_rate(text, &value);
        break;
    case SL_TYPE_PERCENT:
        if (text.len == 0 || text.ptr[text.len - 1] != '%')
            return false;
        text.len--;
        err = sl_read_u64(text, &value);
        break;
    default:
        err = sl_read_u64(text, &value);
        break;
    }
    /* also the word `unlimited` where the field does not know it */
    if (err || value < field->min || value > field->max)
        return false;
    *out_value = value;
    return true;
}

static bool read_bool(struct sl_span text, bool *out_value)
{
    int word = sl_words_find("false|off|no|true|on|yes", text);
    *out_value = word >= 3;
    return word >= 0;
}

/* ---- texts ---- */

static bool is_name(struct sl_span text)
{
    if (text.len == 0 || text.len > NAME_BYTES)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!sl_ascii_is_alnum(text.ptr[i]) && !strchr("._-", text.ptr[i]))
            return false;
    return true;
}

/* Labels of letters, digits, "-" and "_", or an IPv6 address in brackets. */
static bool is_host(struct sl_span text)
{
    if (sl_span_starts(text, SL_SPAN("[")) && text.len > 2 && text.ptr[text.len - 1] == ']') {
        struct sl_prefix prefix;
        struct sl_span inside = sl_span(text.ptr + 1, text.len - 2);
        return memchr(inside.ptr, ':', inside.len) && !memchr(inside.ptr, '/', inside.len) &&
               sl_prefix_read(inside, &prefix) == 0;
    }
    if (sl_span_starts(text, SL_SPAN("*.")))
        text = sl_span_skip(text, 2);
    if (text.len == 0 || text.len > 253)
        return false;
    size_t label = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '.' ? label == 0 : !sl_ascii_is_alnum(c) && c != '-' && c != '_')
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > 63)
            return false;
    }
    return label > 0;
}

static int upper_hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Is every "%" an escape as it stands in a path that was normalised (RFC 3986 sections 6.2.2.1 and
   6.2.2.2)? A route with another one would never be found. */
static bool has_normal_escapes(struct sl_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%')
            continue;
        if (text.len - i < 3 || upper_hex(text.ptr[i + 1]) < 0 || upper_hex(text.ptr[i + 2]) < 0)
            return false;
        char c = (char)(upper_hex(text.ptr[i + 1]) << 4 | upper_hex(text.ptr[i + 2]));
        if (c == '\0' || sl_ascii_is_alnum(c) || strchr("-._~", c))
            return false;
    }
    return true;
}

/* A path as it can stand in a request target (RFC 3986 section 3.3), without "." and "..". */
static bool is_path_prefix(struct sl_span text)
{
    if (text.len == 0 || text.len > 1024 || text.ptr[0] != '/')
        return false;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= 0x20 || (unsigned char)text.ptr[i] >= 0x7f ||
            strchr("?#\"<>\\^`{|}", text.ptr[i]))
            return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '/')
            continue;
        struct sl_span rest = sl_span_skip(text, i + 1);
        const char *slash = rest.len ? memchr(rest.ptr, '/', rest.len) : NULL;
        if (slash)
            rest.len = (size_t)(slash - rest.ptr);
        if (sl_span_eq(rest, SL_SPAN(".")) || sl_span_eq(rest, SL_SPAN("..")))
            return false;
    }
    return has_normal_escapes(text);
}

static bool store_host(struct sl_reader *r, void *base, size_t offset, struct sl_span text)
{
    if (!store_text(r, base, offset, text))
        return false;
    char *copy;
    memcpy(&copy, member(base, offset), sizeof(copy));
    for (; *copy; copy++)
        *copy = sl_ascii_lower(*copy);
    return true;
}

/* ---- files and addresses ---- */

/* `before`, then the folder when `path` is relative, then `path`; NULL: no memory. */
static char *join(struct sl_reader *r, const char *before, struct sl_span path)
{
    const char *folder = path.len && path.ptr[0] == '/' ? "" : r->folder;
    size_t n_before = strlen(before), n_folder = strlen(folder);
    char *text = sl_arena_take(r->arena, n_before + n_folder + path.len + 1);
    if (!text) {
        r->is_out_of_memory = true;
        return NULL;
    }
    memcpy(text, before, n_before);
    memcpy(text + n_before, folder, n_folder);
    memcpy(text + n_before + n_folder, path.ptr, path.len);
    return text;
}

static bool read_path(struct sl_reader *r, const struct sl_field *field, void *base,
                      struct sl_span text)
{
    if (text.len == 0)
        return false;
    if (sl_words_find(field->words, text) >= 0)
        return store_text(r, base, field->offset, text);
    char *path = join(r, "", text);
    if (path)
        memcpy(member(base, field->offset), &path, sizeof(path));
    return path != NULL;
}

/* Like sl_addr_read, with the paths of unix sockets against the folder. */
static int read_addr(struct sl_reader *r, struct sl_span text, struct sl_addr *out_addr)
{
    if (!sl_span_starts(text, SL_SPAN("unix:")) || text.len == 5)
        return sl_addr_read(text, out_addr);
    char *full = join(r, "unix:", sl_span_skip(text, 5));
    return full ? sl_addr_read(sl_span_str(full), out_addr) : SL_ERR_MEMORY;
}

static bool read_listen(struct sl_reader *r, const struct sl_field *field, void *base,
                        struct sl_span text)
{
    struct sl_addr addr;
    if (read_addr(r, text, &addr) != 0)
        return false;
    memcpy(member(base, field->offset), &addr, sizeof(addr));
    return store_text(r, base, field->text - 1, text);
}

static bool read_endpoint(struct sl_reader *r, void *base, struct sl_span text)
{
    struct sl_endpoint_config *e = base;
    int err = read_addr(r, text, &e->address);
    if (err == SL_ERR_NOT_FOUND) {
        /* "name:port": sl_addr_read has looked at its form */
        struct sl_span host = text;
        uint64_t port = 0;
        while (host.len && host.ptr[host.len - 1] != ':')
            host.len--;
        if (host.len == 0 || sl_read_u64(sl_span_skip(text, host.len), &port) != 0 || port == 0 ||
            port > UINT16_MAX)
            return false;
        e->port = (uint16_t)port;
        return store_host(r, base, offsetof(struct sl_endpoint_config, host),
                          sl_span(host.ptr, host.len - 1)) &&
               store_text(r, base, offsetof(struct sl_endpoint_config, text), text);
    }
    /* ":8080" is a place to listen, not one to go to */
    if (err || text.ptr[0] == ':' || (!sl_addr_is_unix(&e->address) && !sl_addr_port(&e->address)))
        return false;
    e->port = sl_addr_is_unix(&e->address) ? 0 : sl_addr_port(&e->address);
    return store_text(r, base, offsetof(struct sl_endpoint_config, text), text);
}

/* ---- lists of scalars ---- */

static bool read_flags(struct sl_reader *r, const struct sl_field *field, void *base,
                       const struct sl_node *node)
{
    bool *flags = member(base, field->offset);
    bool is_good = true, seen[8] = {false};
    if (node->kind != SL_NODE_LIST || !node->first) {
        sl_reader_expected(r, field, node);
        return false;
    }
    for (const struct sl_item *item = node->first; item; item = item->next) {
        int word =
            item->node->kind == SL_NODE_SCALAR ? sl_words_find(field->words, item->node->text) : -1;
        if (word < 0 || seen[word]) {
            sl_reader_expected(r, field, item->node);
            is_good = false;
            continue;
        }
        seen[word] = true;
    }
    for (unsigned i = 0; is_good && sl_words_at(field->words, i).len; i++)
        flags[i] = seen[i];
    return is_good;
}

static bool read_prefixes(struct sl_reader *r, const struct sl_field *field, void *base,
                          const struct sl_node *node)
{
    if (node->kind != SL_NODE_LIST) {
        sl_reader_expected(r, field, node);
        return false;
    }
    struct sl_prefix *prefixes =
        sl_arena_take(r->arena, (node->n_items + 1) * sizeof(struct sl_prefix));
    if (!prefixes) {
        r->is_out_of_memory = true;
        return false;
    }
    size_t n = 0;
    for (const struct sl_item *item = node->first; item; item = item->next) {
        if (item->node->kind == SL_NODE_SCALAR &&
            sl_prefix_read(item->node->text, &prefixes[n]) == 0)
            n++;
        else
            sl_reader_expected(r, field, item->node);
    }
    memcpy(member(base, field->offset), &prefixes, sizeof(prefixes));
    memcpy(member(base, field->n_offset), &n, sizeof(n));
    return n == node->n_items;
}

static bool read_scalar(struct sl_reader *r, const struct sl_field *field, void *base,
                        struct sl_span text)
{
    uint64_t number;
    int word;
    switch (field->type) {
    case SL_TYPE_BOOL:
        return read_bool(text, member(base, field->offset));
    case SL_TYPE_WORD:
        word = sl_words_find(field->words, text);
        if (word >= 0)
            store(base, field, (uint64_t)word);
        return word >= 0;
    case SL_TYPE_PATH:
        return read_path(r, field, base, text);
    case SL_TYPE_NAME:
    case SL_TYPE_TOKEN:
        return is_name(text) && store_text(r, base, field->offset, text);
    case SL_TYPE_HOST:
        return is_host(text) && store_host(r, base, field->offset, text);
    case SL_TYPE_PREFIX:
        return is_path_prefix(text) && store_text(r, base, field->offset, text);
    case SL_TYPE_LISTEN:
        return read_listen(r, field, base, text);
    case SL_TYPE_ENDPOINT:
        return read_endpoint(r, base, text);
    default:
        if (!read_number(field, text, &number))
            return false;
        store(base, field, number);
        return true;
    }
}

bool sl_value_read(struct sl_reader *r, const struct sl_field *field, void *base,
                   const struct sl_node *node)
{
    if (field->type == SL_TYPE_FLAGS)
        return read_flags(r, field, base, node);
    if (field->type == SL_TYPE_PREFIXES)
        return read_prefixes(r, field, base, node);
    /* "\0" would end a text before its end, and hide the rest of it */
    if (node->kind == SL_NODE_SCALAR && !memchr(node->text.ptr, 0, node->text.len) &&
        read_scalar(r, field, base, node->text))
        return true;
    if (!r->is_out_of_memory)
        sl_reader_expected(r, field, node);
    return false;
}

bool sl_value_preset(struct sl_reader *r, const struct sl_field *field, void *base)
{
    if (field->type == SL_TYPE_PREFIXES)
        return true; /* none */
    if (field->type == SL_TYPE_FLAGS) {
        bool *flags = member(base, field->offset);
        for (unsigned i = 0; sl_words_at(field->words, i).len; i++)
            flags[i] = true;
        return true;
    }
    return read_scalar(r, field, base, sl_span_str(field->preset));
}
