import concurrent.futures
import sys

from globus_compute_sdk import Executor


def jitter_double(task_num):
    import random
    return task_num, task_num * (1.5 + random.random())


polaris_site_id = sys.argv[1]
with Executor(
    endpoint_id=polaris_site_id,
    user_endpoint_config={
        "ACCOUNT_ID": "user_allocation_account_id",
        "NODES_PER_BLOCK": 2,
    }
) as ex:
    futs = [ex.submit(jitter_double, task_num) for task_num in range(100)]
    for fut in concurrent.futures.as_completed(futs):
        print("Result:", fut.result())
