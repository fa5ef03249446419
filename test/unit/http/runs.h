/* SPDX-License-Identifier: Apache-2.0 */
/* runs: literals of n equal bytes, to stand just at a limit or just beyond it. */
#ifndef SLUICE_TEST_HTTP_RUNS_H
#define SLUICE_TEST_HTTP_RUNS_H

#define T5    "ttttt"
#define T10   T5 T5
#define T30   T10 T10 T10
#define T100  T30 T30 T30 T10
#define T300  T100 T100 T100
#define T1000 T300 T300 T300 T100

#define T36   T30 T5 "t"
#define T37   T36 "t"
#define T99   T30 T30 T30 T5 "tttt"
#define T195  T100 T30 T30 T30 T5
#define T968  T300 T300 T300 T30 T30 T5 "ttt"
#define T969  T968 "t"
#define T2000 T1000 T1000

#define Z40  "0000000000000000000000000000000000000000"
#define Z200 Z40 Z40 Z40 Z40 Z40

#define F3  "a: 1\r\na: 1\r\na: 1\r\n"
#define F9  F3 F3 F3
#define F10 F9 "a: 1\r\n"
#define F11 F10 "a: 1\r\n"

#endif
