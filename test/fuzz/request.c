/* SPDX-License-Identifier: Apache-2.0 */
/* request: a client's bytes. */
#include "message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    check_message(SL_PARSER_REQUEST, SL_METHOD_OTHER, sl_span(bytes, n));
    return 0;
}
