/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockets: all of an address or none. Failures are the caller's to report; nothing is left open
 * after one. The descriptors belong to the caller.
 */
#include "sockets.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <sluice/base/err.h>
#include <sluice/loop/tcp.h>

int sl_sockets_bind(const struct sl_addr *address, uint32_t backlog, size_t n, int *out_fds)
{
    struct sl_addr first = *address;
    for (size_t i = 0; i < n; i++)
        out_fds[i] = -1;
    for (size_t i = 0; i < n; i++) {
        int err = 0;
        if (i == 1 && !sl_addr_is_unix(address) && sl_addr_port(address) == 0)
            err = sl_tcp_bound(out_fds[0], &first);
        if (!err && i > 0 && sl_addr_is_unix(address)) {
            out_fds[i] = fcntl(out_fds[0], F_DUPFD_CLOEXEC, 0);
            err = out_fds[i] < 0 ? SL_ERR_NO_FDS : 0; /* the only way for it to fail */
        } else if (!err) {
            err = sl_tcp_bind(&first, (int)backlog, &out_fds[i]);
        }
        if (err) {
            out_fds[i] = -1;
            sl_sockets_close(out_fds, n);
            return err;
        }
    }
    return 0;
}

void sl_sockets_close(int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

void sl_sockets_unlink(const struct sl_addr *address)
{
    if (!sl_addr_is_unix(address))
        return;
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->storage;
    struct stat st;
    if (un->sun_path[0] && lstat(un->sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(un->sun_path);
}
