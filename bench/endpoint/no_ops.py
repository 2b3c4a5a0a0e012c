"""No-op tasks with the field's own SDK, unmodified: what the bench asks for on standard input, a line each way.

A future of the SDK learns of its result at a tick of half a second, whoever ran its task. So this notes when the message
with the result came, and beside it what a user sees.
"""

import json
import os
import sys
import tempfile
import time

from globus_compute_sdk import Executor
from globus_compute_sdk.sdk import executor as sdk

WORKERS = 2
# The service has stored the tasks by then, and the endpoint has them.
ARRIVAL_S = 2

arrived = {}
on_message = sdk._ResultWatcher._on_message


def noting(self, channel, deliver, properties, body):
    now = time.perf_counter()
    on_message(self, channel, deliver, properties, body)
    # It keeps the newest last.
    arrived.setdefault(next(reversed(self._received_results), None), now)


sdk._ResultWatcher._on_message = noting


def no_op():
    return None


def hold(gate):
    import os
    import time

    while not os.path.exists(gate):
        time.sleep(0.005)


def throughput(gce, tasks, batch_size):
    gce.batch_size = batch_size
    start, cpu = time.perf_counter(), time.process_time()
    futures = [gce.submit(no_op) for _ in range(tasks)]
    for future in futures:
        future.result()
    return {
        "tasks": tasks, "seconds": max(arrived[future.task_id] for future in futures) - start,
        "sdk_cpu_s": time.process_time() - cpu,
    }


def backlog(gce, tasks, batch_size):
    """The workers are held until all of the tasks are there: what is measured has nothing of their submission."""
    gce.batch_size = batch_size
    with tempfile.TemporaryDirectory() as folder:
        gate = os.path.join(folder, "gate")
        holders = [gce.submit(hold, gate) for _ in range(WORKERS)]
        futures = [gce.submit(no_op) for _ in range(tasks)]
        while any(future.task_id is None for future in futures):
            time.sleep(0.05)
        time.sleep(ARRIVAL_S)
        start = time.perf_counter()
        open(gate, "x").close()
        for future in holders + futures:
            future.result()
    return {"tasks": tasks, "seconds": max(arrived[future.task_id] for future in futures) - start}


def latency(gce, samples, _):
    futures, messages = [], []
    for _ in range(samples):
        start = time.perf_counter()
        future = gce.submit(no_op)
        future.result()
        futures.append((time.perf_counter() - start) * 1000)
        messages.append((arrived[future.task_id] - start) * 1000)
    return {"futures_ms": futures, "messages_ms": messages}


def first(gce, *_):
    start = time.perf_counter()
    future = gce.submit(no_op)
    future.result()
    return {"seconds": arrived[future.task_id] - start}


MEASURES = {"throughput": throughput, "backlog": backlog, "latency": latency, "first": first}


def main():
    # The most that the SDK allows: it slows down whoever sends more than 8 small requests in a second.
    with Executor(endpoint_id=os.environ["ENDPOINT"], api_burst_limit=8, api_burst_window_s=1) as gce:
        gce.register_function(no_op)
        print(json.dumps({"ready": True}), flush=True)
        for line in sys.stdin:
            order = json.loads(line)
            answer = MEASURES[order["measure"]](gce, order["count"], order["batch_size"])
            print(json.dumps(answer), flush=True)


main()
