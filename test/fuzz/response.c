/* SPDX-License-Identifier: Apache-2.0 */
/* response: an upstream's bytes. The first byte says what was asked: 'h' HEAD, anything else GET.
 */
#include "message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct sl_span in = sl_span(bytes, n);
    enum sl_method method = fuzz_byte(&in) == 'h' ? SL_METHOD_HEAD : SL_METHOD_GET;
    check_message(SL_PARSER_RESPONSE, method, in);
    return 0;
}
