/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay: runs a fuzz target over the files of its corpus, one TAP case per file. A target aborts
 * when it finds something, so a case that is not "ok" is the last line.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Into a block of exactly the file's size, so that a sanitizer sees a read past its end. */
static uint8_t *read_file(const char *directory, const char *name, size_t *out_n)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END))
        return NULL;
    long n = ftell(f);
    rewind(f);
    uint8_t *bytes = n >= 0 ? malloc((size_t)n + !n) : NULL;
    if (bytes && fread(bytes, 1, (size_t)n, f) != (size_t)n) {
        free(bytes);
        bytes = NULL;
    }
    fclose(f);
    *out_n = (size_t)n;
    return bytes;
}

int main(int argc, char **argv)
{
    struct dirent **entries;
    int n_entries = argc == 2 ? scandir(argv[1], &entries, is_visible, alphasort) : -1;
    if (n_entries <= 0) {
        fprintf(stderr, "usage: %s DIRECTORY (with at least one file)\n", argv[0]);
        return 2;
    }
    printf("1..%d\n", n_entries);
    for (int i = 0; i < n_entries; i++) {
        size_t n;
        uint8_t *bytes = read_file(argv[1], entries[i]->d_name, &n);
        if (!bytes) {
            printf("Bail out! %s cannot be read\n", entries[i]->d_name);
            return 2;
        }
        LLVMFuzzerTestOneInput(bytes, n);
        printf("ok %d - %s\n", i + 1, entries[i]->d_name);
        fflush(stdout);
        free(bytes);
        free(entries[i]);
    }
    free(entries);
    return 0;
}
