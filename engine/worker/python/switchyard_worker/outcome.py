"""A task's outcome as the engine's own bytes (msgpack): nobody on the way has to open it."""

import struct

TEXT_BYTES_MAX = 10 * 1024 * 1024
CUT = "\n... cut ...\n"


def text(value):
    data = value.encode("utf-8", "backslashreplace")
    size = len(data)
    if size < 32:
        return bytes((0xA0 | size,)) + data
    if size < 256:
        return b"\xd9" + bytes((size,)) + data
    if size < 65536:
        return b"\xda" + struct.pack(">H", size) + data
    return b"\xdb" + struct.pack(">I", size) + data


def mapping(pairs):
    return bytes((0x80 | len(pairs),)) + b"".join(text(key) + text(value) for key, value in pairs.items())


STARTED = text("startedNs") + b"\xcf"
ENDED = text("endedNs") + b"\xcf"
TIMES = struct.Struct(">%dsQ%dsQ" % (len(STARTED), len(ENDED)))
FAILURE = text("failure")
# A pair, and its first part has 36 characters, as ids have.
ID_FOLLOWS = b"\x92\xd9\x24"


class Outcomes:
    """Of one interpreter, whose details are the same in all of them."""

    def __init__(self, details):
        self.before = text("details") + mapping(details) + text("data")

    def value(self, data, started_ns, ended_ns):
        return b"\x84" + self.before + text(data) + TIMES.pack(STARTED, started_ns, ENDED, ended_ns)

    def failure(self, data, code, message, started_ns, ended_ns):
        if len(data) > TEXT_BYTES_MAX:
            half = TEXT_BYTES_MAX // 2
            data = data[:half] + CUT + data[-half:]
        failure = FAILURE + mapping({"code": code, "message": message})
        return b"\x85" + failure + self.before + text(data) + TIMES.pack(STARTED, started_ns, ENDED, ended_ns)


def read_call(payload):
    """The arguments as the engine packed them: an array of two texts. Raises ValueError for anything else."""
    if payload[:3] == ID_FOLLOWS:
        task, at = payload[3:39].decode(), 39
    elif payload[:1] == b"\x92":
        task, at = read_text(payload, 1)
    else:
        raise ValueError("it is not a pair of texts")
    packed, at = read_text(payload, at)
    if at != len(payload):
        raise ValueError("something follows it")
    return task, packed


def read_text(data, at):
    head = data[at]
    if 0xA0 <= head < 0xC0:
        size, start = head & 0x1F, at + 1
    elif head == 0xD9:
        size, start = data[at + 1], at + 2
    elif head == 0xDA:
        size, start = int.from_bytes(data[at + 1:at + 3], "big"), at + 3
    elif head == 0xDB:
        size, start = int.from_bytes(data[at + 1:at + 5], "big"), at + 5
    else:
        raise ValueError("a part of it is not text")
    end = start + size
    return data[start:end].decode(), end
