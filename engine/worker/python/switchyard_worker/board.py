"""Memory that the worker reads even after this process has died: which task runs, and what came out of the others.

   0 chunk | 4 running (position + 1) | 8 started, epoch ms (f64) | 16 done | 20 limit (the worker's to write)
  32 per task: started, epoch ms (f64) | ran, ms (f64) | size (u32) | 4 unused
8192 outcomes, back to back
"""

import mmap
import struct

TASKS_MAX = 256
TABLE_AT = 32
DATA_AT = 8192
DATA_BYTES = 256 * 1024
BYTES = DATA_AT + DATA_BYTES

CHUNK, DONE, LIMIT = 0, 4, 5
RUNNING_AT = 4
RUNNING = struct.Struct("<Id")
ROW = struct.Struct("<ddII")


class Board:
    def __init__(self, fd):
        self.memory = mmap.mmap(fd, BYTES)
        self.words = memoryview(self.memory).cast("I")
        self.used = 0

    def begin(self, chunk):
        self.used = 0
        RUNNING.pack_into(self.memory, RUNNING_AT, 0, 0.0)
        self.words[DONE] = 0
        self.words[CHUNK] = chunk  # last: from here on the rest is of this chunk

    def start(self, at, now_ms):
        """Says that a task starts, and only then looks whether it may: the worker looks the other way round."""
        RUNNING.pack_into(self.memory, RUNNING_AT, at + 1, now_ms)
        return self.words[LIMIT] > at

    def time(self, at, started_ms, ended_ms, size):
        ROW.pack_into(self.memory, TABLE_AT + at * ROW.size, started_ms, ended_ms - started_ms, size, 0)

    def finish(self, at, outcome):
        """The task's times are there already."""
        start = DATA_AT + self.used
        self.used += len(outcome)
        self.memory[start:DATA_AT + self.used] = outcome
        self.words[DONE] = at + 1
