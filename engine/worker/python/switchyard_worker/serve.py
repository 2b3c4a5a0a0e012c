"""The interpreter's life: say what it is, then run what the worker orders, until the worker is gone."""

import importlib.util
import json
import os
import platform
import signal
import struct
import sys
import traceback

from . import line
from .board import Board
from .line import Line

LINE_FD, BOARD_FD = 3, 4
RUN = struct.Struct("<IIIII")
DONE = struct.Struct("<II")
NEEDED = ("dill", "globus_compute_sdk")


def begin():
    # The user's code sees neither our folder on its path nor our descriptors in its programs.
    sys.path[:] = [path for path in sys.path if path != os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
    os.environ.pop("GC_TASK_SANDBOX_DIR", None)
    for fd in (LINE_FD, BOARD_FD):
        os.set_inheritable(fd, False)
    worker = Line(LINE_FD)
    about = {"executable": sys.executable, "version": platform.python_version()}
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        worker.write(line.UNUSABLE, json.dumps(dict(about, missing=missing)).encode())
        return
    try:
        interpreter = Interpreter(worker, Board(BOARD_FD))
    except Exception as error:
        worker.write(line.UNUSABLE, json.dumps(dict(about, missing=[], error=repr(error))).encode())
        return
    worker.write(line.READY, json.dumps(about).encode())
    try:
        interpreter.work()
    except BaseException as error:
        end(error)
    # The worker is gone: so is whatever was started here.
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


class Interpreter:
    def __init__(self, worker, board):
        import dill

        from .outcome import Outcomes
        from .versions import details

        self.line = worker
        self.board = board
        self.outcomes = Outcomes(details())
        self.protocol = dill.settings["protocol"]
        self.functions = {}
        self.pid = os.getpid()

    def work(self):
        while True:
            frame = self.line.read()
            if frame is None:
                return
            kind, body = frame
            if kind == line.DEFINE:
                self.define(json.loads(body.decode()))
            else:
                self.run(body)

    def define(self, order):
        from .function import Function

        for key in order["forget"]:
            self.functions.pop(key, None)
        self.functions[order["key"]] = Function(
            order["code"], order["resultSerializers"], order["allowedSerializers"], order["directory"],
            order["sandbox"])

    def run(self, order):
        from .place import Place

        chunk, key, room, count, place_size = RUN.unpack_from(order)
        sizes = struct.unpack_from("<%dI" % count, order, RUN.size)
        at = RUN.size + 4 * count + place_size
        self.board.begin(chunk)
        if place_size == 0:
            done, large = self.run_all(key, room, order, at, sizes)
        else:
            with Place(**json.loads(order[at - place_size:at].decode())):
                done, large = self.run_all(key, room, order, at, sizes)
        if large is None:
            self.line.write(line.DONE, DONE.pack(chunk, done))
        else:
            self.line.write(line.LARGE, DONE.pack(chunk, done), large)

    def run_all(self, key, room, order, at, sizes):
        """How many were run, and the outcome of the last one where that is too large for the board."""
        from .task import perform, seconds_max, time

        function, outcomes, board, now = self.functions[key], self.outcomes, self.board, time.time
        protocol, limit = self.protocol, seconds_max()
        for index, size in enumerate(sizes):
            started = now() * 1000
            if not board.start(index, started):
                return index, None
            outcome = perform(function, order[at:at + size], outcomes, protocol, limit)
            if os.getpid() != self.pid:
                os._exit(0)  # the task has forked, and this is the child that did not end by itself
            at += size
            board.time(index, started, now() * 1000, len(outcome))
            if board.used + len(outcome) > room:
                return index + 1, outcome
            board.finish(index, outcome)
        return len(sizes), None


def end(error):
    """Ends this process as Python would, but without waiting for threads that the user's code has left."""
    code = 1
    if isinstance(error, SystemExit):
        code = 0 if error.code is None else error.code
        if not isinstance(code, int):
            sys.stderr.write("%s\n" % code)
            code = 1
    else:
        traceback.print_exception(type(error), error, error.__traceback__)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass  # closed by the user's code
    os._exit(code & 0xFF)
