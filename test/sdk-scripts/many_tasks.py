"""Many tasks at once, each of which leaves a line where it ran; then how each of them ended, once."""

import collections
import concurrent.futures
import json
import sys
import time

from globus_compute_sdk import Executor

endpoint_id, path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
settled = collections.Counter()


def leave_mark(path, number):
    import os
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{number}\n".encode())
    os.close(file)
    return number * 2


def count_one(future):
    settled[future.number] += 1
    if settled.total() % 500 == 0:
        print("settled", settled.total(), flush=True)


with Executor(endpoint_id=endpoint_id) as gce:
    futures = []
    for number in range(count):
        future = gce.submit(leave_mark, path, number)
        future.number = number
        future.add_done_callback(count_one)
        futures.append(future)
    while gce.task_count_submitted < count and not all(future.done() for future in futures):
        time.sleep(0.1)
    print("submitted", flush=True)
    concurrent.futures.wait(futures)
    group = gce.task_group_id
# Version 4.19 ends the thread that reads results when its connection breaks while it has some to acknowledge. Its
# documentation's way on from there is to load the tasks again.
lost = [at for at, future in enumerate(futures) if not future.cancelled() and "thread quit" in str(future.exception())]
if lost:
    with Executor(endpoint_id=endpoint_id, task_group_id=group) as gce:
        again = {future.task_id: future for future in gce.reload_tasks()}
        for at in lost:
            futures[at] = again[futures[at].task_id]
        concurrent.futures.wait(futures)
outcomes = ["cancelled" if future.cancelled() else future.exception() or future.result() for future in futures]
failures = collections.Counter(repr(outcome)[:300] for outcome in outcomes if not isinstance(outcome, int))
print(json.dumps({
    "settled": len(settled), "settled again": settled.total() - len(settled),
    "reloaded": len(lost), "right": sum(outcome == 2 * number for number, outcome in enumerate(outcomes)), "failures": failures,
}))
