// SPDX-License-Identifier: Apache-2.0
/*
 * pem: reads a certificate or key file whole, bounded, and forgets it thoroughly.
 *
 * mbedTLS could read files itself, but says neither what was wrong with them nor how large they may
 * be. The buffer belongs to the caller's struct sl_pem until sl_pem_fini(), which zeroises it; it
 * is never reallocated, so no copy of a key stays behind in freed memory.
 */
#include "pem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mbedtls/platform_util.h>

#include <sluice/base/err.h>

static int refuse(struct sl_str *why, const char *path, const char *reason, int err)
{
    sl_str_addf(why, "%s: %s", path, reason);
    return err;
}

static int refuse_errno(struct sl_str *why, const char *path, int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return refuse(why, path, "no such file", SL_ERR_NOT_FOUND);
    case EACCES:
    case EPERM:
        return refuse(why, path, "permission denied", SL_ERR_DENIED);
    case ENOMEM:
        return refuse(why, path, "out of memory", SL_ERR_MEMORY);
    default:
        sl_str_addf(why, "%s: cannot be read (errno %d)", path, number);
        return SL_ERR_INVALID;
    }
}

/* Reads until the end or until cap is full. Returns the bytes, or -1 with errno. */
static ssize_t read_whole(int fd, char *buf, size_t cap)
{
    size_t len = 0;
    while (len < cap) {
        ssize_t n = read(fd, buf + len, cap - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

static int read_open_file(int fd, const char *path, struct sl_pem *out_pem, struct sl_str *why)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return refuse_errno(why, path, errno);
    if (!S_ISREG(st.st_mode))
        return refuse(why, path, "is not a regular file", SL_ERR_INVALID);
    if (st.st_size > SL_PEM_MAX_BYTES)
        return refuse(why, path, "is larger than 1 MiB", SL_ERR_INVALID);
    /* One byte more than it should have, so that a file that grows meanwhile is noticed. */
    size_t cap = (size_t)st.st_size + 1;
    char *text = malloc(cap + 1);
    if (!text)
        return refuse(why, path, "out of memory", SL_ERR_MEMORY);
    ssize_t n = read_whole(fd, text, cap);
    int number = errno;
    *out_pem = (struct sl_pem){.text = text, .len = n > 0 ? (size_t)n : 0};
    text[out_pem->len] = '\0';
    if (n < 0)
        return refuse_errno(why, path, number);
    if (out_pem->len == cap)
        return refuse(why, path, "changed while it was read", SL_ERR_INVALID);
    if (out_pem->len == 0)
        return refuse(why, path, "is empty", SL_ERR_INVALID);
    if (memchr(text, '\0', out_pem->len))
        return refuse(why, path, "is not text: PEM is expected", SL_ERR_INVALID);
    return 0;
}

int sl_pem_read(const char *path, struct sl_pem *out_pem, struct sl_str *out_why)
{
    *out_pem = (struct sl_pem){0};
    /* Not blocking: opening a FIFO that nobody writes to must not hang the start. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return refuse_errno(out_why, path, errno);
    int err = read_open_file(fd, path, out_pem, out_why);
    close(fd);
    if (err)
        sl_pem_fini(out_pem);
    return err;
}

void sl_pem_fini(struct sl_pem *pem)
{
    if (pem->text)
        mbedtls_platform_zeroize(pem->text, pem->len);
    free(pem->text);
    *pem = (struct sl_pem){0};
}

bool sl_pem_has(const struct sl_pem *pem, const char *label_end)
{
    static const char begin[] = "-----BEGIN ";
    size_t n_label = strlen(label_end);
    for (const char *p = strstr(pem->text, begin); p; p = strstr(p, begin)) {
        p += sizeof(begin) - 1;
        const char *end = strstr(p, "-----");
        if (end && (size_t)(end - p) >= n_label && memcmp(end - n_label, label_end, n_label) == 0)
            return true;
    }
    return false;
}
