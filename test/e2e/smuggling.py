# SPDX-License-Identifier: Apache-2.0
"""Vectors of request smuggling, response splitting and desynchronisation, as tables: what the attacker sends, and
exactly what the other side may see of it. From RFC 9112 (sections 2.2, 3, 6, 7, 9 and 11), RFC 9110 and published
research: HTTP Desync Attacks (2019), HTTP Request Smuggling in 2020, Browser-Powered Desync (2022), TE.0 and funky
chunks (2024, 2025), HTTP/1.1 Must Die (2025).

REFUSED and BAD_CHUNKS are requests of which the application sees nothing, or no end. FORWARDED are requests that pass:
as one message each, written anew. REFUSED_RESPONSES and PASSED_RESPONSES are the same for what an application sends,
REFUSED_SWITCHES for its 101.
"""
import dataclasses

H = b"Host: localhost\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"
EXPECT = b"Expect: 100-continue\r\n"


def post(fields, body=b"", line=b"POST / HTTP/1.1"):
    return line + b"\r\n" + H + fields + b"\r\n" + body


def get(line=b"GET / HTTP/1.1", fields=H, body=b""):
    return line + b"\r\n" + fields + b"\r\n" + body


def length(body):
    return b"Content-Length: %d\r\n" % len(body)


# name: (status, bytes). The connection is closed, and the application sees nothing.
REFUSED = {
    # framing
    "cl_and_te": (400, post(b"Content-Length: 5\r\n" + CHUNKED, b"0\r\n\r\n" + SMUGGLED)),
    "te_and_cl": (400, post(CHUNKED + b"Content-Length: 5\r\n", b"0\r\n\r\n" + SMUGGLED)),
    "cl_0_and_te": (400, post(b"Content-Length: 0\r\n" + CHUNKED, HELLO)),
    "cl_and_te_of_get": (400, get(fields=H + b"Content-Length: 5\r\n" + CHUNKED, body=HELLO)),
    "cl_and_te_far_apart": (400, post(b"Content-Length: 5\r\n" + b"X: y\r\n" * 50 + CHUNKED, HELLO)),
    "cl_and_te_identity": (400, post(b"Content-Length: 5\r\nTransfer-Encoding: identity\r\n", b"hello")),
    "cl_and_te_empty": (400, post(b"Content-Length: 5\r\nTransfer-Encoding:\r\n", b"hello")),
    "two_lengths": (400, post(b"Content-Length: 0\r\nContent-Length: 44\r\n", SMUGGLED)),
    "two_lengths_of_different_case": (400, post(b"Content-Length: 0\r\ncontent-length: 44\r\n", SMUGGLED)),
    "the_same_length_twice": (400, post(b"Content-Length: 1\r\nContent-Length: 1\r\n", b"x")),
    "length_list": (400, post(b"Content-Length: 1, 1\r\n", b"x")),
    "length_list_differing": (400, post(b"Content-Length: 0, 44\r\n", SMUGGLED)),
    "length_with_comma": (400, post(b"Content-Length: 1,\r\n", b"x")),
    "length_with_sign": (400, post(b"Content-Length: +1\r\n", b"x")),
    "length_negative": (400, post(b"Content-Length: -1\r\n", b"x")),
    "length_minus_zero": (400, post(b"Content-Length: -0\r\n", SMUGGLED)),
    "length_hex": (400, post(b"Content-Length: 0x1\r\n", b"x")),
    "length_octal_letter": (400, post(b"Content-Length: 0o1\r\n", b"x")),
    "length_exponent": (400, post(b"Content-Length: 1e0\r\n", b"x")),
    "length_point": (400, post(b"Content-Length: 1.0\r\n", b"x")),
    "length_quoted": (400, post(b'Content-Length: "1"\r\n', b"x")),
    "length_empty": (400, post(b"Content-Length:\r\n", b"x")),
    "length_blank_inside": (400, post(b"Content-Length: 1 1\r\n", b"x")),
    "length_then_word": (400, post(b"Content-Length: 1 x\r\n", b"x")),
    "length_underscore": (400, post(b"Content-Length: 1_0\r\n", b"x")),
    "length_overflow": (400, post(b"Content-Length: 18446744073709551617\r\n", b"x")),
    "length_wraps_to_1": (400, post(b"Content-Length: 340282366920938463463374607431768211457\r\n", b"x")),
    "length_tab_behind": (400, post(b"Content-Length: 1\t\r\n", b"x")),
    "length_vertical_tab": (400, post(b"Content-Length: \x0b1\r\n", b"x")),
    "length_form_feed": (400, post(b"Content-Length: 1\x0c\r\n", b"x")),
    "length_other_digits": (400, post("Content-Length: \u0661\r\n".encode(), b"x")),
    "length_blank_before_colon": (400, post(b"Content-Length : 44\r\n", SMUGGLED)),
    "length_tab_before_colon": (400, post(b"Content-Length\t: 44\r\n", SMUGGLED)),
    "length_nul_in_the_name": (400, post(b"Content-\0Length: 44\r\n", SMUGGLED)),
    "te_unknown": (501, post(b"Transfer-Encoding: gzip\r\n")),
    "te_identity": (501, post(b"Transfer-Encoding: identity\r\n")),
    "te_gzip_chunked": (501, post(b"Transfer-Encoding: gzip, chunked\r\n")),
    "te_identity_chunked": (501, post(b"Transfer-Encoding: identity, chunked\r\n", HELLO)),
    "te_chunked_gzip": (400, post(b"Transfer-Encoding: chunked, gzip\r\n")),
    "te_chunked_identity": (400, post(b"Transfer-Encoding: chunked, identity\r\n", HELLO)),
    "te_chunked_twice": (400, post(b"Transfer-Encoding: chunked, chunked\r\n")),
    "te_two_fields": (400, post(CHUNKED + CHUNKED)),
    "te_chunked_and_cow": (400, post(CHUNKED + b"Transfer-Encoding: cow\r\n", HELLO)),
    "te_cow_and_chunked": (501, post(b"Transfer-Encoding: cow\r\n" + CHUNKED, HELLO)),
    "te_chunked_and_empty": (400, post(CHUNKED + b"Transfer-Encoding:\r\n", HELLO)),
    "te_xchunked": (501, post(b"Transfer-Encoding: xchunked\r\n")),
    "te_chunkedx": (501, post(b"Transfer-Encoding: chunkedx\r\n")),
    "te_chunk": (501, post(b"Transfer-Encoding: chunk\r\n")),
    "te_quoted": (501, post(b'Transfer-Encoding: "chunked"\r\n')),
    "te_single_quoted": (501, post(b"Transfer-Encoding: 'chunked'\r\n")),
    "te_parameter": (501, post(b"Transfer-Encoding: chunked;q=1\r\n")),
    "te_trailing_comma": (400, post(b"Transfer-Encoding: chunked,\r\n", HELLO)),
    "te_leading_comma": (400, post(b"Transfer-Encoding: ,chunked\r\n", HELLO)),
    "te_semicolon": (501, post(b"Transfer-Encoding: ;chunked\r\n", HELLO)),
    "te_blank_inside": (501, post(b"Transfer-Encoding: chun ked\r\n", HELLO)),
    "te_empty": (400, post(b"Transfer-Encoding:\r\n")),
    "te_tab_behind": (400, post(b"Transfer-Encoding: chunked\t\r\n", HELLO)),
    "te_vertical_tab": (400, post(b"Transfer-Encoding: \x0bchunked\r\n")),
    "te_vertical_tab_behind": (400, post(b"Transfer-Encoding: chunked\x0b\r\n", HELLO)),
    "te_form_feed": (400, post(b"Transfer-Encoding:\x0cchunked\r\n", HELLO)),
    "te_nul": (400, post(b"Transfer-Encoding: chunked\0\r\n", HELLO)),
    "te_nul_before": (400, post(b"Transfer-Encoding: \0chunked\r\n", HELLO)),
    "te_high_bit": (501, post(b"Transfer-Encoding: chunke\xe4\r\n", HELLO)),
    "te_no_break_space": (501, post(b"Transfer-Encoding: \xa0chunked\r\n", HELLO)),
    "te_kelvin": (501, post("Transfer-Encoding: chun\u212aed\r\n".encode(), HELLO)),
    "te_blank_before_colon": (400, post(b"Transfer-Encoding : chunked\r\n")),
    "te_tab_before_colon": (400, post(b"Transfer-Encoding\t: chunked\r\n", HELLO)),
    "te_cr_before_colon": (400, post(b"Transfer-Encoding\r: chunked\r\n", HELLO)),
    "te_line_before_colon": (400, post(b"Transfer-Encoding\r\n : chunked\r\n", HELLO)),
    "te_two_colons_of_one_name": (400, post(b"X: y\rTransfer-Encoding: chunked\r\n", HELLO)),
    "te_behind_a_bare_lf": (400, post(b"X: y\nTransfer-Encoding: chunked\r\n", HELLO)),
    "te_blank_before_name": (400, post(b" Transfer-Encoding: chunked\r\n")),
    "te_after_tab": (400, post(b"X: y\r\n\tTransfer-Encoding: chunked\r\n")),
    "te_on_the_next_line": (400, post(b"Transfer-Encoding:\r\n chunked\r\n", HELLO)),
    "te_folded_with_tab": (400, post(b"Transfer-Encoding:\r\n\tchunked\r\n", HELLO)),
    "te_slash_in_the_name": (400, post(b"Transfer/Encoding: chunked\r\n", HELLO)),
    "te_in_1_0": (400, b"POST / HTTP/1.0\r\n" + CHUNKED + b"\r\n0\r\n\r\n"),
    "te_in_1_0_kept_alive": (400, b"POST / HTTP/1.0\r\nConnection: keep-alive\r\n" + CHUNKED + b"\r\n" + HELLO),
    "trace_with_length": (400, get(b"TRACE / HTTP/1.1", H + length(SMUGGLED), SMUGGLED)),
    "trace_with_chunks": (400, get(b"TRACE / HTTP/1.1", H + CHUNKED, HELLO)),
    # expectations
    "expect_other": (417, post(b"Expect: 200-ok\r\n" + length(SMUGGLED), SMUGGLED)),
    "expect_obfuscated": (417, post(b"Expect: y 100-continue\r\n" + length(SMUGGLED), SMUGGLED)),
    "expect_with_parameter": (417, post(b"Expect: 100-continue;q=1\r\n" + length(SMUGGLED), SMUGGLED)),
    "expect_list": (417, post(b"Expect: 100-continue, 100-continue\r\n" + length(SMUGGLED), SMUGGLED)),
    "expect_twice": (417, post(EXPECT + EXPECT + length(SMUGGLED), SMUGGLED)),
    "expect_and_other": (417, post(EXPECT + b"Expect: x\r\n" + length(SMUGGLED), SMUGGLED)),
    "expect_empty": (417, post(b"Expect:\r\n" + length(SMUGGLED), SMUGGLED)),
    "expect_prefix": (417, post(b"Expect: 100-continu\r\n" + length(SMUGGLED), SMUGGLED)),
    "expect_of_get": (417, get(fields=H + b"Expect: x\r\n" + length(SMUGGLED), body=SMUGGLED)),
    "expect_blank_before_colon": (400, post(b"Expect : 100-continue\r\n" + length(SMUGGLED), SMUGGLED)),
    "expect_folded": (400, post(b"Expect:\r\n 100-continue\r\n" + length(SMUGGLED), SMUGGLED)),
    # lines and bytes
    "obs_fold": (400, get(fields=H + b"X: a\r\n b\r\n")),
    "obs_fold_of_the_first": (400, get(fields=b" X: a\r\n" + H)),
    "bare_lf": (400, b"GET / HTTP/1.1\nHost: localhost\n\n"),
    "bare_lf_after_the_line": (400, b"GET / HTTP/1.1\n" + H + b"\r\n"),
    "bare_lf_at_the_end": (400, b"GET / HTTP/1.1\r\n" + H + b"\n"),
    "bare_lf_in_a_field": (400, get(fields=H + b"X: a\nY: b\r\n")),
    "bare_cr_in_a_field": (400, get(fields=H + b"X: a\rY: b\r\n")),
    "bare_cr_in_the_line": (400, b"GET / HTTP/1.1\rX: y\r\n" + H + b"\r\n"),
    "bare_cr_at_the_end": (400, b"GET / HTTP/1.1\r\n" + H + b"\r\rX\r\n\r\n"),
    "cr_cr_lf": (400, b"GET / HTTP/1.1\r\r\n" + H + b"\r\n"),
    "cr_cr_lf_in_a_field": (400, get(fields=H + b"X: a\r\r\n")),
    "nul_in_a_value": (400, get(fields=H + b"X: a\0b\r\n")),
    "nul_in_a_name": (400, get(fields=H + b"X\0: b\r\n")),
    "nul_in_the_target": (400, get(b"GET /\0 HTTP/1.1")),
    "nul_in_the_method": (400, get(b"G\0ET / HTTP/1.1")),
    "nul_before_all": (400, b"\0" + get()),
    "control_in_a_value": (400, get(fields=H + b"X: a\x01b\r\n")),
    "delete_in_a_value": (400, get(fields=H + b"X: a\x7fb\r\n")),
    "no_colon": (400, get(fields=H + b"no colon here\r\n")),
    "no_name": (400, get(fields=H + b": value\r\n")),
    "name_with_blank": (400, get(fields=H + b"X Y: value\r\n")),
    "name_with_quote": (400, get(fields=H + b'X"Y: value\r\n')),
    "name_utf8": (400, get(fields=H + "Ü: v\r\n".encode())),
    "name_with_no_break_space": (400, get(fields=H + b"X\xa0: v\r\n")),
    "empty_lines": (400, b"\r\n\r\n\r\n" + get()),
    "empty_bare_lines": (400, b"\n\n" + get()),
    # the start line
    "two_blanks": (400, get(b"GET  / HTTP/1.1")),
    "two_blanks_before_the_version": (400, get(b"GET /  HTTP/1.1")),
    "blank_at_the_end": (400, get(b"GET / HTTP/1.1 ")),
    "blank_at_the_start": (400, get(b" GET / HTTP/1.1")),
    "blank_in_the_target": (400, get(b"GET /a b HTTP/1.1")),
    "version_twice": (400, get(b"GET / HTTP/1.1 HTTP/1.1")),
    "request_in_the_target": (400, get(b"GET / HTTP/1.1\\r\\nX: y HTTP/1.1")),
    "tab_instead_of_blank": (400, get(b"GET\t/ HTTP/1.1")),
    "tab_before_the_version": (400, get(b"GET /\tHTTP/1.1")),
    "form_feed_in_the_line": (400, get(b"GET /\x0cHTTP/1.1")),
    "no_slash": (400, get(b"GET index HTTP/1.1")),
    "query_only": (400, get(b"GET ?a HTTP/1.1")),
    "fragment": (400, get(b"GET /#a HTTP/1.1")),
    "target_with_high_bit": (400, get(b"GET /\xe4 HTTP/1.1")),
    "userinfo": (400, get(b"GET http://user@localhost/ HTTP/1.1")),
    "asterisk": (400, get(b"GET * HTTP/1.1")),
    "bad_method": (400, get(b"G@T / HTTP/1.1")),
    "method_with_colon": (400, get(b"GET: / HTTP/1.1")),
    "lower_method": (501, get(b"get / HTTP/1.1")),
    "lower_version": (400, get(b"GET / http/1.1")),
    "version_0_9": (505, b"GET /\r\n\r\n"),
    "version_2": (505, get(b"GET / HTTP/2.0")),
    "version_1_2": (505, get(b"GET / HTTP/1.2")),
    "version_1_10": (400, get(b"GET / HTTP/1.10")),
    "version_1": (400, get(b"GET / HTTP/1")),
    "version_01_1": (505, get(b"GET / HTTP/01.1")),
    "version_comma": (400, get(b"GET / HTTP/1,1")),
    "version_blank": (400, get(b"GET / HTTP/ 1.1")),
    "http_2_preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "connect": (501, b"CONNECT localhost:80 HTTP/1.1\r\n" + H + b"\r\n"),
    "connect_with_length": (501, b"CONNECT localhost:80 HTTP/1.1\r\n" + H + length(SMUGGLED) + b"\r\n" + SMUGGLED),
    # Host
    "no_host": (400, get(fields=b"")),
    "no_host_but_an_absolute_target": (400, get(b"GET http://localhost/ HTTP/1.1", b"")),
    "two_hosts": (400, get(fields=H + b"Host: evil\r\n")),
    "two_hosts_of_different_case": (400, get(fields=H + b"hOST: evil\r\n")),
    "the_same_host_twice": (400, get(fields=H + H)),
    "two_hosts_and_an_absolute_target": (400, get(b"GET http://localhost/ HTTP/1.1", H + b"Host: evil\r\n")),
    "bad_host_beside_an_absolute_target": (400, get(b"GET http://localhost/ HTTP/1.1", b"Host: a b\r\n")),
    "empty_host": (400, get(fields=b"Host:\r\n")),
    "host_with_path": (400, get(fields=b"Host: localhost/x\r\n")),
    "host_with_query": (400, get(fields=b"Host: localhost?x\r\n")),
    "host_with_fragment": (400, get(fields=b"Host: localhost#x\r\n")),
    "host_with_backslash": (400, get(fields=b"Host: localhost\\evil\r\n")),
    "host_with_user": (400, get(fields=b"Host: a@localhost\r\n")),
    "host_with_blank": (400, get(fields=b"Host: a b\r\n")),
    "host_with_tab": (400, get(fields=b"Host: a\tb\r\n")),
    "host_with_nul": (400, get(fields=b"Host: a\0b\r\n")),
    "host_with_scheme": (400, get(fields=b"Host: http://localhost\r\n")),
    "host_list": (400, get(fields=b"Host: a, b\r\n")),
    "host_bad_port": (400, get(fields=b"Host: localhost:99999x\r\n")),
    "host_two_ports": (400, get(fields=b"Host: localhost:80:80\r\n")),
    "host_open_bracket": (400, get(fields=b"Host: [::1\r\n")),
    "host_behind_brackets": (400, get(fields=b"Host: [::1]evil\r\n")),
    "host_folded": (400, get(fields=b"Host:\r\n localhost\r\n")),
    "host_blank_before_colon": (400, get(fields=b"Host : localhost\r\n")),
    "host_blank_before_name": (400, get(fields=H + b" Host: evil\r\n")),
    # limits
    "long_target": (414, get(b"GET /" + b"a" * 9000 + b" HTTP/1.1")),
    "long_field": (431, get(fields=H + b"X: " + b"y" * 40000 + b"\r\n")),
    "many_fields": (431, get(fields=H + b"X: y\r\n" * 150)),
    "endless_name": (431, get(fields=H + b"x" * 50000)),
}

# The head is good: what is wrong comes after it. The application may have seen the head, but no end.
BAD_CHUNKS = {
    "size_not_hex": b"g\r\n",
    "size_empty": b"\r\nhello\r\n0\r\n\r\n",
    "size_negative": b"-1\r\n",
    "size_minus_zero": b"-0\r\n\r\n",
    "size_plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "size_0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "size_underscore": b"1_0\r\nhellohellohelloh\r\n0\r\n\r\n",
    "size_comma": b"5,5\r\nhello\r\n0\r\n\r\n",
    "size_blank_before": b" 5\r\nhello\r\n0\r\n\r\n",
    "size_blank_after": b"5 \r\nhello\r\n0\r\n\r\n",
    "size_tab_after": b"5\t\r\nhello\r\n0\r\n\r\n",
    "size_then_word": b"5 x\r\nhello\r\n0\r\n\r\n",
    "size_nul_after": b"5\0\r\nhello\r\n0\r\n\r\n",
    "size_overflow": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "size_overflow_of_32_bits": b"100000005;" + b"\r\nhello\r\n0\r\n\r\n",
    "size_sign_bit": b"8000000000000005\r\nhello\r\n0\r\n\r\n",
    "bare_lf_after_size": b"5\nhello\r\n0\r\n\r\n",
    "bare_cr_after_size": b"5\rX\r\nhello\r\n0\r\n\r\n",
    "cr_cr_lf_after_size": b"5\r\r\nhello\r\n0\r\n\r\n",
    "bare_lf_after_data": b"5\r\nhello\n0\r\n\r\n",
    "bare_cr_after_data": b"5\r\nhello\rX0\r\n\r\n",
    "two_bytes_after_data": b"5\r\nhelloXX0\r\n\r\n",
    "too_short": b"6\r\nhello\r\n0\r\n\r\n",
    "nothing_after_data": b"5\r\nhello0\r\n\r\n",
    "extension_too_long": b"5;" + b"x" * 5000 + b"\r\nhello\r\n0\r\n\r\n",
    "extension_with_lf": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "extension_ended_by_lf": b"5;\nhello\r\n0\r\n\r\n",
    "extension_with_cr": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "extension_with_lf_in_quotes": b'5;a="\n"\r\nhello\r\n0\r\n\r\n',
    "extension_with_crlf_in_quotes": b'5;a="\r\n0\r\n\r\n"\r\nhello\r\n0\r\n\r\n',
    "extension_with_nul": b"5;a\0b\r\nhello\r\n0\r\n\r\n",
    "extension_without_name": b"5;\r\nhello\r\n0\r\n\r\n",
    "extension_behind_a_blank": b"5 ;a\r\nhello\r\n0\r\n\r\n",
    "extension_of_the_last_with_lf": b"0;a\n\r\n",
    "last_size_with_blank": b"0 \r\n\r\n",
    "last_size_with_bare_lf": b"0\n\r\n",
    "bare_lf_at_the_end": b"0\r\n\n",
    "bare_cr_at_the_end": b"0\r\n\rX",
    "bare_lf_in_the_trailers": b"0\r\nX: y\n\r\n",
    "trailers_too_large": b"0\r\nX: " + b"y" * 20000 + b"\r\n\r\n",
    "trailers_obs_fold": b"0\r\nX: y\r\n z\r\n\r\n",
    "trailers_blank_before_colon": b"0\r\nX : y\r\n\r\n",
    "trailers_with_nul": b"0\r\nX: a\0b\r\n\r\n",
    "trailers_with_a_request": b"0\r\nGET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "trailers_with_length": b"0\r\nContent-Length: 44\r\n\r\n",
    "trailers_with_coding": b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "trailers_with_host": b"0\r\nHost: evil\r\n\r\n",
}


@dataclasses.dataclass
class Passed:
    """What a client sends in one go, then the end of its stream; the application's view of it; what is answered."""
    sent: bytes
    seen: list      # heads with bodies, without the fields in which sluice tells of itself
    statuses: list


def one(sent, *seen, statuses=None):
    return Passed(sent, list(seen), statuses or [200] * len(seen))


BODY_5 = b"Content-Length: 5\r\n\r\nhello"
CHUNKS_5 = CHUNKED + b"\r\n" + HELLO
FORWARDED = {
    # framing is written anew
    "cl": one(post(b"Content-Length: 5\r\n", b"hello"), post(b"")[:-2] + BODY_5),
    "cl_leading_zeros": one(post(b"Content-Length: 0000000000000000000000005\r\n", b"hello"), post(b"")[:-2] + BODY_5),
    "cl_blanks_around": one(post(b"Content-Length: \t 5  \r\n", b"hello"), post(b"")[:-2] + BODY_5),
    "te_case_and_blanks": one(post(b"Transfer-Encoding:\t ChUnKeD  \r\n", HELLO), post(b"")[:-2] + CHUNKS_5),
    "chunk_extensions": one(post(CHUNKED, b'5;a;b=c;d="e \\" f"\r\nhello\r\n0;g=h\r\n\r\n'), post(b"")[:-2] + CHUNKS_5),
    "chunk_leading_zeros": one(post(CHUNKED, b"0005\r\nhello\r\n000\r\n\r\n"), post(b"")[:-2] + CHUNKS_5),
    "chunk_upper_case": one(post(CHUNKED, b"A\r\nhellohello\r\n0\r\n\r\n"),
                            post(CHUNKED)[:-2] + b"\r\na\r\nhellohello\r\n0\r\n\r\n"),
    "trailers": one(post(CHUNKED, b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nAuthorization: x\r\nConnection: close\r\nX_Y: z\r\n\r\n"),
                    post(CHUNKED)[:-2] + b"\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"),
    "coding_in_another_field": one(post(b"Content-Encoding: chunked\r\nContent-Length: 5\r\n", b"hello"),
                                   post(b"Content-Encoding: chunked\r\n")[:-2] + BODY_5),
    # a body is a body, whatever it looks like
    "cl_0_with_a_request_as_body": one(post(length(SMUGGLED), SMUGGLED), post(length(SMUGGLED), SMUGGLED)),
    "a_body_of_get": one(get(fields=H + length(SMUGGLED), body=SMUGGLED),
                         get(fields=H + length(SMUGGLED), body=SMUGGLED)),
    "a_chunked_body_of_get": one(get(fields=H + CHUNKED, body=HELLO), get(fields=H + CHUNKED, body=HELLO)),
    "a_body_of_delete": one(get(b"DELETE /x HTTP/1.1", H + length(SMUGGLED), SMUGGLED),
                            get(b"DELETE /x HTTP/1.1", H + length(SMUGGLED), SMUGGLED)),
    "a_body_of_options": one(get(b"OPTIONS * HTTP/1.1", H + length(SMUGGLED), SMUGGLED),
                             get(b"OPTIONS * HTTP/1.1", H + length(SMUGGLED), SMUGGLED)),
    "a_last_chunk_as_body": one(post(b"Content-Length: 5\r\n", b"0\r\n\r\n"), post(b"Content-Length: 5\r\n", b"0\r\n\r\n")),
    "a_request_behind_no_body": one(post(b"Content-Length: 0\r\n") + get(b"GET /2 HTTP/1.1"),
                                    post(b"Content-Length: 0\r\n"), get(b"GET /2 HTTP/1.1")),
    "a_request_without_length": one(post(b"") + get(b"GET /2 HTTP/1.1"), post(b""), get(b"GET /2 HTTP/1.1")),
    "a_body_without_length": one(post(b"", b"hello\r\n\r\n"), post(b""), statuses=[200, 400]),
    # expectations
    "expect": one(post(EXPECT + length(SMUGGLED), SMUGGLED), post(EXPECT + length(SMUGGLED), SMUGGLED)),
    "expect_other_case": one(post(b"eXPECT: 100-CONTINUE\r\nContent-Length: 5\r\n", b"hello"),
                             post(b"eXPECT: 100-CONTINUE\r\n")[:-2] + BODY_5),
    "expect_without_body": one(get(fields=H + EXPECT) + get(b"GET /2 HTTP/1.1"), get(), get(b"GET /2 HTTP/1.1")),
    "expect_with_cl_0": one(post(EXPECT + b"Content-Length: 0\r\n") + get(b"GET /2 HTTP/1.1"),
                            post(b"Content-Length: 0\r\n"), get(b"GET /2 HTTP/1.1")),
    "expect_of_get_with_body": one(get(fields=H + EXPECT + length(SMUGGLED), body=SMUGGLED),
                                   get(fields=H + EXPECT + length(SMUGGLED), body=SMUGGLED)),
    "expect_in_1_0": one(b"POST / HTTP/1.0\r\n" + H + EXPECT + BODY_5, post(b"")[:-2] + BODY_5),
    "expect_nominated_by_connection": one(post(EXPECT + b"Connection: Expect\r\nContent-Length: 5\r\n", b"hello"),
                                          post(EXPECT)[:-2] + BODY_5),
    "expect_with_underscore": one(post(b"Ex_pect: 100-continue\r\nContent-Length: 5\r\n", b"hello"),
                                  post(b"")[:-2] + BODY_5),
    # names that an application may take for others
    "cl_with_underscore": one(post(b"Content_Length: 44\r\n") + SMUGGLED, post(b""), SMUGGLED),
    "te_with_underscore": one(post(b"Transfer_Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"),
                              post(b"Content-Length: 5\r\n", b"0\r\n\r\n")),
    "host_with_underscore": one(get(fields=H + b"H_ost: evil\r\n"), get()),
    "proxy": one(get(fields=H + b"Proxy: http://evil/\r\n"), get()),
    "other_hosts": one(get(fields=H + b"X-Forwarded-Host: evil\r\nX-Real-IP: 6.6.6.6\r\nForwarded: host=evil\r\n"
                                      b"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: x\r\n"), get()),
    # hop by hop
    "connection_nominates_framing": one(post(b"Connection: content-length, host, transfer-encoding\r\n"
                                             b"Content-Length: 5\r\n", b"hello"), post(b"")[:-2] + BODY_5),
    "connection_nominates_te": one(post(b"Connection: Transfer-Encoding\r\n" + CHUNKED, HELLO),
                                   post(b"")[:-2] + CHUNKS_5),
    "connection_nominates_what_sluice_adds": one(
        get(fields=H + b"Connection: X-Forwarded-For, Forwarded, Via, X-Request-Id, X-Forwarded-Proto\r\n"), get()),
    "connection_nominates_others": one(get(fields=H + b"X-Auth: a\r\nConnection: close, X-Auth\r\nX-Kept: b\r\n"),
                                       get(fields=H + b"X-Kept: b\r\n")),
    "connection_of_two_fields": one(get(fields=H + b"Connection: X-A\r\nX-A: a\r\nX-B: b\r\nConnection: X-B\r\n"), get()),
    "connection_of_odd_lists": one(get(fields=H + b"Connection: ,, X-A ,,\t,\r\nX-A: a\r\n"), get()),
    "keep_alive_te_and_upgrade": one(get(fields=H + b"Keep-Alive: timeout=9\r\nTE: trailers, chunked\r\n"
                                                    b"Proxy-Connection: keep-alive\r\nUpgrade: x\r\n"), get()),
    "h2c": one(get(fields=H + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
               get()),
    "h2c_among_others": one(get(fields=H + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: websocket, h2c\r\n"
                                           b"HTTP2-Settings: AAMAAABk\r\n"), get()),
    "an_upgrade_with_a_body": one(post(b"Connection: Upgrade\r\nUpgrade: websocket\r\n" + length(SMUGGLED), SMUGGLED),
                                  post(length(SMUGGLED), SMUGGLED)),
    "an_upgrade_in_1_0": one(b"GET / HTTP/1.0\r\n" + H + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", get()),
    "an_upgrade_that_is_refused": one(get(fields=H + b"Connection: Upgrade\r\nUpgrade: websocket\r\n") +
                                      get(b"GET /2 HTTP/1.1"),
                                      get(fields=H + b"Upgrade: websocket\r\nConnection: upgrade\r\n"),
                                      get(b"GET /2 HTTP/1.1")),
    # targets
    "absolute_target": one(get(b"GET http://example.org/x?y HTTP/1.1", b"Host: evil\r\n"),
                           get(b"GET /x?y HTTP/1.1", b"Host: example.org\r\n")),
    "absolute_target_without_path": one(get(b"GET http://example.org?y HTTP/1.1", b"Host: evil\r\n"),
                                        get(b"GET /?y HTTP/1.1", b"Host: example.org\r\n")),
    "absolute_target_in_1_0": one(b"GET http://example.org/x HTTP/1.0\r\n\r\n",
                                  get(b"GET /x HTTP/1.1", b"Host: example.org\r\n")),
    "encoded_line_ends": one(get(b"GET /%0d%0aX:%20y?%00 HTTP/1.1"), get(b"GET /%0d%0aX:%20y?%00 HTTP/1.1")),
    "dot_segments": one(get(b"GET /a/../..//b/./c HTTP/1.1"), get(b"GET /a/../..//b/./c HTTP/1.1")),
    "authority_in_the_path": one(get(b"GET //evil/x HTTP/1.1"), get(b"GET //evil/x HTTP/1.1")),
    # several at once
    "pipelined": one(get() + post(b"Content-Length: 5\r\n", b"hello") + post(CHUNKED, HELLO) + get(b"HEAD /4 HTTP/1.1"),
                     get(), post(b"")[:-2] + BODY_5, post(b"")[:-2] + CHUNKS_5, get(b"HEAD /4 HTTP/1.1")),
    "behind_a_refused_one": one(get() + post(b"Content-Length: 5\r\n" + CHUNKED, HELLO) + SMUGGLED, get(),
                                statuses=[200, 400]),
    "behind_a_last_one": one(get(fields=H + b"Connection: close\r\n") + SMUGGLED, get()),
    "behind_one_of_1_0": one(b"GET / HTTP/1.0\r\n" + H + b"\r\n" + SMUGGLED, get()),
    "behind_one_that_is_cut": one(post(b"Content-Length: 500\r\n", SMUGGLED), statuses=[]),
    "an_empty_line_before": one(b"\r\n" + get() + b"\r\n" + get(b"GET /2 HTTP/1.1"), get(), get(b"GET /2 HTTP/1.1")),
    "two_empty_lines_between": one(get() + b"\r\n\r\n" + SMUGGLED, get(), statuses=[200, 400]),
}

OK = b"HTTP/1.1 200 OK\r\n"
HELLO_5 = OK + BODY_5
EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

# What an application answers, and there is no saying what it means: 502.
REFUSED_RESPONSES = {
    "garbage": b"\x00\x01\x02\x03 no http\r\n\r\n",
    "a_request": SMUGGLED,
    "http_0_9": b"<html>hello</html>\r\n\r\n",
    "leading_bytes": b"x" + HELLO_5,
    "leading_lf": b"\n" + HELLO_5,
    "leading_nul": b"\0" + HELLO_5,
    # framing
    "bad_length": OK + b"Content-Length: 5x\r\n\r\nhello",
    "negative_length": OK + b"Content-Length: -5\r\n\r\nhello",
    "length_with_sign": OK + b"Content-Length: +5\r\n\r\nhello",
    "length_hex": OK + b"Content-Length: 0x5\r\n\r\nhello",
    "length_empty": OK + b"Content-Length:\r\n\r\nhello",
    "length_overflow": OK + b"Content-Length: 18446744073709551621\r\n\r\nhello",
    "two_lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "same_length_twice": OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "length_list": OK + b"Content-Length: 5, 5\r\n\r\nhello",
    "both": OK + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "both_the_other_way": OK + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "unknown_coding": OK + b"Transfer-Encoding: gzip\r\n\r\nhello",
    "coding_identity": OK + b"Transfer-Encoding: identity\r\n\r\nhello",
    "gzip_chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + HELLO,
    "chunked_twice": OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked_in_two_fields": OK + CHUNKED + CHUNKED + b"\r\n" + HELLO,
    "coding_with_vertical_tab": OK + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + HELLO,
    "chunked_in_1_0": b"HTTP/1.0 200 OK\r\n" + CHUNKED + b"\r\n" + HELLO,
    "bytes_behind_the_body": HELLO_5 + b"!",
    "a_response_behind_the_body": HELLO_5 + EVIL,
    "a_response_behind_no_body": OK + b"Content-Length: 0\r\n\r\n" + EVIL,
    "a_response_behind_204": b"HTTP/1.1 204 No Content\r\n\r\n" + EVIL,
    "a_response_behind_304": b"HTTP/1.1 304 Not Modified\r\n\r\n" + EVIL,
    "a_body_of_204": b"HTTP/1.1 204 No Content\r\n" + BODY_5,
    "a_chunked_body_of_204": b"HTTP/1.1 204 No Content\r\n" + CHUNKS_5,
    "a_body_of_304": b"HTTP/1.1 304 Not Modified\r\n" + BODY_5,
    # lines and bytes
    "space_before_colon": OK + b"Content-Length : 5\r\n\r\nhello",
    "bare_lf": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "bare_lf_in_a_field": OK + b"X: a\nContent-Length: 5\r\n\r\nhello",
    "bare_cr_in_a_field": OK + b"X: a\rContent-Length: 44\r\nContent-Length: 5\r\n\r\nhello",
    "bare_cr_in_the_reason": b"HTTP/1.1 200 O\rK\r\n" + BODY_5,
    "cr_cr_lf": b"HTTP/1.1 200 OK\r\r\n" + BODY_5,
    "obs_fold": OK + b"X: a\r\n b\r\nContent-Length: 5\r\n\r\nhello",
    "folded_length": OK + b"Content-Length:\r\n 5\r\n\r\nhello",
    "blank_before_the_first_field": OK + b" X: a\r\nContent-Length: 5\r\n\r\nhello",
    "nul": OK + b"X: a\x00b\r\nContent-Length: 5\r\n\r\nhello",
    "nul_in_the_reason": b"HTTP/1.1 200 O\x00K\r\n" + BODY_5,
    "control_byte": OK + b"X: a\x01b\r\nContent-Length: 5\r\n\r\nhello",
    "no_colon": OK + b"no colon\r\nContent-Length: 5\r\n\r\nhello",
    "no_name": OK + b": x\r\nContent-Length: 5\r\n\r\nhello",
    "version": b"HTTP/3.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "version_1_2": b"HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "lower_version": b"http/1.1 200 OK\r\n" + BODY_5,
    "icy": b"ICY 200 OK\r\n" + BODY_5,
    "two_blanks": b"HTTP/1.1  200 OK\r\n" + BODY_5,
    "status": b"HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello",
    "status_0": b"HTTP/1.1 099 OK\r\nContent-Length: 5\r\n\r\nhello",
    "status_600": b"HTTP/1.1 600 OK\r\n" + BODY_5,
    "status_of_two_digits": b"HTTP/1.1 20 OK\r\n" + BODY_5,
    "status_with_sign": b"HTTP/1.1 +20 OK\r\n" + BODY_5,
    "too_large": OK + b"X: " + b"y" * 40000 + b"\r\nContent-Length: 5\r\n\r\nhello",
    "too_many": OK + b"X: y\r\n" * 200 + b"Content-Length: 5\r\n\r\nhello",
    # 1xx and 101
    "101_unasked": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n" + EVIL,
    "101_unasked_behind_100": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n" + EVIL,
    "103_with_a_body": b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello" + HELLO_5,
    "100_with_a_body": b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello" + HELLO_5,
    "100_with_chunks": b"HTTP/1.1 100 Continue\r\n" + CHUNKS_5 + HELLO_5,
    "bad_103": b"HTTP/1.1 103 Early Hints\r\nX : y\r\n\r\n" + HELLO_5,
    "an_endless_1xx": b"HTTP/1.1 103 Early Hints\r\nLink: " + b"y" * 40000,
}


def switched(fields=b"Connection: upgrade\r\nUpgrade: websocket\r\n", version=b"1.1"):
    return b"HTTP/" + version + b" 101 Switching Protocols\r\n" + fields + b"\r\n" + EVIL


UPGRADE = H + b"Connection: upgrade\r\nUpgrade: websocket, chat/2\r\n"
# What was asked, and a switch to it that is none (RFC 9110 sections 7.8, 8.6 and 15.2, RFC 9112 section 6.1).
REFUSED_SWITCHES = {
    "to_nothing": (get(fields=UPGRADE), switched(b"")),
    "to_an_empty_list": (get(fields=UPGRADE), switched(b"Connection: upgrade\r\nUpgrade:\r\n")),
    "upgrade_not_nominated": (get(fields=UPGRADE), switched(b"Upgrade: websocket\r\n")),
    "upgrade_nominated_and_not_there": (get(fields=UPGRADE), switched(b"Connection: upgrade\r\n")),
    "to_another_protocol": (get(fields=UPGRADE), switched(b"Connection: upgrade\r\nUpgrade: irc\r\n")),
    "to_another_version": (get(fields=UPGRADE), switched(b"Connection: upgrade\r\nUpgrade: chat/1\r\n")),
    "to_a_longer_name": (get(fields=UPGRADE), switched(b"Connection: upgrade\r\nUpgrade: websockets\r\n")),
    "to_one_more": (get(fields=UPGRADE), switched(b"Connection: upgrade\r\nUpgrade: websocket, irc\r\n")),
    "to_one_more_in_a_field_of_its_own": (
        get(fields=UPGRADE), switched(b"Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: irc\r\n")),
    "to_http": (get(fields=UPGRADE), switched(b"Connection: upgrade\r\nUpgrade: HTTP/1.1\r\n")),
    "to_h2c": (get(fields=UPGRADE), switched(b"Connection: upgrade\r\nUpgrade: h2c\r\n")),
    "with_length": (get(fields=UPGRADE), switched(b"Connection: upgrade\r\nUpgrade: websocket\r\n" + length(EVIL))),
    "with_two_lengths": (get(fields=UPGRADE), switched(b"Connection: upgrade\r\nUpgrade: websocket\r\n"
                                                       b"Content-Length: 0\r\nContent-Length: 0\r\n")),
    "with_chunks": (get(fields=UPGRADE), switched(b"Connection: upgrade\r\nUpgrade: websocket\r\n" + CHUNKED)),
    "with_unknown_coding": (get(fields=UPGRADE), switched(b"Connection: upgrade\r\nUpgrade: websocket\r\n"
                                                          b"Transfer-Encoding: gzip\r\n")),
    "in_1_0": (get(fields=UPGRADE), switched(version=b"1.0")),
    "behind_100": (get(fields=UPGRADE), b"HTTP/1.1 100 Continue\r\n\r\n" + switched(b"")),
    "to_a_client_of_1_0": (get(b"GET / HTTP/1.0", UPGRADE), switched()),
    "to_head_and_nothing": (get(b"HEAD / HTTP/1.1", UPGRADE), switched(b"")),
    "to_head_with_length": (get(b"HEAD / HTTP/1.1", UPGRADE),
                            switched(b"Connection: upgrade\r\nUpgrade: websocket\r\n" + length(EVIL))),
    "to_a_request_with_a_body": (get(b"POST / HTTP/1.1", UPGRADE + length(SMUGGLED), SMUGGLED), switched()),
    "to_a_request_that_does_not_nominate_it": (get(fields=H + b"Upgrade: websocket\r\n"), switched()),
    "to_a_request_that_only_nominates_it": (get(fields=H + b"Connection: upgrade\r\n"), switched()),
    "to_a_request_that_asks_for_h2c": (get(fields=H + b"Connection: upgrade\r\nUpgrade: h2c, websocket\r\n"), switched()),
}


@dataclasses.dataclass
class Answered:
    """What was asked, what the application answers (in parts, each on its way before the next), what the client gets:
    all of it, without Date and Via."""
    asked: bytes
    answer: list
    got: bytes
    ends: bool    # the application then ends its stream
    is_cut: bool  # the client sees that it is not all


def asked(*answer, got, line=b"GET / HTTP/1.1", fields=H, body=b"", ends=False, is_cut=False):
    return Answered(get(line, fields, body), list(answer), got, ends or is_cut, is_cut)


HEAD = b"HEAD / HTTP/1.1"
PASSED_RESPONSES = {
    # framing is written anew
    "length": asked(HELLO_5, got=HELLO_5),
    "length_leading_zeros": asked(OK + b"Content-Length: 0005\r\n\r\nhello", got=HELLO_5),
    "chunks": asked(OK + b"Transfer-Encoding: CHUNKED\r\n\r\n" + b"05;a=b\r\nhello\r\n00;c\r\nX-Sum: 1\r\nSet-Cookie: a\r\n\r\n",
                    got=OK + CHUNKED + b"\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"),
    "until_the_end": asked(OK + b"\r\nhello", ends=True, got=OK + CHUNKS_5),
    "until_the_end_for_1_0": asked(OK + b"\r\nhello", line=b"GET / HTTP/1.0", ends=True,
                                   got=OK + b"Connection: close\r\n\r\nhello"),
    "chunks_for_1_0": asked(OK + CHUNKS_5, line=b"GET / HTTP/1.0", got=OK + b"Connection: close\r\n\r\nhello"),
    "of_1_0": asked(b"HTTP/1.0 200 OK\r\n" + BODY_5, got=HELLO_5),
    # where there is no body
    "head_with_length": asked(OK + b"Content-Length: 44\r\n\r\n", line=HEAD, got=OK + b"Content-Length: 44\r\n\r\n"),
    "head_with_chunked": asked(OK + CHUNKED + b"\r\n", line=HEAD, got=OK + b"\r\n"),
    "head_with_a_late_body": asked(OK + b"Content-Length: 5\r\n\r\n", b"hello", line=HEAD,
                                   got=OK + b"Content-Length: 5\r\n\r\n"),
    "head_with_a_late_response": asked(OK + b"Content-Length: 44\r\n\r\n", EVIL, line=HEAD,
                                       got=OK + b"Content-Length: 44\r\n\r\n"),
    "204_with_length": asked(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", got=b"HTTP/1.1 204 No Content\r\n\r\n"),
    "204_with_length_0": asked(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
                               got=b"HTTP/1.1 204 No Content\r\n\r\n"),
    "204_with_a_late_body": asked(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", b"hello",
                                  got=b"HTTP/1.1 204 No Content\r\n\r\n"),
    "204_with_late_chunks": asked(b"HTTP/1.1 204 No Content\r\n" + CHUNKED + b"\r\n", HELLO,
                                  got=b"HTTP/1.1 204 No Content\r\n\r\n"),
    "304_with_length": asked(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 44\r\n\r\n",
                             got=b"HTTP/1.1 304 Not Modified\r\nContent-Length: 44\r\n\r\n"),
    "304_with_a_late_body": asked(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b"hello",
                                  got=b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
    "304_with_chunked": asked(b"HTTP/1.1 304 Not Modified\r\n" + CHUNKED + b"\r\n", got=b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "205_with_a_body": asked(b"HTTP/1.1 205 Reset Content\r\n" + BODY_5, got=b"HTTP/1.1 205 Reset Content\r\n" + BODY_5),
    # splitting: what stands in a body or a value stays there
    "a_response_as_body": asked(OK + length(EVIL) + b"\r\n" + EVIL, got=OK + length(EVIL) + b"\r\n" + EVIL),
    "a_response_until_the_end": asked(OK + b"\r\n" + EVIL, ends=True, got=OK + CHUNKED + b"\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(EVIL), EVIL)),
    "a_late_response_behind_the_body": asked(HELLO_5, EVIL, got=HELLO_5),
    "a_late_response_behind_chunks": asked(OK + CHUNKS_5, EVIL, got=OK + CHUNKS_5),
    "a_response_together_with_the_last_chunk": asked(OK + CHUNKS_5 + EVIL, got=OK + CHUNKS_5),
    "encoded_line_ends": asked(OK + b"Location: /%0d%0aX:%20y\r\n" + BODY_5, got=OK + b"Location: /%0d%0aX:%20y\r\n" + BODY_5),
    # hop by hop
    "connection_nominates_framing": asked(OK + b"Connection: Content-Length, Transfer-Encoding, Date\r\n" + BODY_5, got=HELLO_5),
    "connection_nominates_others": asked(OK + b"Connection: X-A\r\nX-A: a\r\nX-B: b\r\n" + BODY_5, got=OK + b"X-B: b\r\n" + BODY_5),
    "hop_by_hop": asked(OK + b"Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nUpgrade: h2c\r\nTE: x\r\n"
                             b"Proxy-Authenticate: Basic\r\n" + BODY_5, got=HELLO_5),
    # 1xx
    "a_flood_of_hints": asked(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 300 + HELLO_5,
                              got=b"HTTP/1.1 103 Early Hints\r\n\r\n" * 300 + HELLO_5),
    "a_flood_of_100": asked(b"HTTP/1.1 100 Continue\r\n\r\n" * 300 + HELLO_5, got=HELLO_5),
    "hints_with_length": asked(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n" + HELLO_5,
                               got=b"HTTP/1.1 103 Early Hints\r\n\r\n" + HELLO_5),
    "hints_with_coding": asked(b"HTTP/1.1 103 Early Hints\r\n" + CHUNKED + b"Connection: close\r\n\r\n" + HELLO_5,
                               got=b"HTTP/1.1 103 Early Hints\r\n\r\n" + HELLO_5),
    "100_for_who_does_not_wait": asked(b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO_5, got=HELLO_5),
    "100_twice": asked(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + HELLO_5,
                       line=b"POST / HTTP/1.1", fields=H + EXPECT + b"Content-Length: 5\r\n", body=b"hello", got=HELLO_5),
    "hints_for_1_0": asked(b"HTTP/1.1 103 Early Hints\r\n\r\n" + HELLO_5, line=b"GET / HTTP/1.0",
                           got=OK + b"Content-Length: 5\r\nConnection: close\r\n\r\nhello"),
    # an upgrade that is none
    "an_upgrade_refused": asked(HELLO_5, fields=H + b"Connection: upgrade\r\nUpgrade: websocket\r\n", got=HELLO_5),
    "an_upgrade_required": asked(b"HTTP/1.1 426 Upgrade Required\r\nConnection: upgrade\r\nUpgrade: websocket\r\n" + BODY_5,
                                 got=b"HTTP/1.1 426 Upgrade Required\r\n" + BODY_5),
    # what goes wrong behind the head is cut, and nothing of it is passed on
    "a_bad_chunk": asked(OK + CHUNKED + b"\r\n5\r\nhello\r\n", b"5 \r\nworld\r\n0\r\n\r\n", is_cut=True,
                         got=OK + CHUNKED + b"\r\n5\r\nhello\r\n"),
    "a_chunk_too_long": asked(OK + CHUNKED + b"\r\n5\r\nhello\r\n", b"5\r\nworldEVIL\r\n0\r\n\r\n", is_cut=True,
                              got=OK + CHUNKED + b"\r\n5\r\nhello\r\n"),
    "a_bad_trailer": asked(OK + CHUNKED + b"\r\n5\r\nhello\r\n", b"0\r\nContent-Length: 5\r\n\r\n", is_cut=True,
                           got=OK + CHUNKED + b"\r\n5\r\nhello\r\n"),
    "an_end_within_the_length": asked(OK + b"Content-Length: 10\r\n\r\nhello", is_cut=True,
                                      got=OK + b"Content-Length: 10\r\n\r\nhello"),
    "an_end_within_the_chunks": asked(OK + CHUNKED + b"\r\n5\r\nhello\r\n", is_cut=True,
                                      got=OK + CHUNKED + b"\r\n5\r\nhello\r\n"),
}
