"""The same no-op work on Parsl's HighThroughputExecutor, as its documentation starts it on one machine.

Usage: python -c 'import parsl_htex; parsl_htex.main()' RUN_DIR MODE [JSON]
with this file's folder on PYTHONPATH, so that its workers import the task by name instead of receiving its code.
Prints JSON lines: {"progress": text}, then {"result": {...}}.
"""

import json
import os
import signal
import sys
import time

WORKERS = 2
PADDING = "x" * 100
RESULT_TIMEOUT_S = 300


def noop(index, padding):
    return index


def local_provider():
    from parsl.providers import LocalProvider

    return LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1)


def slurm_provider(keys):
    from parsl.launchers import SrunLauncher
    from parsl.providers import SlurmProvider

    return SlurmProvider(init_blocks=1, min_blocks=1, max_blocks=1, launcher=SrunLauncher(), **keys)


class Htex:
    """One executor with one block, without a data flow kernel: its fastest form."""

    def __init__(self, run_dir, prefetch, provider=None, address="127.0.0.1"):
        from parsl.executors import HighThroughputExecutor

        provider = provider or local_provider()
        provider.script_dir = os.path.join(run_dir, "scripts")
        os.makedirs(provider.script_dir, exist_ok=True)
        self.executor = HighThroughputExecutor(
            label=f"htex_{prefetch}",
            provider=provider,
            address=address,
            max_workers_per_node=WORKERS,
            prefetch_capacity=prefetch,
        )
        self.executor.run_dir = run_dir
        self.executor.run_id = "bench"

    def __enter__(self):
        self.executor.start()
        try:
            self.executor.scale_out_facade(1)
        except BaseException:
            self.executor.shutdown()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.executor.scale_in_facade(1)
        finally:
            self.executor.shutdown()

    def submit(self, index):
        return self.executor.submit(noop, {}, index, PADDING)

    def expected(self, index):
        return index

    def latency_ms(self, warm_up, samples):
        seen = []
        for index in range(warm_up + samples):
            start = time.perf_counter()
            value = self.submit(index).result(timeout=RESULT_TIMEOUT_S)
            seen.append((time.perf_counter() - start) * 1000)
            assert value == self.expected(index)
        return seen[warm_up:]

    def throughput(self, tasks):
        start = time.perf_counter()
        futures = [self.submit(index) for index in range(tasks)]
        for index, future in enumerate(futures):
            assert future.result(timeout=RESULT_TIMEOUT_S) == self.expected(index)
        return tasks / (time.perf_counter() - start)


def run_packed(buffer):
    """What the field's agent does with a task on a worker of this executor."""
    from globus_compute_sdk.serialize import ComputeSerializer

    serializer = ComputeSerializer()
    function, args, kwargs = serializer.unpack_and_deserialize(buffer)
    return serializer.serialize_from_list(function(*args, **kwargs), ())


class PackedHtex(Htex):
    """Runs what the field's SDK has packed; its results are compared as it packs them."""

    def __init__(self, run_dir, prefetch, count):
        super().__init__(run_dir, prefetch)
        self.packed = pack(run_dir, {"count": count})
        self.count = count

    def submit(self, index):
        packed = self.packed
        return self.executor.submit(run_packed, {}, packed["code"] + packed["payloads"][index % self.count])

    def expected(self, index):
        return self.packed["results"][index % self.count]


def say(message):
    print(json.dumps(message), flush=True)


def measure(run_dir, plan):
    rates = {}
    latencies = []
    for prefetch in plan["prefetches"]:
        with Htex(run_dir, prefetch) as htex:
            htex.throughput(plan["warm_tasks"])
            if prefetch == 0:
                say({"progress": "sequential latency"})
                latencies = htex.latency_ms(plan["latency_warm_up"], plan["latency_samples"])
            rates[prefetch] = []
            for repetition in range(plan["repetitions"]):
                say({"progress": f"throughput, prefetch {prefetch}, repetition {repetition + 1}"})
                rates[prefetch].append(htex.throughput(plan["tasks"]))
    return {"throughput": [{"prefetch": key, "rates": value} for key, value in rates.items()], "latencies_ms": latencies}


def first_result(run_dir, _plan):
    """The clock is the caller's: from the start of this process to its first line with a result."""
    with Htex(run_dir, 0) as htex:
        assert htex.submit(1).result(timeout=RESULT_TIMEOUT_S) == 1
        say({"first": True})
    return {}


def slurm_first_result(run_dir, keys):
    """The same, on a node that Slurm is asked for."""
    from parsl.addresses import address_by_hostname

    with Htex(run_dir, 0, slurm_provider(keys), address_by_hostname()) as htex:
        assert htex.submit(1).result(timeout=RESULT_TIMEOUT_S) == 1
        say({"first": True})
    return {}


def pack(_run_dir, plan):
    """The no-op as a user's script has it: by value, with the SDK's default strategies."""
    from globus_compute_sdk.serialize import ComputeSerializer

    serializer = ComputeSerializer()
    names = {"__name__": "__main__"}
    exec("def noop(index, padding):\n    return index\n", names)
    arguments = [[serializer.serialize((index, PADDING)), serializer.serialize({})] for index in range(plan["count"])]
    return {
        "code": serializer.pack_buffers([serializer.serialize(names["noop"])]),
        "payloads": [serializer.pack_buffers(items) for items in arguments],
        "results": [serializer.serialize_from_list(index, ()) for index in range(plan["count"])],
    }


def packed(run_dir, plan):
    best, latencies = [], []
    for prefetch in plan["prefetches"]:
        with PackedHtex(run_dir, prefetch, plan["count"]) as htex:
            htex.throughput(plan["warm_tasks"])
            if prefetch == 0:
                say({"progress": "Python tasks, one at a time"})
                latencies = htex.latency_ms(plan["latency_warm_up"], plan["latency_samples"])
            say({"progress": f"Python tasks, prefetch {prefetch}"})
            rates = [htex.throughput(plan["tasks"]) for _ in range(plan["repetitions"])]
        best = max(best, rates, key=lambda some: sorted(some)[len(some) // 2] if some else 0)
    return {"rates": best, "latencies_ms": latencies}


MODES = {"pack": pack, "packed": packed, "measure": measure, "first-result": first_result, "slurm-first-result": slurm_first_result}


def main():
    # Turned into an exception, so that the block and the interchange are stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    run_dir, mode = sys.argv[1:3]
    plan = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
    import parsl

    result = MODES[mode](run_dir, plan)
    say({"result": {**result, "version": parsl.__version__, "python": sys.version.split()[0]}})
