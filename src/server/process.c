/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process: small questions to the kernel, each answered on the spot. None of them can fail in a way
 * that matters: where the kernel does not tell, a modest answer is given.
 */
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <sluice/tls/server.h>

const char *sl_process_version(void)
{
    return SL_VERSION;
}

const char *sl_process_libraries(void)
{
    static char text[320];
    if (!text[0])
        snprintf(text, sizeof(text), "%s, %s", sl_tls_library(), SL_LIBRARIES);
    return text;
}

void sl_process_hold_standard_fds(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDONLY); /* the lowest that is free */
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

uint64_t sl_process_raise_fds(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        rlim_t before = limit.rlim_cur;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit))
            limit.rlim_cur = before;
    }
    return limit.rlim_cur;
}

uint32_t sl_process_n_cores(void)
{
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof(cores), &cores) == 0)
        return (uint32_t)CPU_COUNT(&cores);
    long n = sysconf(_SC_NPROCESSORS_ONLN); /* more cores than cpu_set_t has bits */
    return n > 0 ? (uint32_t)n : 1;
}

int sl_process_folder_errno(const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return ENOMEM;
    int number = access(dirname(copy), W_OK | X_OK) ? errno : 0;
    free(copy);
    return number;
}

static uint64_t count_fds(void)
{
    struct stat st;
    /* Since Linux 6.2 the folder's size is their number; walking over 100,000 of them takes a
     * while. */
    if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
        return (uint64_t)st.st_size;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return 0;
    uint64_t n = 0;
    for (const struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n > 0 ? n - 1 : 0; /* less the one that is being read */
}

void sl_process_use(struct sl_process_use *out_use)
{
    *out_use = (struct sl_process_use){.n_fds = count_fds()};
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        out_use->max_fds = limit.rlim_cur;
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        out_use->cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    FILE *statm = fopen("/proc/self/statm", "re");
    unsigned long long n_virtual = 0, n_resident = 0;
    if (statm && fscanf(statm, "%llu %llu", &n_virtual, &n_resident) == 2) {
        const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
        out_use->virtual_bytes = n_virtual * page;
        out_use->resident_bytes = n_resident * page;
    }
    if (statm)
        fclose(statm);
}

void sl_process_block_signals(struct sl_signal_mask *out_mask)
{
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGHUP);
    sigaddset(&ours, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &ours, &out_mask->before);
}

void sl_process_admit_end(struct sl_signal_mask *out_mask)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_UNBLOCK, &ends, &out_mask->before);
}

void sl_process_restore_signals(const struct sl_signal_mask *mask)
{
    pthread_sigmask(SIG_SETMASK, &mask->before, NULL);
}

void sl_process_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(to.sun_path))
        return;
    memcpy(to.sun_path, path, strlen(path));
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* an abstract address */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to, len);
    close(fd);
}
