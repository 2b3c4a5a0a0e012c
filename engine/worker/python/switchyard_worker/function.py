"""A registered function: its code → something to call, again and again.

In the field each task unpickles its function anew, so that what a task leaves in it is gone. Here that is done once,
for functions in which nothing can be left; most are such.
"""

import sys
from binascii import a2b_base64
from types import BuiltinFunctionType, FunctionType, ModuleType

from .bytecode import foreign_code, foreign_sentence

UNCHANGEABLE = (type(None), bool, int, float, complex, str, bytes, ModuleType, BuiltinFunctionType)
PICKLED = ("01\n", "02\n")


class Function:
    def __init__(self, code, result_serializers, allowed, directory, sandbox):
        self.code = code
        self.result_serializers = result_serializers
        self.directory = directory
        self.sandbox = sandbox
        self.allowed = allowed
        self.pickled = None if allowed else pickled(code)
        self.cached = None
        self.refusal = None
        self._serializer = None

    @property
    def serializer(self):
        """The SDK's own. Its import takes a while, and most tasks do well without."""
        if self._serializer is None:
            from globus_compute_sdk.serialize import ComputeSerializer

            self._serializer = ComputeSerializer(allowed_deserializer_types=self.allowed or None)
        return self._serializer

    def load(self):
        """The callable, if that can be had without the SDK: else it has to look, and say what is wrong."""
        if self.pickled is None:
            return None
        import dill

        try:
            call = dill.loads(self.pickled)
        except Exception:
            return None
        self.keep(call)
        return call

    def keep(self, call):
        if self.pickled is not None and b"_create_code" in self.pickled and foreign_code(call):
            self.refusal = foreign_sentence()
        elif is_stateless(call):
            self.cached = call


def pickled(code):
    """The pickle in a function's packed code, where it is nothing but that."""
    try:
        size, item = code.split("\n", 1)
        return a2b_base64(item[3:]) if item[:3] in PICKLED and len(item) == int(size) else None
    except ValueError:
        return None


def is_stateless(call, seen=()):
    if type(call) is not FunctionType or call.__dict__:
        return False
    values = list(call.__defaults__ or ()) + list((call.__kwdefaults__ or {}).values())
    try:
        values += [cell.cell_contents for cell in call.__closure__ or ()]
    except ValueError:
        return False  # an empty cell: somebody fills it
    names = call.__globals__
    module = sys.modules.get(names.get("__name__"))
    if getattr(module, "__dict__", None) is not names:
        if stores_global(call.__code__):
            return False
        values += [value for name, value in names.items() if name not in ("__builtins__", "__doc__")]
    seen = seen + (call,)
    return all(is_unchangeable(value, seen) for value in values)


def is_unchangeable(value, seen):
    if isinstance(value, UNCHANGEABLE) or any(value is one for one in seen):
        return True
    if type(value) in (tuple, frozenset):
        return all(is_unchangeable(part, seen) for part in value)
    return is_stateless(value, seen)


def stores_global(code):
    from opcode import opmap

    # Bytes of inline caches may look like it, too: then the function is loaded anew each time, which is always right.
    if {opmap["STORE_GLOBAL"], opmap["DELETE_GLOBAL"]} & set(code.co_code[::2]):
        return True
    return any(stores_global(part) for part in code.co_consts if isinstance(part, type(code)))
