"""What tasks that fail look like to whoever waits for them."""

import json
import sys

from globus_compute_sdk import Executor
from globus_compute_sdk.errors import TaskExecutionFailed


def outer(text):
    def inner():
        raise LookupError(text)
    inner()


def too_much():
    return "x" * 11_000_000


def not_data():
    return (n for n in range(3))


def told(future, *words):
    error = future.exception()
    text = str(error)
    return [type(error) is TaskExecutionFailed, *(word in text for word in words)]


with Executor(endpoint_id=sys.argv[1]) as gce:
    futures = {
        "raised": (gce.submit(outer, "on purpose"), "LookupError: on purpose", "in inner", "Traceback"),
        "too large": (gce.submit(too_much), "MaxResultSizeExceeded"),
        "not data": (gce.submit(not_data), "erializ"),
    }
    print(json.dumps({name: told(*rest) for name, rest in futures.items()}))
