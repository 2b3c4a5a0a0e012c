"""Many tasks at once, each of which leaves a line where it ran; each that settles is noted in a file, with its outcome.

Version 4.19 of the SDK gives up a request after six attempts, and with it all tasks that it has not submitted yet; and
it ends the thread that reads results when its connection breaks while it has some to acknowledge. Its documentation's
way on from both is another start with the same task group: that loads what was accepted, and submits what was not."""

import concurrent.futures
import json
import os
import sys
import time

from globus_compute_sdk import Executor
from globus_compute_sdk.errors import TaskExecutionFailed

ENDPOINT, DIRECTORY, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3])
MARKS, OUTCOMES, NOTES = (os.path.join(DIRECTORY, name) for name in ("marks", "outcomes", "notes"))
QUIET_S = 10


def leave_mark(path, number):
    import os
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{number}\n".encode())
    os.close(file)
    return number * 2


def read_notes():
    """The task group of an earlier start, and the numbers of its tasks."""
    if not os.path.exists(NOTES):
        return None, {}
    with open(NOTES) as file:
        notes = json.load(file)
    return notes["group"], notes["numbers"]


def read_outcomes():
    """Tasks that settled before, and their numbers."""
    if not os.path.exists(OUTCOMES):
        return {}
    with open(OUTCOMES) as file:
        return {outcome["task"]: outcome["number"] for outcome in map(json.loads, file)}


class Session:
    def __init__(self):
        group, self.numbers = read_notes()
        self.executor = Executor(endpoint_id=ENDPOINT, task_group_id=group)
        self.settled = read_outcomes()
        self.outcomes = open(OUTCOMES, "a", buffering=1)
        self.reloaded = self.reload() if group else []
        self.submitted = self.submit(sorted(set(range(COUNT)) - set(self.settled.values())))

    def reload(self):
        """What was accepted before. A task whose acceptance was never heard of tells its number by its result."""
        futures = [future for future in self.executor.reload_tasks() if future.task_id not in self.settled]
        for future in futures:
            future.number = self.numbers.get(future.task_id)
            future.add_done_callback(self.note)
        concurrent.futures.wait(futures)
        return futures

    def submit(self, numbers):
        futures = []
        for number in numbers:
            try:
                future = self.executor.submit(leave_mark, MARKS, number)
            except RuntimeError:
                break  # the executor has given up while it was still being filled: what is left counts as refused
            future.number = number
            future.add_done_callback(self.note)
            futures.append(future)
        concurrent.futures.wait(futures, return_when=concurrent.futures.FIRST_EXCEPTION)
        while not all(future.task_id or future.done() for future in futures):
            time.sleep(0.1)
        # A thread that gave its futures up may have been handed some more just then: nobody settles those.
        left, before = [future for future in futures if not future.done()], -1
        while left and len(left) != before:
            before = len(left)
            left = concurrent.futures.wait(left, timeout=QUIET_S).not_done
        return futures

    def note(self, future):
        if future.cancelled():
            return
        error = future.exception()
        if error is not None and not isinstance(error, TaskExecutionFailed):
            return  # the SDK's own trouble: the task goes on without it
        value, failure = (future.result(), None) if error is None else (None, repr(error)[:300])
        number = value // 2 if future.number is None and error is None else future.number
        outcome = {"task": future.task_id, "number": number, "value": value, "failure": failure}
        self.outcomes.write(json.dumps(outcome) + "\n")
        self.settled[future.task_id] = number
        if len(self.settled) % 100 == 0:
            print("settled", len(self.settled), "submitted", self.executor.task_count_submitted, flush=True)

    def end(self):
        accepted = {future.task_id: future.number for future in self.submitted if future.task_id}
        with open(NOTES, "w") as file:
            json.dump({"group": str(self.executor.task_group_id), "numbers": {**self.numbers, **accepted}}, file)
        open_futures = [future for future in self.submitted if future.task_id and not future.done()]
        lost = [task for task in accepted if task not in self.settled]
        print(json.dumps({
            "group": str(self.executor.task_group_id), "reloaded": len(self.reloaded),
            "refused": COUNT - len(self.settled) - len(lost), "given up": len(lost) - len(open_futures),
            "left": len(open_futures),
        }), flush=True)
        if open_futures:
            os._exit(0)  # the SDK would wait for them
        self.executor.shutdown()


Session().end()
