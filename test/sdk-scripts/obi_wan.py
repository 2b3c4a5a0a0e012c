import sys

from globus_compute_sdk import Executor


def hello_from_node(name: str):
    import os
    return f"Hello, {name}; I ran on {os.uname().nodename}"


mep_id = sys.argv[1]
with Executor() as ex:
    ex.endpoint_id = mep_id
    ex.user_endpoint_config = {"ACCOUNT_ID": "OBIWAN123"}
    f = ex.submit(hello_from_node, "Obi-Wan")
    print(f.result())
