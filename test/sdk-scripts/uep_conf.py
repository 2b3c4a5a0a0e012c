import sys

from globus_compute_sdk import Executor


def hello_world():
    return "Hello, World!"


uep_conf = {
    "ACCOUNT_ID": "314159265",
    "WALLTIME": "00:02:00"
}

with Executor(endpoint_id=sys.argv[1]) as gce:
    gce.user_endpoint_config = uep_conf
    fut = gce.submit(hello_world)
    res = fut.result()
print(res)
