#!/usr/bin/env python3
"""An origin for tests and benches: serves the files below a folder over HTTP and
HTTPS, well or in one of many wrong ways.

    origin.py --root DIR [--tls] [--life SECONDS] [--latency MS]

Listens on 127.0.0.1 only. Prints one line "NAME PORT" for each of its ports, for
HTTPS "ca PATH" with the authority to trust, then "ready"; ends when its standard
input does, or after --life.

    GET /FILE                          with ranges, ETag and If-Range
    GET /FILE?wrong=KIND&at=N          wrong, in the body at byte N of the range
          &times=N                     the first N requests of this URL only
          &latency=MS                  every answer comes that much later
          &key=ANY                     makes URLs different
    GET /~wrong=KIND&at=N/FILE         the same, for what is beside a component
    GET /.log                          a line for each request so far (below)
    GET /.log?clear                    the same, and starts a new log
    GET /.stats                        "requests N connections N parallel N"
    GET http://ANY/FILE                as a proxy that knows every host
    CONNECT ANY:PORT                   a tunnel to one of its own ports

A line of the log: connection, milliseconds, port's name, target, Range, If-Range,
Authorization, Accept-Encoding, separated by tabs, "-" for none. KIND is the name
of a function below; their comments say what is wrong. With --list: all of them.
"""
import argparse
import email.utils
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import zlib

MODIFIED = 'Wed, 01 Jul 2026 10:00:00 GMT'
WRONG = {}


class Gone(Exception):
    """The connection ends here."""


# --- Connections and requests ----------------------------------------------------

class Connection:
    def __init__(self, origin, name, sock, number):
        self.origin, self.name, self.sock, self.number = origin, name, sock, number
        self.pending = b''

    def line(self):
        while b'\n' not in self.pending:
            more = self.sock.recv(65536)
            if not more or len(self.pending) > 1 << 20:
                raise Gone
            self.pending += more
        line, self.pending = self.pending.split(b'\n', 1)
        return line.rstrip(b'\r').decode('latin-1')

    def send(self, data):
        self.sock.sendall(data)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        raise Gone

    def stall(self):
        """Says nothing until the other side goes away."""
        self.sock.settimeout(20)
        while self.sock.recv(4096):
            pass
        raise Gone


class Request:
    def __init__(self, connection):
        parts = connection.line().split(' ')
        if len(parts) != 3:
            raise Gone
        self.method, self.target, self.version = parts
        self.headers = {}
        while True:
            line = connection.line()
            if not line:
                break
            name, _, value = line.partition(':')
            self.headers[name.strip().lower()] = value.strip()
        url = urllib.parse.urlsplit('/' if self.method == 'CONNECT' else self.target)
        self.path = urllib.parse.unquote(url.path)
        self.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        if self.path.startswith('/~'):
            self.options_in_path()
        self.c = connection

    def options_in_path(self):
        """/~wrong=KIND&at=N/FILE, for references that cannot have a query: as the
        query says it, but components are served well unless `all` is there too."""
        text, _, rest = self.path[2:].partition('/')
        self.path = '/' + rest
        options = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
        if 'all' in options or not rest.endswith('.wasm'):
            self.query.update(options)

    def number(self, name, default):
        return int(self.query.get(name, default))

    def header(self, name):
        return self.headers.get(name, '-')

    def open(self, root):
        """The file and the range of it that is asked for; False: no such file."""
        path = os.path.normpath(os.path.join(root, self.path.lstrip('/')))
        if not path.startswith(root + os.sep) or not os.path.isfile(path):
            return False
        self.file = path
        self.size = os.path.getsize(path)
        self.etag = '"%x-%x"' % (self.size, zlib.crc32(self.path.encode()))
        self.first, self.end = 0, self.size
        self.ranged = False
        text = self.header('range')
        if text.startswith('bytes=') and ',' not in text:
            first, _, last = text[6:].partition('-')
            self.ranged = True
            if first == '':
                self.first = max(0, self.size - int(last))
            else:
                self.first = int(first)
                self.end = min(self.size, int(last) + 1) if last else self.size
        return True

    def read(self, first, end):
        with open(self.file, 'rb') as f:
            f.seek(first)
            return f.read(max(0, end - first))

    def body(self):
        return self.read(self.first, self.end)

    def content_range(self):
        return f'bytes {self.first}-{self.end - 1}/{self.size}'


# --- Answers ---------------------------------------------------------------------

REASON = {200: 'OK', 206: 'Partial Content', 302: 'Found', 416: 'Range Not Satisfiable'}


def head(status, *fields):
    lines = [f'HTTP/1.1 {status} {REASON.get(status, "Status")}']
    lines += [f'{name}: {value}' for name, value in fields]
    return ('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1')


def fields_of(r, **other):
    """The fields of a good 206; `other` replaces some, None removes."""
    fields = {'Content-Range': r.content_range(), 'Content-Length': str(r.end - r.first),
              'ETag': r.etag, 'Last-Modified': MODIFIED, 'Accept-Ranges': 'bytes'}
    fields.update({name.replace('_', '-'): value for name, value in other.items()})
    return [(name, value) for name, value in fields.items() if value is not None]


def part(c, r, **other):
    c.send(head(206, *fields_of(r, **other)))


def whole(c, r, **other):
    other.setdefault('Content_Length', str(r.size))
    c.send(head(200, *fields_of(r, Content_Range=None, **other)))


def simple(c, status, *fields, body=b''):
    c.send(head(status, ('Content-Length', str(len(body))), *fields) + body)


def good(c, r):
    condition = r.headers.get('if-range')
    if r.method not in ('GET', 'HEAD'):
        simple(c, 405)
    elif r.first >= r.size and r.ranged:
        simple(c, 416, ('Content-Range', f'bytes */{r.size}'))
    elif r.ranged and condition in (None, r.etag, MODIFIED):
        part(c, r)
        send_file(c, r, r.first, r.end)
    else:
        whole(c, r)
        send_file(c, r, 0, r.size)


def send_file(c, r, first, end):
    while r.method != 'HEAD' and first < end:
        piece = r.read(first, min(end, first + (1 << 20)))
        c.send(piece)
        first += len(piece)


def chunks(c, *pieces, end=True):
    for piece in pieces:
        if piece:
            c.send(b'%x\r\n' % len(piece) + piece + b'\r\n')
    if end:
        c.send(b'0\r\n\r\n')


def chunked(c, r, **other):
    part(c, r, Content_Length=None, Transfer_Encoding='chunked', **other)


def cut(r):
    """The body before and from byte `at` on."""
    at = max(0, min(r.number('at', 0), r.end - r.first))
    return r.read(r.first, r.first + at), r.read(r.first + at, r.end)


def wrong(kind):
    WRONG[kind.__name__.replace('_', '-')] = kind
    return kind


# --- Wrong: the connection --------------------------------------------------------

@wrong
def reset_head(c, r):  # before the answer
    c.reset()


@wrong
def reset_in_head(c, r):
    c.send(b'HTTP/1.1 206 Partial Content\r\nContent-Le')
    c.reset()


@wrong
def reset_at(c, r):
    part(c, r)
    c.send(cut(r)[0])
    time.sleep(0.02)  # lets what was sent arrive
    c.reset()


@wrong
def close_head(c, r):
    raise Gone


@wrong
def close_in_head(c, r):
    c.send(b'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/2\r\n')
    raise Gone


@wrong
def close_at(c, r):
    part(c, r)
    c.send(cut(r)[0])
    raise Gone


@wrong
def stall_head(c, r):
    c.stall()


@wrong
def stall_in_head(c, r):
    c.send(b'HTTP/1.1 206 Partial Content\r\nContent-Le')
    c.stall()


@wrong
def stall_at(c, r):
    part(c, r)
    c.send(cut(r)[0])
    c.stall()


@wrong
def slow_head(c, r):
    for byte in head(206, *fields_of(r)):
        c.send(bytes([byte]))
        time.sleep(0.05)
    c.stall()


@wrong
def slow_body(c, r):  # from byte `at` on
    before, rest = cut(r)
    part(c, r)
    c.send(before)
    for byte in rest:
        c.send(bytes([byte]))
        time.sleep(0.05)


@wrong
def close_after(c, r):  # right, but the connection does not last as it seemed to
    good(c, r)
    raise Gone


@wrong
def close_announced(c, r):  # right
    part(c, r, Connection='close')
    c.send(r.body())
    raise Gone


@wrong
def crumbs(c, r):  # right, in small pieces
    data = head(206, *fields_of(r))
    for i in range(0, len(data), 7):
        c.send(data[i:i + 7])
    data = r.body()
    step = max(1, len(data) // 50)
    for i in range(0, len(data), step):
        c.send(data[i:i + step])
        time.sleep(0.0005)


@wrong
def garbage(c, r):
    c.send(b'\x16\x03\x01\x00\x00 this is something else\r\n\r\n')
    raise Gone


@wrong
def version_09(c, r):  # a body without a header
    c.send(r.body())
    raise Gone


@wrong
def status_no_number(c, r):
    c.send(b'HTTP/1.1 abc Partial\r\nContent-Length: 0\r\n\r\n')
    raise Gone


@wrong
def version_unknown(c, r):
    c.send(head(206, *fields_of(r)).replace(b'HTTP/1.1', b'HTTP/9.9', 1) + r.body())
    raise Gone


@wrong
def extra_answer(c, r):  # right, with another answer behind it that nobody asked for
    part(c, r)
    c.send(r.body() + head(206, *fields_of(r)) + bytes(r.end - r.first))


# --- Wrong: where the body ends ---------------------------------------------------

@wrong
def length_short(c, r):
    part(c, r, Content_Length=str(r.end - r.first - 1))
    c.send(r.body())
    raise Gone


@wrong
def length_long(c, r):
    part(c, r, Content_Length=str(r.end - r.first + 1))
    c.send(r.body() + b'x')


@wrong
def length_zero(c, r):
    part(c, r, Content_Length='0')


@wrong
def length_twice(c, r):
    c.send(head(206, *fields_of(r), ('Content-Length', '1')) + r.body())
    raise Gone


@wrong
def length_same_twice(c, r):
    c.send(head(206, *fields_of(r), ('Content-Length', str(r.end - r.first))) + r.body())


@wrong
def length_no_number(c, r):
    part(c, r, Content_Length=f'{r.end - r.first}x')
    c.send(r.body())
    raise Gone


@wrong
def length_negative(c, r):
    part(c, r, Content_Length='-1')
    c.send(r.body())
    raise Gone


@wrong
def length_huge(c, r):
    part(c, r, Content_Length=str(1 << 70))
    c.send(r.body())
    raise Gone


@wrong
def length_and_chunks(c, r):
    part(c, r, Transfer_Encoding='chunked')
    chunks(c, r.body())


@wrong
def chunked_well(c, r):  # right
    before, rest = cut(r)
    chunked(c, r)
    chunks(c, before, rest)


@wrong
def chunk_bad_size(c, r):
    before, rest = cut(r)
    chunked(c, r)
    chunks(c, before, end=False)
    c.send(b'zz\r\n' + rest)
    raise Gone


@wrong
def chunk_negative(c, r):
    before, rest = cut(r)
    chunked(c, r)
    chunks(c, before, end=False)
    c.send(b'-5\r\n' + rest)
    raise Gone


@wrong
def chunk_huge(c, r):
    before, rest = cut(r)
    chunked(c, r)
    chunks(c, before, end=False)
    c.send(b'fffffffffffffffff\r\n' + rest)
    raise Gone


@wrong
def chunk_no_newline(c, r):
    before, rest = cut(r)
    chunked(c, r)
    c.send(b'%x\r\n' % len(before or b'x') + (before or b'x') + b'junk' + rest)
    raise Gone


@wrong
def chunked_short(c, r):  # ends well, at byte `at`
    chunked(c, r)
    chunks(c, cut(r)[0])


@wrong
def chunked_long(c, r):
    chunked(c, r)
    chunks(c, r.body(), b'more')


@wrong
def chunked_no_end(c, r):
    chunked(c, r)
    chunks(c, r.body(), end=False)
    raise Gone


@wrong
def chunked_endless(c, r):
    chunked(c, r)
    while True:
        chunks(c, r.body() or b'x', end=False)


@wrong
def chunked_trailers(c, r):  # a bomb of them
    chunked(c, r)
    chunks(c, r.body(), end=False)
    c.send(b'0\r\n')
    for i in range(3000):
        c.send(b'X-Trailer-%d: 0123456789012345678901234567890123456789\r\n' % i)
    c.send(b'\r\n')


@wrong
def chunked_trailer(c, r):  # right: what stands in it is not looked at
    chunked(c, r)
    chunks(c, r.body(), end=False)
    c.send(b'0\r\nETag: "other"\r\nContent-Range: bytes 0-0/1\r\n\r\n')


@wrong
def until_close(c, r):  # right
    part(c, r, Content_Length=None)
    c.send(r.body())
    raise Gone


@wrong
def until_close_short(c, r):
    part(c, r, Content_Length=None)
    c.send(cut(r)[0])
    raise Gone


@wrong
def until_close_long(c, r):
    part(c, r, Content_Length=None)
    c.send(r.body() + b'more')
    raise Gone


@wrong
def endless(c, r):
    part(c, r, Content_Length=None)
    while True:
        c.send(r.body() or b'x')


@wrong
def transfer_gzip(c, r):
    part(c, r, Content_Length=None, Transfer_Encoding='gzip, chunked')
    chunks(c, zlib.compress(r.body(), wbits=31))


# --- Wrong: ranges -----------------------------------------------------------------

@wrong
def whole_well(c, r):  # right at byte 0: a server without ranges
    whole(c, r)
    c.send(r.read(0, r.size))


@wrong
def whole_short(c, r):
    whole(c, r)
    c.send(r.read(0, min(r.size - 1, r.number('at', 0))))
    raise Gone


@wrong
def whole_other_size(c, r):
    whole(c, r, Content_Length=str(r.size + 1))
    c.send(r.read(0, r.size) + b'x')


@wrong
def whole_long(c, r):  # chunked, with more than there is
    whole(c, r, Content_Length=None, Transfer_Encoding='chunked')
    chunks(c, r.read(0, r.size), b'more')


@wrong
def whole_with_range(c, r):
    c.send(head(200, *fields_of(r)) + r.body())


def shifted(c, r, first, end, total=0):
    part(c, r, Content_Range=f'bytes {first}-{end - 1}/{r.size + total}',
         Content_Length=str(end - first))
    c.send(r.read(first, end) + b'x' * (end - r.size))


@wrong
def range_earlier(c, r):
    shifted(c, r, max(0, r.first - 1), r.end - (r.first == 0))


@wrong
def range_later(c, r):
    shifted(c, r, r.first + 1, r.end + 1, total=1 if r.end == r.size else 0)


@wrong
def range_shorter(c, r):
    shifted(c, r, r.first, r.end - 1)


@wrong
def range_longer(c, r):
    shifted(c, r, r.first, r.end + 1, total=1 if r.end == r.size else 0)


@wrong
def range_overlapping(c, r):  # begins earlier, ends later
    shifted(c, r, r.first // 2, min(r.size, r.end + 10) - (r.end == r.size))


@wrong
def range_missing(c, r):
    part(c, r, Content_Range=None)
    c.send(r.body())


@wrong
def range_twice(c, r):
    c.send(head(206, *fields_of(r), ('Content-Range', f'bytes 0-1/{r.size}')) + r.body())


@wrong
def range_without_total(c, r):
    part(c, r, Content_Range=f'bytes {r.first}-{r.end - 1}/*')
    c.send(r.body())


@wrong
def range_total_more(c, r):
    part(c, r, Content_Range=f'bytes {r.first}-{r.end - 1}/{r.size + 1}')
    c.send(r.body())


@wrong
def range_total_less(c, r):
    part(c, r, Content_Range=f'bytes {r.first}-{r.end - 1}/{r.size - 1}')
    c.send(r.body())


@wrong
def range_other_unit(c, r):
    part(c, r, Content_Range=f'items {r.first}-{r.end - 1}/{r.size}')
    c.send(r.body())


@wrong
def range_malformed(c, r):
    part(c, r, Content_Range=f'bytes {r.first}/{r.size}')
    c.send(r.body())


@wrong
def range_reversed(c, r):
    part(c, r, Content_Range=f'bytes {r.end + 1}-{r.first}/{r.size}')
    c.send(r.body())


@wrong
def range_wraps(c, r):  # equal modulo 2^64
    part(c, r, Content_Range=f'bytes {r.first + (1 << 64)}-{r.end - 1 + (1 << 64)}/{r.size}')
    c.send(r.body())


@wrong
def range_multipart(c, r):
    body = (b'--b\r\nContent-Range: ' + r.content_range().encode() + b'\r\n\r\n' + r.body()
            + b'\r\n--b--\r\n')
    part(c, r, Content_Range=None, Content_Type='multipart/byteranges; boundary=b',
         Content_Length=str(len(body)))
    c.send(body)


@wrong
def range_multipart_same_length(c, r):
    part(c, r, Content_Type='multipart/byteranges; boundary=b')
    c.send(r.body())


@wrong
def range_unsatisfied_206(c, r):
    part(c, r, Content_Range=f'bytes */{r.size}')
    c.send(r.body())


# --- Wrong: versions ---------------------------------------------------------------

def turn(r):
    return r.c.origin.count(r.target + ' turn')


@wrong
def etag_changes(c, r):  # with every answer
    part(c, r, ETag=f'"{turn(r)}"')
    c.send(r.body())


@wrong
def changed_midway(c, r):  # the content as well; a reset at `at` is how one finds out
    if turn(r) == 1:
        reset_at(c, r)
    elif r.headers.get('if-range') not in (None, '"new"'):
        whole(c, r, ETag='"new"')
        c.send(bytes(r.size))
    else:
        part(c, r, ETag='"new"')
        c.send(bytes(r.end - r.first))


@wrong
def if_range_ignored(c, r):  # changed midway, and a server that does not look
    if turn(r) == 1:
        reset_at(c, r)
    part(c, r, ETag='"new"')
    c.send(bytes(r.end - r.first))


@wrong
def etag_weak(c, r):  # right
    part(c, r, ETag='W/' + r.etag)
    c.send(r.body())


@wrong
def etag_weak_changes(c, r):
    part(c, r, ETag=f'W/"{turn(r)}"')
    c.send(r.body())


@wrong
def etag_vanishes(c, r):
    part(c, r, ETag=r.etag if turn(r) == 1 else None)
    c.send(r.body())


@wrong
def etag_malformed(c, r):
    part(c, r, ETag='abc')
    c.send(r.body())


@wrong
def etag_twice(c, r):
    c.send(head(206, *fields_of(r), ('ETag', '"other"')) + r.body())


@wrong
def etag_terminal(c, r):  # changes, with what some terminals obey
    part(c, r, ETag=f'"\x9b{turn(r)}m"')
    c.send(r.body())


@wrong
def another(c, r):  # an answer that is wrong, from another version of another size
    part(c, r, ETag='"another"', Content_Range=f'bytes {r.first + 1}-{r.end}/{r.size + 9}')
    c.send(r.body())


@wrong
def etag_injection(c, r):  # a return that another server may take for a line's end
    part(c, r, ETag='"a\rX-Evil: 1"')
    c.send(r.body())


@wrong
def modified_changes(c, r):
    date = email.utils.formatdate(1782900000 + turn(r), usegmt=True)
    part(c, r, ETag=None, Last_Modified=date)
    c.send(r.body())


@wrong
def modified_only(c, r):  # right
    part(c, r, ETag=None)
    c.send(r.body())


@wrong
def modified_once(c, r):  # right: a 206 need not say it again (RFC 9110, 15.3.7)
    part(c, r, ETag=None, Last_Modified=None if r.headers.get('if-range') else MODIFIED)
    c.send(r.body())


@wrong
def no_validator(c, r):  # right
    part(c, r, ETag=None, Last_Modified=None)
    c.send(r.body())


@wrong
def size_changes(c, r):
    more = turn(r) - 1
    part(c, r, ETag=None, Last_Modified=None,
         Content_Range=f'bytes {r.first}-{r.end - 1}/{r.size + more}')
    c.send(r.body())


# --- Wrong: status -----------------------------------------------------------------

@wrong
def status(c, r):  # ?code=N
    simple(c, r.number('code', 500), body=b'no')


@wrong
def status_big(c, r):  # with an endless body
    c.send(head(r.number('code', 500), ('Transfer-Encoding', 'chunked')))
    while True:
        chunks(c, bytes(4096), end=False)


@wrong
def unsatisfied_total(c, r):
    simple(c, 416, ('Content-Range', f'bytes */{r.size + 1}'))


@wrong
def retry_after(c, r):  # ?after=SECONDS
    simple(c, r.number('code', 503), ('Retry-After', r.query.get('after', '1')))


@wrong
def retry_after_date(c, r):
    date = email.utils.formatdate(time.time() + r.number('after', 1), usegmt=True)
    simple(c, 503, ('Retry-After', date))


@wrong
def early_hints(c, r):  # right
    c.send(b'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nContent-Length: 5\r\n\r\n')
    good(c, r)


@wrong
def hints_flood(c, r):
    while True:
        c.send(b'HTTP/1.1 100 Continue\r\nX: 0123456789012345678901234567890123\r\n\r\n' * 64)


@wrong
def switching(c, r):
    c.send(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n')
    c.stall()


# --- Wrong: header lines -----------------------------------------------------------

@wrong
def header_bomb(c, r):  # endless
    c.send(b'HTTP/1.1 206 Partial Content\r\n')
    while True:
        c.send(b'X-Bomb: 0123456789012345678901234567890123456789\r\n' * 64)


@wrong
def header_many(c, r):  # ends, with 80 KiB
    fields = [(f'X-{i}', 'x' * 70) for i in range(1000)]
    c.send(head(206, *fields, *fields_of(r)) + r.body())


@wrong
def header_long(c, r):  # one endless line
    c.send(b'HTTP/1.1 206 Partial Content\r\nX-Long: ')
    while True:
        c.send(b'x' * 4096)


@wrong
def header_folded(c, r):
    part(c, r, X_Folded='a\r\n Content-Length: 1')
    c.send(r.body())


@wrong
def header_no_colon(c, r):
    c.send(head(206, *fields_of(r)).replace(b'ETag:', b'ETag', 1) + r.body())


@wrong
def header_space(c, r):  # before the colon: RFC 9112, 5.1
    c.send(head(206, *fields_of(r)).replace(b'Content-Range:', b'Content-Range :', 1) + r.body())


@wrong
def header_nul(c, r):
    part(c, r, X_Nul='a\0b')
    c.send(r.body())
    raise Gone


@wrong
def encoding_gzip(c, r):
    part(c, r, Content_Encoding='gzip')
    c.send(r.body())


@wrong
def encoding_gzip_real(c, r):
    data = zlib.compress(r.body(), wbits=31)
    part(c, r, Content_Encoding='gzip', Content_Length=str(len(data)))
    c.send(data)


@wrong
def encoding_identity(c, r):  # right
    part(c, r, Content_Encoding='identity')
    c.send(r.body())


# --- Wrong: redirects --------------------------------------------------------------

def go(c, r, place, code=302):
    simple(c, r.number('code', code), ('Location', place), body=b'over there')


@wrong
def redirect(c, r):  # right: ?hops=N times, then the file; ?big=1 with a large body
    hops = r.number('hops', 1)
    if hops == 0:
        good(c, r)
        return
    query = dict(r.query, hops=str(hops - 1))
    place = r.path + '?' + urllib.parse.urlencode(query)
    if 'big' in r.query:
        c.send(head(302, ('Location', place), ('Content-Length', '1000000')))
        c.send(bytes(1000000))
    else:
        go(c, r, place)


@wrong
def redirect_loop(c, r):
    go(c, r, r.target)


@wrong
def redirect_to(c, r):  # ?to=URL; "{NAME}" is the origin at that port
    place = r.query.get('to', '/nowhere')
    for name, port in c.origin.ports.items():
        scheme = 'http' if name in ('http', 'http-other') else 'https'
        place = place.replace('{%s}' % name, f'{scheme}://127.0.0.1:{port}')
    go(c, r, place)


@wrong
def lead_on(c, r):  # right: each time to another place, which serves one request
    go(c, r, f'{r.path}?wrong=gone-later&key={turn(r)}')


@wrong
def gone_later(c, r):
    if turn(r) == 1:
        good(c, r)
    else:
        simple(c, 403)


@wrong
def redirect_nowhere(c, r):
    simple(c, 302)


@wrong
def redirect_twice(c, r):
    simple(c, 302, ('Location', r.path), ('Location', 'http://127.0.0.1:1/'))


@wrong
def redirect_empty(c, r):
    simple(c, 302, ('Location', ''))


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


# --- The server --------------------------------------------------------------------

class Origin:
    def __init__(self, root, latency):
        self.root, self.latency = root, latency
        self.lock = threading.Lock()
        self.counts, self.log, self.ports = {}, [], {}
        self.connections = self.requests = self.parallel = self.parallel_max = 0
        self.began = time.monotonic()

    def count(self, key):
        with self.lock:
            self.counts[key] = self.counts.get(key, 0) + 1
            return self.counts[key]

    def note(self, c, r):
        ms = int((time.monotonic() - self.began) * 1000)
        fields = [str(c.number), str(ms), c.name, r.target]
        fields += [r.header(name)
                   for name in ('range', 'if-range', 'authorization', 'accept-encoding')]
        with self.lock:
            self.requests += 1
            self.log.append('\t'.join(fields))
            self.parallel += 1
            self.parallel_max = max(self.parallel_max, self.parallel)

    def own(self, c, r):
        """/.log and /.stats."""
        with self.lock:
            if r.path == '/.log':
                text = ''.join(line + '\n' for line in self.log)
            else:
                text = (f'requests {self.requests} connections {self.connections} '
                        f'parallel {self.parallel_max}\n')
            if 'clear' in r.query:
                self.log.clear()
                self.requests = self.connections = self.parallel_max = 0
        simple(c, 200, body=text.encode())

    def answer(self, c, r):
        if not r.open(self.root):
            simple(c, 404)
            return
        kind = r.query.get('wrong')
        times = r.number('times', 0)
        if kind is not None and times and self.count(r.target) > times:
            kind = None
        if kind is not None and kind not in WRONG:
            simple(c, 404, body=b'no such kind')
            return
        time.sleep(r.number('latency', self.latency) / 1000)
        (WRONG[kind] if kind is not None else good)(c, r)

    def tunnel(self, c, r):
        """Whatever host is asked for: only ports of this server are reached."""
        port = int(r.target.rpartition(':')[2])
        if port not in self.ports.values():
            simple(c, 403)
            raise Gone
        with socket.create_connection(('127.0.0.1', port), timeout=30) as far:
            c.send(b'HTTP/1.1 200 Connected\r\nContent-Range: bytes 0-0/1\r\n\r\n')
            threading.Thread(target=pump, args=(far, c.sock), daemon=True).start()
            pump(c.sock, far)

    def serve(self, c):
        while True:
            r = Request(c)
            if r.path in ('/.log', '/.stats'):
                self.own(c, r)
                continue
            self.note(c, r)
            try:
                (self.tunnel if r.method == 'CONNECT' else self.answer)(c, r)
            finally:
                with self.lock:
                    self.parallel -= 1
            if r.version == 'HTTP/1.0' or r.header('connection').lower() == 'close':
                return

    def connect(self, name, sock, context):
        with self.lock:
            self.connections += 1
            number = self.connections
        try:
            sock.settimeout(30)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if name == 'tls-reset':
                sock.recv(1)
                Connection(self, name, sock, number).reset()
            if name == 'tls-plain':
                sock.recv(1)
                Connection(self, name, sock, number).send(head(400))
                return
            if name == 'tls-stall':
                time.sleep(20)
            if context is not None:
                sock = context.wrap_socket(sock, server_side=True)
            self.serve(Connection(self, name, sock, number))
        except (Gone, OSError, ValueError):
            pass
        finally:
            try:
                sock.close()
            except OSError:
                pass

    def listen(self, name, context=None):
        listener = socket.create_server(('127.0.0.1', 0), backlog=128)
        self.ports[name] = listener.getsockname()[1]

        def accept():
            while True:
                sock, _ = listener.accept()
                threading.Thread(target=self.connect, args=(name, sock, context),
                                 daemon=True).start()
        threading.Thread(target=accept, daemon=True).start()


# --- Certificates ------------------------------------------------------------------

CA_CONFIG = '''
[ca]
default_ca = own
[own]
dir = {dir}
database = {dir}/index
serial = {dir}/serial
new_certs_dir = {dir}
certificate = {dir}/ca.pem
private_key = {dir}/ca.key
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
'''


class Certificates:
    """A throw-away authority and what it signs; made by openssl."""

    def __init__(self, folder):
        self.folder = folder
        self.write('index', '')
        self.write('serial', '01\n')
        self.write('ca.cnf', CA_CONFIG.format(dir=folder))
        self.self_signed('ca', 'sluice test authority', 'basicConstraints=critical,CA:TRUE')

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), 'w') as f:
            f.write(text)

    def openssl(self, *args):
        subprocess.run(['openssl', *args], check=True, cwd=self.folder, timeout=30,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def key_args(self, name):
        return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                '-keyout', self.path(name + '.key')]

    def self_signed(self, name, cn, extension):
        self.openssl('req', '-x509', *self.key_args(name), '-out', self.path(name + '.pem'),
                     '-days', '2', '-subj', '/CN=' + cn, '-addext', extension)

    def signed(self, name, names, *dates):
        self.openssl('req', '-new', *self.key_args(name), '-out', self.path(name + '.csr'),
                     '-subj', '/CN=' + name, '-addext', 'subjectAltName=' + names)
        self.openssl('ca', '-batch', '-notext', '-config', self.path('ca.cnf'),
                     '-in', self.path(name + '.csr'), '-out', self.path(name + '.pem'), *dates)

    def context(self, name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(name + '.pem'), self.path(name + '.key'))
        return context


def listen_tls(origin, folder):
    certs = Certificates(folder)
    here = 'IP:127.0.0.1,DNS:localhost'
    certs.signed('right', here, '-days', '2')
    certs.signed('expired', here, '-startdate', '20200101000000Z', '-enddate', '20200102000000Z')
    certs.signed('elsewhere', 'DNS:example.com', '-days', '2')
    certs.self_signed('self', 'localhost', 'subjectAltName=' + here)
    origin.listen('https', certs.context('right'))
    origin.listen('https-expired', certs.context('expired'))
    origin.listen('https-elsewhere', certs.context('elsewhere'))
    origin.listen('https-self', certs.context('self'))
    origin.listen('tls-reset')
    origin.listen('tls-stall')
    origin.listen('tls-plain')  # speaks HTTP where TLS is expected
    print('ca', certs.path('ca.pem'))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--root')
    parser.add_argument('--tls', action='store_true')
    parser.add_argument('--life', type=float, default=300)
    parser.add_argument('--latency', type=float, default=0)
    parser.add_argument('--list', action='store_true')
    args = parser.parse_args()
    if args.list:
        print('\n'.join(WRONG))
        return
    origin = Origin(os.path.abspath(args.root), args.latency)
    with tempfile.TemporaryDirectory(prefix='sluice-origin-') as folder:
        origin.listen('http')
        origin.listen('http-other')
        if args.tls:
            listen_tls(origin, folder)
        for name, port in origin.ports.items():
            print(name, port)
        print('ready', flush=True)
        ended = threading.Event()

        def wait_for_end():
            try:
                while os.read(0, 4096):
                    pass
            except OSError:
                pass
            ended.set()
        threading.Thread(target=wait_for_end, daemon=True).start()
        ended.wait(args.life)
    sys.stdout.flush()
    os._exit(0)


if __name__ == '__main__':
    main()
