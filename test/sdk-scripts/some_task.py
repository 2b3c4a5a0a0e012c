import sys

from globus_compute_sdk import Executor


def some_task(*a, **k):
    return 1


mep_site_id = sys.argv[1]
with Executor(
    endpoint_id=mep_site_id,
    user_endpoint_config={"account_id": "user_allocation_account_id"},
) as ex:
    fut = ex.submit(some_task)
    print("Result:", fut.result())
