/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive lists. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sluice/base/list.h>

struct item {
    char name;
    struct sl_list link;
};

static struct item items[4] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}, {.name = 'd'}};
static struct sl_list list, other;

static int setup(void **state)
{
    sl_list_init(&list);
    sl_list_init(&other);
    for (size_t i = 0; i < SL_N_ELEMENTS(items); i++)
        sl_list_init(&items[i].link);
    return 0;
}

/* The names forwards and backwards agree with the text. */
static void assert_order(struct sl_list *l, const char *names)
{
    size_t n = 0, len = strlen(names);
    sl_list_foreach (node, l) {
        assert_true(n < len);
        assert_int_equal(sl_list_entry(node, struct item, link)->name, names[n++]);
    }
    assert_int_equal(n, len);
    for (struct sl_list *node = l->prev; node != l; node = node->prev)
        assert_int_equal(sl_list_entry(node, struct item, link)->name, names[--n]);
    assert_int_equal(n, 0);
    assert_int_equal(sl_list_is_empty(l), len == 0);
}

static void nodes_keep_their_order(void **state)
{
    assert_null(sl_list_first(&list));
    assert_false(sl_list_is_linked(&items[0].link));
    sl_list_append(&list, &items[1].link);
    sl_list_append(&list, &items[2].link);
    sl_list_prepend(&list, &items[0].link);
    sl_list_append(&list, &items[3].link);
    assert_order(&list, "abcd");
    assert_ptr_equal(sl_list_first(&list), &items[0].link);
    assert_true(sl_list_is_linked(&items[0].link));
}

static void unlinking_twice_is_harmless(void **state)
{
    for (size_t i = 0; i < 3; i++)
        sl_list_append(&list, &items[i].link);
    sl_list_unlink(&items[1].link);
    sl_list_unlink(&items[1].link);
    assert_order(&list, "ac");
    assert_false(sl_list_is_linked(&items[1].link));
    sl_list_unlink(&items[0].link);
    sl_list_unlink(&items[2].link);
    assert_order(&list, "");
}

static void splicing_moves_all(void **state)
{
    sl_list_append(&list, &items[0].link);
    sl_list_append(&other, &items[1].link);
    sl_list_append(&other, &items[2].link);
    sl_list_splice(&list, &other);
    assert_order(&list, "abc");
    assert_order(&other, "");
    sl_list_splice(&list, &other);
    assert_order(&list, "abc");
    sl_list_splice(&other, &list);
    assert_order(&other, "abc");
    assert_order(&list, "");
}

static void a_safe_walk_may_unlink(void **state)
{
    for (size_t i = 0; i < 4; i++)
        sl_list_append(&list, &items[i].link);
    sl_list_foreach_safe (node, &list)
        if (sl_list_entry(node, struct item, link)->name != 'c')
            sl_list_unlink(node);
    assert_order(&list, "c");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nodes_keep_their_order, setup),
        cmocka_unit_test_setup(unlinking_twice_is_harmless, setup),
        cmocka_unit_test_setup(splicing_moves_all, setup),
        cmocka_unit_test_setup(a_safe_walk_may_unlink, setup),
    };
    return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
