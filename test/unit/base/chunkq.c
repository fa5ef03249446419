/* SPDX-License-Identifier: Apache-2.0 */
/* The bounded queue against a model of it, and with every allocation failing in turn. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sluice/base/chunkq.h>
#include <sluice/base/err.h>

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);

static int n_mallocs_left = -1; /* before one fails; -1: none fails */
static int n_mallocs;

void *__wrap_malloc(size_t n)
{
    n_mallocs++;
    if (n_mallocs_left == 0)
        return NULL;
    if (n_mallocs_left > 0)
        n_mallocs_left--;
    return __real_malloc(n);
}

static struct sl_chunkpool pool;
static struct sl_chunkq q;

static int setup(void **state)
{
    n_mallocs_left = -1;
    sl_chunkpool_init(&pool, 2);
    sl_chunkq_init(&q, &pool, 65536, 16384);
    return 0;
}

static int teardown(void **state)
{
    n_mallocs_left = -1;
    sl_chunkq_clear(&q);
    sl_chunkpool_fini(&pool);
    return pool.n_used != 0;
}

/* A text in which no two places look alike. */
static char pattern(size_t i)
{
    return (char)(i * 31 + (i >> 8) * 17 + (i >> 16));
}

static char *make_text(size_t from, size_t n)
{
    char *text = __real_malloc(n + 1);
    for (size_t i = 0; i < n; i++)
        text[i] = pattern(from + i);
    return text;
}

static int append(size_t from, size_t n)
{
    char *text = make_text(from, n);
    int err = sl_chunkq_append(&q, sl_span(text, n));
    free(text);
    return err;
}

/* The queue holds exactly the bytes [from, to) of the pattern, in chunks of which none is empty. */
static void assert_holds(size_t from, size_t to)
{
    struct sl_span spans[64];
    size_t n_spans = sl_chunkq_peek(&q, spans, SL_N_ELEMENTS(spans));
    assert_int_equal(q.n_bytes, to - from);
    assert_int_equal(sl_chunkq_is_empty(&q), to == from);
    assert_int_equal(n_spans, pool.n_used);
    for (size_t i = 0; i < n_spans; i++) {
        assert_true(spans[i].len > 0);
        for (size_t k = 0; k < spans[i].len; k++)
            if (spans[i].ptr[k] != pattern(from++))
                fail_msg("byte %zu of span %zu", k, i);
    }
    assert_int_equal(from, to);
}

static void an_empty_queue_holds_no_chunk(void **state)
{
    struct sl_span span;
    n_mallocs = 0;
    sl_chunkq_init(&q, &pool, 100, 10);
    assert_int_equal(append(0, 0), 0);
    assert_int_equal(sl_chunkq_append(&q, sl_span(NULL, 0)), 0);
    assert_int_equal(n_mallocs, 0);
    assert_holds(0, 0);
    assert_int_equal(sl_chunkq_peek(&q, &span, 1), 0);
    assert_int_equal(append(0, 1), 0);
    assert_int_equal(pool.n_used, 1);
    sl_chunkq_consume(&q, 1);
    assert_int_equal(pool.n_used, 0);
}

static void appends_span_chunks(void **state)
{
    static const size_t sizes[] = {
        1, SL_CHUNK_ROOM - 1, 1, SL_CHUNK_ROOM, 3 * SL_CHUNK_ROOM + 5, 2 * SL_CHUNK_ROOM - 5, 1};
    size_t to = 0;
    for (size_t i = 0; i < SL_N_ELEMENTS(sizes); i++) {
        assert_int_equal(append(to, sizes[i]), 0);
        to += sizes[i];
        assert_holds(0, to);
        assert_int_equal(pool.n_used, (to + SL_CHUNK_ROOM - 1) / SL_CHUNK_ROOM);
    }
}

static void parts_are_consumed(void **state)
{
    static const size_t parts[] = {0, 1, SL_CHUNK_ROOM - 1, 1, SL_CHUNK_ROOM, 2 * SL_CHUNK_ROOM};
    size_t from = 0, to = 5 * SL_CHUNK_ROOM + 77;
    assert_int_equal(append(0, to), 0);
    for (size_t i = 0; i < SL_N_ELEMENTS(parts); i++) {
        sl_chunkq_consume(&q, parts[i]);
        from += parts[i];
        assert_holds(from, to);
    }
    sl_chunkq_consume(&q, SIZE_MAX); /* more than there is: all of it */
    assert_holds(to, to);
    assert_int_equal(append(to, 3), 0);
    assert_holds(to, to + 3);
}

static void peek_keeps_to_its_maximum(void **state)
{
    struct sl_span spans[3] = {{0}};
    assert_int_equal(append(0, 5 * SL_CHUNK_ROOM), 0);
    assert_int_equal(sl_chunkq_peek(&q, spans, 0), 0);
    assert_int_equal(sl_chunkq_peek(&q, spans, 2), 2);
    assert_int_equal(spans[0].len, SL_CHUNK_ROOM);
    assert_int_equal(spans[1].len, SL_CHUNK_ROOM);
    assert_null(spans[2].ptr);
    sl_chunkq_consume(&q, 10);
    assert_int_equal(sl_chunkq_peek(&q, spans, 1), 1);
    assert_int_equal(spans[0].len, SL_CHUNK_ROOM - 10);
}

static void bytes_are_taken_into_one_buffer(void **state)
{
    size_t to = 2 * SL_CHUNK_ROOM + 9, n = SL_CHUNK_ROOM + 3;
    char *buf = __real_malloc(to + 1), *text = make_text(0, to);
    assert_int_equal(append(0, to), 0);
    assert_int_equal(sl_chunkq_take(&q, buf, 0), 0);
    assert_int_equal(sl_chunkq_take(&q, buf, n), n);
    assert_memory_equal(buf, text, n);
    assert_holds(n, to);
    buf[to - n] = '!';
    assert_int_equal(sl_chunkq_take(&q, buf, to), to - n);
    assert_memory_equal(buf, text + n, to - n);
    assert_int_equal(buf[to - n], '!');
    assert_int_equal(sl_chunkq_take(&q, buf, 1), 0);
    free(buf);
    free(text);
}

static void marks_say_full_and_room(void **state)
{
    sl_chunkq_init(&q, &pool, 100, 10);
    assert_true(sl_chunkq_has_room(&q));
    assert_int_equal(sl_chunkq_room(&q), 100);
    append(0, 10);
    assert_true(sl_chunkq_has_room(&q));
    append(10, 1);
    assert_false(sl_chunkq_has_room(&q));
    assert_int_equal(sl_chunkq_room(&q), 89);
    append(11, 88);
    assert_false(sl_chunkq_is_full(&q));
    append(99, 1);
    assert_true(sl_chunkq_is_full(&q));
    assert_int_equal(sl_chunkq_room(&q), 0);
    append(100, 500); /* what one read brought is always accepted */
    assert_int_equal(q.n_bytes, 600);
    assert_int_equal(sl_chunkq_room(&q), 0);
}

static void the_pool_keeps_a_few_chunks(void **state)
{
    append(0, 5 * SL_CHUNK_ROOM);
    assert_int_equal(pool.n_used, 5);
    sl_chunkq_clear(&q);
    assert_int_equal(pool.n_used, 0);
    assert_int_equal(pool.n_free, 2);
    n_mallocs = 0;
    append(0, 3 * SL_CHUNK_ROOM);
    assert_int_equal(n_mallocs, 1);
    assert_int_equal(pool.n_free, 0);
    assert_holds(0, 3 * SL_CHUNK_ROOM);
}

static void a_pool_may_keep_none(void **state)
{
    sl_chunkpool_init(&pool, 0);
    append(0, 3 * SL_CHUNK_ROOM);
    sl_chunkq_clear(&q);
    assert_int_equal(pool.n_free, 0);
    assert_int_equal(pool.n_used, 0);
}

static void a_queue_is_used_again_after_clear(void **state)
{
    append(0, 2 * SL_CHUNK_ROOM + 1);
    sl_chunkq_clear(&q);
    assert_holds(0, 0);
    sl_chunkq_clear(&q);
    append(7, 100);
    assert_holds(7, 107);
}

/* Chunks come from the pool and the allocator; wherever that fails, nothing was appended. */
static void an_append_without_memory_changes_nothing(void **state)
{
    for (int n_left = 0; n_left < 4; n_left++) {
        sl_chunkq_clear(&q);
        append(0, SL_CHUNK_ROOM + 100);
        size_t n_free = pool.n_free, n_used = pool.n_used;
        n_mallocs_left = n_left;
        int err = append(SL_CHUNK_ROOM + 100, 7 * SL_CHUNK_ROOM);
        n_mallocs_left = -1;
        assert_int_equal(err, SL_ERR_MEMORY);
        assert_int_equal(pool.n_used, n_used);
        assert_true(pool.n_free >= n_free && pool.n_free <= 2);
        assert_holds(0, SL_CHUNK_ROOM + 100);
        assert_int_equal(append(SL_CHUNK_ROOM + 100, 7 * SL_CHUNK_ROOM), 0);
        assert_holds(0, 8 * SL_CHUNK_ROOM + 100);
    }
}

/* What fits into the last chunk needs no memory. */
static void small_appends_need_no_memory(void **state)
{
    append(0, 1);
    n_mallocs_left = 0;
    assert_int_equal(append(1, SL_CHUNK_ROOM - 1), 0);
    assert_int_equal(append(SL_CHUNK_ROOM, 1), SL_ERR_MEMORY);
    assert_holds(0, SL_CHUNK_ROOM);
}

static int make_in_place(size_t from, size_t n_reserved, size_t n)
{
    char *room = sl_chunkq_reserve(&q, n_reserved);
    if (!room)
        return SL_ERR_MEMORY;
    for (size_t i = 0; i < n; i++)
        room[i] = pattern(from + i);
    sl_chunkq_commit(&q, n);
    return 0;
}

static void room_is_contiguous(void **state)
{
    struct sl_span spans[4];
    assert_int_equal(make_in_place(0, 100, 100), 0);
    assert_int_equal(make_in_place(100, SL_CHUNK_ROOM - 100, SL_CHUNK_ROOM - 100), 0);
    assert_int_equal(pool.n_used, 1); /* it fitted just so */
    assert_int_equal(make_in_place(SL_CHUNK_ROOM, 10, 10), 0);
    assert_int_equal(pool.n_used, 2);
    /* One byte too many for the rest of the chunk; the rest stays unused. */
    assert_int_equal(make_in_place(SL_CHUNK_ROOM + 10, SL_CHUNK_ROOM - 9, SL_CHUNK_ROOM - 9), 0);
    assert_int_equal(sl_chunkq_peek(&q, spans, 4), 3);
    assert_int_equal(spans[1].len, 10);
    assert_int_equal(spans[2].len, SL_CHUNK_ROOM - 9);
    assert_holds(0, 2 * SL_CHUNK_ROOM + 1);
}

static void room_may_be_used_in_part_or_not_at_all(void **state)
{
    assert_int_equal(make_in_place(0, SL_CHUNK_ROOM, 0), 0);
    assert_holds(0, 0);
    assert_int_equal(pool.n_used, 0);
    assert_int_equal(make_in_place(0, SL_CHUNK_ROOM, 7), 0);
    assert_int_equal(make_in_place(7, 100, 0), 0);
    assert_int_equal(append(7, 5), 0);
    assert_int_equal(make_in_place(12, SL_CHUNK_ROOM, 0), 0);
    assert_int_equal(pool.n_used, 1);
    assert_holds(0, 12);
    /* The front is gone, the end of the same chunk is still there. */
    sl_chunkq_consume(&q, 10);
    assert_int_equal(make_in_place(12, SL_CHUNK_ROOM - 12, SL_CHUNK_ROOM - 12), 0);
    assert_int_equal(pool.n_used, 1);
    assert_holds(10, SL_CHUNK_ROOM);
}

static void room_without_memory_is_none(void **state)
{
    assert_int_equal(make_in_place(0, 5, 5), 0);
    n_mallocs_left = 0;
    assert_int_equal(make_in_place(5, SL_CHUNK_ROOM, SL_CHUNK_ROOM), SL_ERR_MEMORY);
    assert_int_equal(make_in_place(5, 5, 5), 0);
    assert_holds(0, 10);
}

/* The worst that pieces of any one length can do to the memory. */
static void two_neighbours_hold_more_than_one_has_room_for(void **state)
{
    for (size_t n = 1; n <= SL_CHUNK_ROOM; n += 1 + n / 7) {
        size_t to = 0;
        while (to + n <= 200000) {
            assert_int_equal(make_in_place(to, n, n), 0);
            to += n;
        }
        assert_true(pool.n_used <= 2 * to / SL_CHUNK_ROOM + 1);
        sl_chunkq_clear(&q);
    }
}

static void random_traffic_keeps_the_bytes(void **state)
{
    size_t from = 0, to = 0;
    srand(1);
    for (int i = 0; i < 3000; i++) {
        size_t n = (size_t)rand() % (rand() % 4 ? 3000 : 3 * SL_CHUNK_ROOM);
        if (q.n_bytes > 300000 || rand() % 2) {
            if (n > q.n_bytes)
                n = q.n_bytes;
            sl_chunkq_consume(&q, n);
            from += n;
        } else {
            n_mallocs_left = rand() % 8 ? -1 : rand() % 2;
            if (rand() % 2 && n > 0 && n <= SL_CHUNK_ROOM) {
                size_t n_written = rand() % 2 ? n : (size_t)rand() % n;
                if (make_in_place(to, n, n_written) == 0)
                    to += n_written;
            } else if (append(to, n) == 0) {
                to += n;
            }
            n_mallocs_left = -1;
        }
        if (i % 8 == 0)
            assert_holds(from, to);
    }
    assert_true(to > 1000000);
    assert_holds(from, to);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(an_empty_queue_holds_no_chunk),
        TEST(appends_span_chunks),
        TEST(parts_are_consumed),
        TEST(peek_keeps_to_its_maximum),
        TEST(bytes_are_taken_into_one_buffer),
        TEST(marks_say_full_and_room),
        TEST(the_pool_keeps_a_few_chunks),
        TEST(a_pool_may_keep_none),
        TEST(a_queue_is_used_again_after_clear),
        TEST(an_append_without_memory_changes_nothing),
        TEST(small_appends_need_no_memory),
        TEST(room_is_contiguous),
        TEST(room_may_be_used_in_part_or_not_at_all),
        TEST(room_without_memory_is_none),
        TEST(two_neighbours_hold_more_than_one_has_room_for),
        TEST(random_traffic_keeps_the_bytes),
    };
#undef TEST
    return cmocka_run_group_tests_name("chunkq", tests, NULL, NULL);
}
