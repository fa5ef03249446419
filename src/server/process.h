/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process: what the kernel knows and grants: descriptors, folders, memory, cores, signals; and the
 * service manager that may have started us.
 */
#ifndef SLUICE_SERVER_PROCESS_H
#define SLUICE_SERVER_PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* "0.1.0", and the libraries that are linked, with versions. Static. */
const char *sl_process_version(void);
const char *sl_process_libraries(void);

/* Descriptors 0 to 2 that are closed become ones that cannot be written to. Before anything else is
   opened: else a socket would get such a number, and a client what is printed. */
void sl_process_hold_standard_fds(void);
/* Raises the soft limit of descriptors to the hard one; returns what is in force then. */
uint64_t sl_process_raise_fds(void);
/* Cores that this process may run on; at least 1. */
uint32_t sl_process_n_cores(void);

/* Why no file can be made at this path, because of its folder: an errno; or 0. */
int sl_process_folder_errno(const char *path);

struct sl_process_use {
    uint64_t n_fds, max_fds;
    uint64_t resident_bytes, virtual_bytes;
    double cpu_s;
};
/* 0 where /proc does not tell. */
void sl_process_use(struct sl_process_use *out_use);

/* SIGTERM, SIGINT, SIGHUP, SIGUSR1: blocked while threads are made, which inherit that. */
struct sl_signal_mask {
    sigset_t before;
};
void sl_process_block_signals(struct sl_signal_mask *out_mask);
/* SIGTERM and SIGINT end the process at once until the mask is restored. */
void sl_process_admit_end(struct sl_signal_mask *out_mask);
void sl_process_restore_signals(const struct sl_signal_mask *mask);

/* Tells the service manager (sd_notify(3)'s protocol) where NOTIFY_SOCKET is set: "READY=1",
   "STOPPING=1", ... Nothing happens where it is not, or when it fails. */
void sl_process_notify(const char *state);

#endif
