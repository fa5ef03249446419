/* SPDX-License-Identifier: Apache-2.0 */
/* Objects come back zeroed, the last first, and no more are kept than was said. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sluice/base/pool.h>

#define N_BYTES 200

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

static bool has_memory = true;

void *__wrap_calloc(size_t n, size_t size)
{
    return has_memory ? __real_calloc(n, size) : NULL;
}

static void an_object_comes_back_zeroed(void **state)
{
    static const char zeroes[N_BYTES];
    struct sl_pool pool;

    sl_pool_init(&pool, N_BYTES, 2);
    for (int i = 0; i < 3; i++) {
        char *object = sl_pool_get(&pool);
        assert_memory_equal(object, zeroes, N_BYTES);
        memset(object, 'x', N_BYTES);
        sl_pool_put(&pool, object);
    }
    sl_pool_put(&pool, NULL);
    sl_pool_fini(&pool);
}

static void no_more_are_kept_than_was_said(void **state)
{
    struct sl_pool pool;
    void *objects[4];

    sl_pool_init(&pool, N_BYTES, 2);
    for (int i = 0; i < 4; i++)
        assert_non_null(objects[i] = sl_pool_get(&pool));
    for (int i = 0; i < 4; i++)
        sl_pool_put(&pool, objects[i]);
    assert_int_equal(pool.n_free, pool.n_keep);
    assert_true(pool.n_keep <= 2); /* none under a sanitizer */
    if (pool.n_keep == 2) {
        assert_ptr_equal(sl_pool_get(&pool), objects[1]);
        sl_pool_put(&pool, objects[1]);
    }
    sl_pool_fini(&pool);
}

static void without_memory_there_is_none(void **state)
{
    struct sl_pool pool;

    sl_pool_init(&pool, N_BYTES, 0);
    has_memory = false;
    assert_null(sl_pool_get(&pool));
    has_memory = true;
    sl_pool_fini(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_comes_back_zeroed),
        cmocka_unit_test(no_more_are_kept_than_was_said),
        cmocka_unit_test(without_memory_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
