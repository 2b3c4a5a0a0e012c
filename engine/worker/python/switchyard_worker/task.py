"""One task, as the field's agent runs it: environment and directory, arguments, call, result, failure."""

import functools
import os
import sys
import threading
import time
import traceback

from . import plain
from .bytecode import foreign_sentence, is_other_version
from .leftovers import end_forgotten
from .outcome import read_call

RESULT_CHARS_MAX = 10 * 1024 * 1024
OUR_FRAMES = 2
RAISED = ("RemoteExecutionError", "An error occurred during the execution of this task")
TASK, SANDBOX, TIMEOUT = "GC_TASK_UUID", "GC_TASK_SANDBOX_DIR", "GC_TASK_TIMEOUT"


class CouldNotExecuteUserTaskError(Exception):
    pass


class AppTimeout(Exception):
    """The task ran longer than GC_TASK_TIMEOUT allows."""


def perform(function, payload, outcomes, protocol, seconds_max=0.0):
    """Runs it. What the user's code raises is an outcome; what ends the interpreter is raised."""
    started_ns = time.time_ns()
    try:
        try:
            task, packed = read_call(payload)
        except (ValueError, IndexError) as error:
            raise CouldNotExecuteUserTaskError("the task cannot be read: %s" % error)
        move_in(function, task)
        call = function.cached or function.load()
        arguments = None if call is None or function.allowed else plain.read_arguments(packed)
        if arguments is not None:
            args, kwargs = arguments
        elif function.refusal is None:
            call, args, kwargs = function.serializer.unpack_and_deserialize(function.code + packed)
            function.keep(call)
        if function.refusal is not None:
            from globus_compute_sdk.errors import DeserializationError

            raise DeserializationError(function.refusal)
        if seconds_max > 0:
            call = limited(call, seconds_max)
        call.__name__  # the field's agents cannot run what has none
        value = call(*args, **kwargs)
        data = None
        if not function.result_serializers and not callable(value):
            data = plain.write(value, protocol)
        if data is None:
            data = serialize(value, function.result_serializers)
        if len(data) > RESULT_CHARS_MAX:
            from globus_compute_sdk.errors import MaxResultSizeExceeded

            raise MaxResultSizeExceeded(len(data), RESULT_CHARS_MAX)
        return outcomes.value(data, started_ns, time.time_ns())
    except Exception as error:
        data, code, message = describe(error)
        if function.pickled is not None and b"_create_code" in function.pickled and is_other_version():
            data += "\nPossibly because " + foreign_sentence() + "\n"
        return outcomes.failure(data, code, message, started_ns, time.time_ns())
    finally:
        move_out(function)


def seconds_max():
    """The field's limit on every task, 0 for none."""
    try:
        return max(0.0, float(os.environ.get(TIMEOUT) or 0.0))
    except ValueError:
        return 0.0


def serialize(value, strategies):
    from globus_compute_sdk.serialize import ComputeSerializer

    return ComputeSerializer.serialize_from_list(value, strategies or ())


def move_in(function, task):
    os.environ[TASK] = task
    directory = function.directory
    if function.sandbox:
        directory = os.path.join(directory, task)
        os.environ[SANDBOX] = directory
    try:
        os.chdir(directory)
    except OSError:
        os.makedirs(directory, exist_ok=True)
        os.chdir(directory)


def move_out(function):
    """What a task has left behind is not the next one's."""
    if function.sandbox:
        os.environ.pop(SANDBOX, None)
    call = function.cached
    if call is not None and call.__dict__:
        function.cached = None
    subprocess = sys.modules.get("subprocess")
    if subprocess is not None and getattr(subprocess, "_active", None):
        end_forgotten(subprocess)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass  # the task has closed or replaced it


def limited(call, seconds):
    @functools.wraps(call)
    def wrapper(*args, **kwargs):
        import ctypes

        thread = ctypes.c_ulong(threading.get_ident())
        late = ctypes.py_object(AppTimeout)
        timer = threading.Timer(seconds, ctypes.pythonapi.PyThreadState_SetAsyncExc, (thread, late))
        timer.daemon = True
        timer.start()
        try:
            return call(*args, **kwargs)
        finally:
            timer.cancel()

    return wrapper


def describe(error):
    """The text for the user, the code and the message of a failure, in the field's words."""
    name = type(error).__name__
    if isinstance(error, CouldNotExecuteUserTaskError) or name == "MaxResultSizeExceeded":
        return repr(error), name, "remote error: %s" % error
    trace = error.__traceback__
    for _ in range(OUR_FRAMES):
        trace = trace.tb_next or trace
    return ("".join(traceback.format_exception(type(error), error, trace)),) + RAISED
