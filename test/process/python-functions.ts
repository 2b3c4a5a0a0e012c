// The Python side of the tests: functions that are submitted, and the SDK at their service, one JSON line for each
// question. The functions are of `__main__`, as a user's in a script are, so that they travel by value.

export const PYTHON_FUNCTIONS = String.raw`
import json, os, sys, uuid
from globus_compute_sdk import MPIFunction, ShellFunction
from globus_compute_sdk.serialize import ComputeSerializer
from globus_compute_sdk.serialize import concretes


def add(a, b=1):
    return a + b


def echo(value):
    return value


def boom(text):
    def inner():
        raise KeyError(text)

    try:
        inner()
    except KeyError as error:
        raise ValueError("it went wrong: " + text) from error


def just_boom(text):
    raise RuntimeError(text)


def size(count):
    return "x" * count


def unserializable():
    import threading
    return threading.Lock()


def make_function():
    def made(x):
        return x + 1
    return made


def remember(item, seen=[]):
    seen.append(item)
    return seen


def make_counter():
    calls = [0]

    def counter(step):
        calls[0] += step
        return calls[0]
    return counter


class Counter:
    __name__ = "counter"
    calls = 0

    def __call__(self, step):
        self.calls += step
        return self.calls


def environment(*names):
    import os
    return [os.environ.get(name) for name in names]


def place():
    import os
    return {"task": os.environ.get("GC_TASK_UUID"), "sandbox": os.environ.get("GC_TASK_SANDBOX_DIR"),
            "cwd": os.getcwd(), "pid": os.getpid(), "cores": sorted(os.sched_getaffinity(0))}


def leave_in_environment():
    import os
    os.environ["GC_TASK_SANDBOX_DIR"] = "/nowhere"
    os.chdir("/")


def chatter(text):
    import os, sys
    print("out:" + text)
    print("err:" + text, file=sys.stderr)
    os.write(1, b"raw:" + text.encode() + b"\n")
    return os.read(0, 10).decode()


def program():
    import json, subprocess
    script = "import os; print(sorted(int(fd) for fd in os.listdir('/proc/self/fd') if fd not in '012'))"
    import sys
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, close_fds=False, text=True).stdout
    return json.loads(out)


def note(path, text):
    with open(path, "a") as file:
        file.write(text + "\n")
    return text


def note_or_die(path, number, dies):
    import os
    if dies:
        os._exit(7)
    with open(path, "a") as file:
        file.write("%d\n" % number)
    return number


def maybe_wait(path, number, release):
    import os, time
    with open(path, "a") as file:
        file.write("%d %d\n" % (number, os.getpid()))
    while release and not os.path.exists(release):
        time.sleep(0.01)
    return number


def die(how):
    import os, signal, sys
    if how == "exit":
        os._exit(3)
    if how == "system-exit":
        sys.exit(4)
    if how == "interrupt":
        raise KeyboardInterrupt("nobody is there")
    if how == "thread":
        import threading, time
        threading.Thread(target=time.sleep, args=(1000,)).start()
        sys.exit(5)
    print("about to fall", file=sys.stderr, flush=True)
    os.kill(os.getpid(), getattr(signal, how))


def fill(mib, seconds):
    import time
    kept = b"x" * (mib << 20)
    time.sleep(seconds)
    return len(kept) >> 20


def fill_later(mib, path):
    import os, threading, time
    def later():
        while not os.path.exists(path):
            time.sleep(0.01)
        kept = b"x" * (mib << 20)
        time.sleep(60)
    threading.Thread(target=later, daemon=True).start()
    return os.getpid()


def with_child(path):
    import os, subprocess, time
    child = subprocess.Popen(["sleep", "1000"])
    with open(path, "w") as file:
        file.write("%d %d\n" % (os.getpid(), child.pid))
    while True:
        time.sleep(1)


def forget_child():
    import subprocess
    return subprocess.Popen("sleep 1000 & sleep 1000", shell=True).pid


def fork_and_return():
    import os
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    return "parent" if child else "child"


def spin():
    while True:
        pass


shell = ShellFunction
STRATEGIES = {name: getattr(concretes, name) for name in dir(concretes)}


def serializer(strategy):
    if strategy is None:
        return ComputeSerializer()
    chosen = STRATEGIES[strategy]
    return ComputeSerializer(**{"strategy_code" if chosen.for_code else "strategy_data": chosen()})


def source_item(expression, identifier):
    import inspect
    item = identifier + "\n" + expression + ":" + inspect.getsource(globals()[expression])
    return ComputeSerializer.pack_buffers([item])


def as_json(value):
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if isinstance(value, (list, tuple)):
        return [as_json(one) for one in value]
    if isinstance(value, dict):
        return {str(key): as_json(one) for key, one in value.items()}
    if type(value).__name__ == "ShellResult":
        return dict(as_json(vars(value)), type="ShellResult")
    return {"type": type(value).__name__, "called": value(1)} if callable(value) else repr(value)


def run_agent(order):
    import logging
    from globus_compute_common import messagepack
    from globus_compute_common.messagepack.message_types import Task
    from globus_compute_endpoint.engines.helper import execute_task
    logging.disable()
    task = uuid.uuid4()
    body = messagepack.pack(Task(task_id=task, task_buffer=order["code"] + order["payload"]))
    packed = execute_task(body, task, uuid.uuid4(), run_dir=order["directory"],
                          task_deserializers=order.get("allowed"), result_serializers=order.get("serializers"))
    result = messagepack.unpack(packed)
    error = result.error_details
    details = {key: value for key, value in dict(result.details).items() if key != "endpoint_id"}
    return {"data": result.data, "details": details,
            "error": None if error is None else {"code": error.code, "message": error.user_message}}


def answer(order):
    if "code" in order:
        if order.get("strategy") in ("st", "sd"):
            return source_item(order["code"], order["strategy"])
        serde = serializer(order.get("strategy"))
        return serde.pack_buffers([serde.serialize(eval(order["code"]))])
    if "args" in order:
        serde = serializer(order.get("strategy"))
        return serde.pack_buffers([serde.serialize(tuple(order["args"])), serde.serialize(order["kwargs"])])
    if "read" in order:
        return as_json(ComputeSerializer().deserialize(order["read"]))
    return run_agent(order["agent"])


if __name__ == "__main__":
    for line in sys.stdin:
        try:
            print(json.dumps({"answer": answer(json.loads(line))}), flush=True)
        except Exception as error:
            print(json.dumps({"error": repr(error)}), flush=True)
`;
