"""Values made of Python's own types, to and from the SDK's default form of data, without the detour through dill.

For these the two give the same: pickle's C implementation asks us about anything that is not one of them, and then the
SDK does it. Neither function raises.
"""

import io
import pickle
from base64 import encodebytes
from binascii import a2b_base64, b2a_base64

HEADER = "00\n"
NO_KWARGS = "12\n00\ngAR9lC4=\n"
# What stands in one line of base64.
LINE_BYTES = 57


class NotPlain(Exception):
    pass


class Reader(pickle.Unpickler):
    def find_class(self, module, name):
        raise NotPlain


class Writer(pickle.Pickler):
    def reducer_override(self, value):
        raise NotPlain


def read_arguments(packed):
    """A payload's arguments and keyword arguments; None where the SDK has to look at it."""
    try:
        size, rest = packed.split("\n", 1)
        args, rest = rest[:int(size)], rest[int(size):]
        if args[:3] != HEADER:
            return None
        if rest == NO_KWARGS:
            return read(args), {}
        size, kwargs = rest.split("\n", 1)
        return (read(args), read(kwargs)) if kwargs[:3] == HEADER and len(kwargs) == int(size) else None
    except Exception:
        return None


def read(item):
    return Reader(io.BytesIO(a2b_base64(item[3:]))).load()


def write(value, protocol):
    """The value as an item; None where the SDK has to do it."""
    try:
        file = io.BytesIO()
        Writer(file, protocol).dump(value)
        data = file.getvalue()
        return HEADER + (b2a_base64(data) if len(data) <= LINE_BYTES else encodebytes(data)).decode()
    except Exception:
        return None
