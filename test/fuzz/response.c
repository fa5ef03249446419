/* SPDX-License-Identifier: Apache-2.0 */
/* response: an upstream's bytes. The first byte says what was asked: 'h' HEAD, anything else GET.
 */
#include "message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (!n)
        return 0;
    check_message(SL_PARSER_RESPONSE, bytes[0] == 'h' ? SL_METHOD_HEAD : SL_METHOD_GET,
                  sl_span(bytes + 1, n - 1));
    return 0;
}
