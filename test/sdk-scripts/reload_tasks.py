"""Dies when its tasks have been sent. Started again with the task group that it named, it gets their results."""

import os
import signal
import sys
import time

from globus_compute_sdk import Executor

COUNT = 5
endpoint_id, task_group_id = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None


def kernel(number):
    return f"from task {number}"


with Executor(endpoint_id=endpoint_id) as gce:
    if task_group_id is None:
        print(gce.task_group_id, flush=True)
        futures = [gce.submit(kernel, number) for number in range(COUNT)]
        while gce.task_count_submitted < COUNT:
            time.sleep(0.05)
        print(gce.task_group_id, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    gce.task_group_id = task_group_id
    for future in gce.reload_tasks():
        print(future.result())
