/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list: an intrusive doubly linked list with a sentinel. A node that is in no list points to
 * itself, so unlinking twice is harmless.
 */
#ifndef SLUICE_BASE_LIST_H
#define SLUICE_BASE_LIST_H

#include <sluice/base/span.h>

struct sl_list {
    struct sl_list *next, *prev;
};

static inline void sl_list_init(struct sl_list *l)
{
    l->next = l->prev = l;
}

static inline bool sl_list_is_empty(const struct sl_list *l)
{
    return l->next == l;
}

/* Is this node in a list? (The same question as above, asked of a node.) */
static inline bool sl_list_is_linked(const struct sl_list *node)
{
    return node->next != node;
}

static inline void sl_list_unlink(struct sl_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    sl_list_init(node);
}

static inline void sl_list_append(struct sl_list *l, struct sl_list *node)
{
    node->prev = l->prev;
    node->next = l;
    l->prev->next = node;
    l->prev = node;
}

static inline void sl_list_prepend(struct sl_list *l, struct sl_list *node)
{
    sl_list_append(l->next, node);
}

/* Moves every node of `from` to the end of `to`; `from` is left empty. */
static inline void sl_list_splice(struct sl_list *to, struct sl_list *from)
{
    if (sl_list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    sl_list_init(from);
}

/* The first node, or NULL. */
static inline struct sl_list *sl_list_first(const struct sl_list *l)
{
    return sl_list_is_empty(l) ? NULL : l->next;
}

#define sl_list_entry(node_, type_, member_) sl_container_of(node_, type_, member_)

#define sl_list_foreach(node_, list_)                                                              \
    for (struct sl_list *node_ = (list_)->next; node_ != (list_); node_ = node_->next)

/* As above; the body may unlink the node it is at (but not the next one). */
#define sl_list_foreach_safe(node_, list_)                                                         \
    for (struct sl_list *node_ = (list_)->next, *node_##_next = node_->next; node_ != (list_);     \
         node_ = node_##_next, node_##_next = node_->next)

#endif
