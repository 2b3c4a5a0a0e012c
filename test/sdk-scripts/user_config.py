"""What users may set of an endpoint, and what the endpoint says about what they may not."""

import json
import sys

from globus_compute_sdk import Executor


def greeting():
    import os
    return os.environ.get("GREETING")


said = {}
with Executor(endpoint_id=sys.argv[1], user_endpoint_config={"GREETING": "hello"}) as gce:
    said["set"] = gce.submit(greeting).result()
with Executor(endpoint_id=sys.argv[1], user_endpoint_config={"worker_init": 7}) as gce:
    error = gce.submit(greeting).exception()
    said["refused"] = [hasattr(error, "http_status"), getattr(error, "http_status", 0), getattr(error, "code", "")]
    said["why"] = str(error)
print(json.dumps(said))
