/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen: binding, and accepting, on loopback and in a directory of its own.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include <sluice/loop/deadline.h>
#include <sluice/loop/loop.h>
#include <sluice/loop/tcp.h>

static char dir[64], path[80];

static int open_dir(void **state)
{
    strcpy(dir, "/tmp/sluice-listen-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/sock", dir);
    return 0;
}

static int close_dir(void **state)
{
    unlink(path);
    rmdir(dir);
    return 0;
}

static struct sl_addr addr(const char *text)
{
    struct sl_addr a;

    assert_int_equal(sl_addr_read(sl_span_str(text), &a), 0);
    return a;
}

static struct sl_addr unix_addr(void)
{
    char text[100];

    snprintf(text, sizeof(text), "unix:%s", path);
    return addr(text);
}

static const struct sockaddr *sockaddr_of(const struct sl_addr *a)
{
    return (const struct sockaddr *)&a->storage;
}

static int dial(const struct sl_addr *to)
{
    int fd = socket(to->storage.ss_family, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, sockaddr_of(to), to->len), 0);
    return fd;
}

/* ---- binding ---- */

static void port_0_is_any_port_and_shared_by_workers(void **state)
{
    struct sl_addr at = addr("127.0.0.1:0"), first, second;
    int fd, fd2, on = 0;
    socklen_t len = sizeof(on);

    assert_int_equal(sl_tcp_bind(&at, 8, &fd), 0);
    assert_int_equal(sl_tcp_bound(fd, &first), 0);
    assert_int_not_equal(sl_addr_port(&first), 0);
    assert_int_equal(sl_tcp_bind(&first, 8, &fd2), 0);
    assert_int_equal(sl_tcp_bound(fd2, &second), 0);
    assert_true(sl_addr_eq(&first, &second));
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    assert_int_not_equal(on, 0);
    close(fd);
    close(fd2);
}

static void a_port_that_others_hold_is_in_use(void **state)
{
    struct sl_addr at = addr("127.0.0.1:0"), held;
    int other = socket(AF_INET, SOCK_STREAM, 0), fd;

    assert_int_equal(bind(other, sockaddr_of(&at), at.len), 0);
    assert_int_equal(listen(other, 1), 0);
    assert_int_equal(sl_tcp_bound(other, &held), 0);
    assert_int_equal(sl_tcp_bind(&held, 8, &fd), SL_ERR_IN_USE);
    assert_int_equal(sl_tcp_probe(&held), SL_ERR_IN_USE);
    close(other);
    assert_int_equal(sl_tcp_probe(&held), 0);
}

/* Because of SO_REUSEPORT binding alone would not tell. */
static void a_probe_sees_another_sluice(void **state)
{
    struct sl_addr at = addr("127.0.0.1:0"), held;
    int fd, fd2;

    assert_int_equal(sl_tcp_bind(&at, 8, &fd), 0);
    assert_int_equal(sl_tcp_bound(fd, &held), 0);
    assert_int_equal(sl_tcp_bind(&held, 8, &fd2), 0);
    assert_int_equal(sl_tcp_probe(&held), SL_ERR_IN_USE);
    close(fd);
    close(fd2);
}

static void bad_addresses_are_told_apart(void **state)
{
    struct sl_addr at = addr("192.0.2.1:0"); /* TEST-NET-1: not ours */
    int fd;

    assert_int_equal(sl_tcp_bind(&at, 8, &fd), SL_ERR_ADDRESS);
    assert_int_equal(sl_tcp_probe(&at), SL_ERR_ADDRESS);
    at = addr("unix:/nowhere/at/all/sock");
    assert_int_not_equal(sl_tcp_bind(&at, 8, &fd), 0);
}

static void every_address_means_both_families(void **state)
{
    struct sl_addr at = addr(":0"), bound;
    char text[32];
    int fd;

    assert_int_equal(sl_tcp_bind(&at, 8, &fd), 0);
    assert_int_equal(sl_tcp_bound(fd, &bound), 0);
    snprintf(text, sizeof(text), "127.0.0.1:%u", sl_addr_port(&bound));
    struct sl_addr v4 = addr(text);
    close(dial(&v4));
    if (bound.storage.ss_family == AF_INET6) {
        snprintf(text, sizeof(text), "[::1]:%u", sl_addr_port(&bound));
        struct sl_addr v6 = addr(text);
        close(dial(&v6));
    }
    close(fd);
}

static void a_unix_socket_replaces_a_dead_one_only(void **state)
{
    struct sl_addr at = unix_addr();
    struct stat st;
    int fd, fd2;

    assert_int_equal(sl_tcp_probe(&at), 0);
    assert_int_equal(sl_tcp_bind(&at, 8, &fd), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    assert_int_equal(sl_tcp_probe(&at), SL_ERR_IN_USE);
    assert_int_equal(sl_tcp_bind(&at, 8, &fd2), SL_ERR_IN_USE);
    close(dial(&at)); /* and it is untouched */
    close(fd);
    assert_int_equal(sl_tcp_probe(&at), 0);
    assert_int_equal(sl_tcp_bind(&at, 8, &fd), 0);
    close(fd);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
    struct sl_addr at = unix_addr();
    FILE *f = fopen(path, "w");
    int fd;

    fputs("precious", f);
    fclose(f);
    assert_int_equal(sl_tcp_bind(&at, 8, &fd), SL_ERR_IN_USE);
    assert_int_equal(access(path, F_OK), 0);
}

/* ---- accepting ---- */

struct door {
    struct sl_loop *loop;
    struct sl_tcp_listener *listener;
    struct sl_tcp *tcps[64];
    struct sl_addr peer;
    unsigned n_accepted, n_refused;
    int err;
    bool does_close;
    char got[16];
    size_t n_got;
};

static void on_bytes(void *owner, struct sl_span bytes)
{
    struct door *door = owner;

    assert_true(door->n_got + bytes.len <= sizeof(door->got));
    memcpy(door->got + door->n_got, bytes.ptr, bytes.len);
    door->n_got += bytes.len;
}

static void on_end(void *owner, int err)
{
}

static void on_accept(void *owner, struct sl_tcp_listener *listener, int err)
{
    static const struct sl_tcp_events events = {.on_bytes = on_bytes, .on_end = on_end};
    struct door *door = owner;

    if (err) {
        door->err = err;
        door->n_refused++;
        return;
    }
    struct sl_tcp **tcp = &door->tcps[door->n_accepted++];
    assert_int_equal(sl_tcp_accept(listener, &events, door, tcp), 0);
    door->peer = sl_tcp_peer(*tcp);
    sl_tcp_read(*tcp, true);
    if (door->does_close)
        sl_tcp_listener_close(&door->listener);
}

static void open_door(struct door *door, int fd)
{
    memset(door, 0, sizeof(*door));
    assert_int_equal(sl_loop_new(&door->loop), 0);
    assert_int_equal(sl_tcp_listen(door->loop, fd, 64, on_accept, door, &door->listener), 0);
}

static void on_stop(struct sl_deadline *d)
{
    sl_loop_stop(d->loop);
}

static void run_for(struct door *door, uint64_t ms)
{
    struct sl_deadline d;

    sl_deadline_init(&d, door->loop, on_stop);
    sl_deadline_arm(&d, SL_PHASE_NONE, ms);
    sl_loop_run(door->loop);
    sl_deadline_fini(&d);
}

static void close_door(struct door *door)
{
    for (unsigned i = 0; i < door->n_accepted; i++)
        sl_tcp_close(&door->tcps[i], SL_TCP_FIN);
    sl_tcp_listener_close(&door->listener);
    sl_loop_free(&door->loop);
}

static void the_peer_is_known_and_an_ipv4_one_looks_like_one(void **state)
{
    struct sl_addr at = addr(":0"), bound, mine, theirs;
    char text[32];
    struct door door;
    int fd;

    assert_int_equal(sl_tcp_bind(&at, 8, &fd), 0);
    assert_int_equal(sl_tcp_bound(fd, &bound), 0);
    open_door(&door, fd);
    snprintf(text, sizeof(text), "127.0.0.1:%u", sl_addr_port(&bound));
    struct sl_addr v4 = addr(text);
    int peer = dial(&v4);
    run_for(&door, 20);
    assert_int_equal(door.n_accepted, 1);
    assert_int_equal(sl_tcp_bound(peer, &mine), 0);
    assert_true(sl_addr_eq(&mine, &door.peer));
    assert_int_equal(door.peer.storage.ss_family, AF_INET);
    assert_int_equal(sl_tcp_local(door.tcps[0], &theirs), 0);
    assert_true(sl_addr_eq(&theirs, &v4));
    assert_int_equal(theirs.storage.ss_family, AF_INET);
    close(peer);
    close_door(&door);
}

static void a_crowd_is_accepted_without_loss(void **state)
{
    struct sl_addr at = addr("127.0.0.1:0"), bound;
    struct door door;
    int peers[60], fd;

    assert_int_equal(sl_tcp_bind(&at, 64, &fd), 0);
    assert_int_equal(sl_tcp_bound(fd, &bound), 0);
    for (unsigned i = 0; i < SL_N_ELEMENTS(peers); i++)
        peers[i] = dial(&bound);
    open_door(&door, fd);
    run_for(&door, 30);
    assert_int_equal(door.n_accepted, SL_N_ELEMENTS(peers));
    assert_int_equal(sl_loop_n_shells(door.loop), SL_N_ELEMENTS(peers) + 1);
    for (unsigned i = 0; i < SL_N_ELEMENTS(peers); i++)
        close(peers[i]);
    close_door(&door);
}

static void a_listener_may_be_closed_while_it_accepts(void **state)
{
    struct sl_addr at = addr("127.0.0.1:0"), bound;
    struct door door;
    int fd;

    assert_int_equal(sl_tcp_bind(&at, 64, &fd), 0);
    assert_int_equal(sl_tcp_bound(fd, &bound), 0);
    open_door(&door, fd);
    door.does_close = true;
    int one = dial(&bound), two = dial(&bound);
    run_for(&door, 20);
    assert_int_equal(door.n_accepted, 1);
    assert_null(door.listener);
    close(one);
    close(two);
    close_door(&door);
}

static void a_unix_socket_serves_both_ways(void **state)
{
    struct sl_addr at = unix_addr();
    struct sl_span hello = SL_SPAN("hello");
    struct door door;
    char buf[8];
    int fd;

    assert_int_equal(sl_tcp_bind(&at, 8, &fd), 0);
    open_door(&door, fd);
    int peer = dial(&at);
    assert_int_equal(write(peer, "ping", 4), 4);
    run_for(&door, 20);
    assert_int_equal(door.n_accepted, 1);
    assert_true(sl_addr_is_unix(&door.peer));
    assert_int_equal(door.n_got, 4);
    size_t n_room = sl_tcp_room_bytes(door.tcps[0]);
    assert_int_equal(sl_tcp_write(door.tcps[0], &hello, 1), 0);
    assert_true(sl_tcp_room_bytes(door.tcps[0]) < n_room);
    assert_true(sl_tcp_unacked_bytes(door.tcps[0]) == 5);
    assert_int_equal(read(peer, buf, sizeof(buf)), 5);
    assert_true(sl_tcp_unacked_bytes(door.tcps[0]) == 0);
    close(peer);
    close_door(&door);
}

struct caller {
    unsigned n_connected;
    int err;
};

static void on_connected(void *owner, int err)
{
    struct caller *caller = owner;

    caller->n_connected++;
    caller->err = err;
}

static void nothing_comes(void *owner, struct sl_span bytes)
{
    fail();
}

static void we_connect_to_a_unix_socket(void **state)
{
    static const struct sl_tcp_events events = {
        .on_connected = on_connected, .on_bytes = nothing_comes, .on_end = on_end};
    struct sl_addr at = unix_addr();
    struct sl_span hello = SL_SPAN("hello");
    struct caller caller = {0};
    struct door door;
    struct sl_tcp *tcp;
    int fd;

    assert_int_equal(sl_tcp_bind(&at, 8, &fd), 0);
    open_door(&door, fd);
    assert_int_equal(sl_tcp_connect(door.loop, &at, &events, &caller, &tcp), 0);
    assert_int_equal(sl_tcp_write(tcp, &hello, 1), 0); /* before it is connected */
    sl_tcp_shutdown(tcp);
    assert_int_equal(caller.n_connected, 0);
    run_for(&door, 20);
    assert_int_equal(caller.n_connected, 1);
    assert_int_equal(caller.err, 0);
    assert_int_equal(door.n_got, 5);
    sl_tcp_close(&tcp, SL_TCP_RESET);

    assert_int_equal(sl_tcp_connect(door.loop, &at, &events, &caller, &tcp), 0);
    sl_tcp_close(&tcp, SL_TCP_FIN); /* before it is told */
    run_for(&door, 20);
    assert_int_equal(caller.n_connected, 1);
    close_door(&door);

    assert_int_equal(sl_loop_new(&door.loop), 0);
    assert_int_equal(sl_tcp_connect(door.loop, &at, &events, &caller, &tcp), SL_ERR_REFUSED);
    sl_loop_free(&door.loop);
}

/* Connections wait in the kernel, the owner is told now and then, and the loop does not spin. */
static void without_descriptors_the_listener_pauses(void **state)
{
    struct sl_addr at = addr("127.0.0.1:0"), bound;
    struct rlimit old, low;
    struct door door;
    int fd;

    assert_int_equal(sl_tcp_bind(&at, 8, &fd), 0);
    assert_int_equal(sl_tcp_bound(fd, &bound), 0);
    open_door(&door, fd);
    run_for(&door, 5);
    int peer = dial(&bound);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = (rlim_t)peer + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    run_for(&door, 250);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(door.n_accepted, 0);
    assert_int_equal(door.err, SL_ERR_NO_FDS);
    assert_in_range(door.n_refused, 2, 4);
    run_for(&door, 150);
    assert_int_equal(door.n_accepted, 1);
    close(peer);
    close_door(&door);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(port_0_is_any_port_and_shared_by_workers),
        cmocka_unit_test(a_port_that_others_hold_is_in_use),
        cmocka_unit_test(a_probe_sees_another_sluice),
        cmocka_unit_test(bad_addresses_are_told_apart),
        cmocka_unit_test(every_address_means_both_families),
        cmocka_unit_test_setup_teardown(a_unix_socket_replaces_a_dead_one_only, open_dir,
                                        close_dir),
        cmocka_unit_test_setup_teardown(a_file_that_is_no_socket_is_left_alone, open_dir,
                                        close_dir),
        cmocka_unit_test(the_peer_is_known_and_an_ipv4_one_looks_like_one),
        cmocka_unit_test(a_crowd_is_accepted_without_loss),
        cmocka_unit_test(a_listener_may_be_closed_while_it_accepts),
        cmocka_unit_test_setup_teardown(a_unix_socket_serves_both_ways, open_dir, close_dir),
        cmocka_unit_test_setup_teardown(we_connect_to_a_unix_socket, open_dir, close_dir),
        cmocka_unit_test(without_descriptors_the_listener_pauses),
    };
    return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
