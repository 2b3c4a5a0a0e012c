"""The line to the worker: frames of a length, a type, and a body, over one socket."""

import os
import struct

DEFINE, RUN = 1, 2
READY, UNUSABLE, DONE, LARGE = 1, 2, 3, 4

HEAD = struct.Struct("<IB")
READ_BYTES = 256 * 1024


class Line:
    def __init__(self, fd):
        self.fd = fd
        self.buffer = b""

    def read(self):
        """The next frame as its type and body; None when the worker is gone. What one read brings is used up first."""
        head = self._take(HEAD.size)
        if head is None:
            return None
        size, kind = HEAD.unpack(head)
        body = self._take(size)
        return None if body is None else (kind, body)

    def write(self, kind, *parts):
        data = b"".join((HEAD.pack(sum(map(len, parts)), kind),) + parts)
        sent = os.write(self.fd, data)
        if sent == len(data):
            return
        rest = memoryview(data)[sent:]
        while len(rest) > 0:
            rest = rest[os.write(self.fd, rest):]

    def _take(self, size):
        have = self.buffer
        if len(have) < size:
            chunks, length = [have], len(have)
            while length < size:
                chunk = os.read(self.fd, max(READ_BYTES, size - length))
                if not chunk:
                    return None
                chunks.append(chunk)
                length += len(chunk)
            have = b"".join(chunks)
        self.buffer = have[size:]
        return have[:size]
