/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of errors. The one table is in the header, so a code cannot be without its name; a
 * number that is not ours (a foreign code that was not translated) is named as what it is, never
 * looked up out of bounds.
 */
#include <sluice/base/err.h>

const char *sl_err_name(int err)
{
    switch (err) {
    case 0:
        return "ok";
#define X(sym, num, name, meaning)                                                                 \
    case sym:                                                                                      \
        return name;
        SL_ERRORS(X)
#undef X
    default:
        return "unknown";
    }
}

const char *sl_err_str(int err)
{
    switch (err) {
    case 0:
        return "it ended well";
#define X(sym, num, name, meaning)                                                                 \
    case sym:                                                                                      \
        return meaning;
        SL_ERRORS(X)
#undef X
    default:
        return "an error that sluice does not know";
    }
}
