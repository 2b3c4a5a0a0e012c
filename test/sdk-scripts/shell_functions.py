"""Commands as tasks: how they end is a result, not an error."""

import json
import sys

from globus_compute_sdk import Executor, ShellFunction
from globus_compute_sdk.serialize import JSONData

said = {}
with Executor(endpoint_id=sys.argv[1]) as gce:
    fine = gce.submit(ShellFunction("echo 'hello {name}'; echo careful >&2"), name="world")
    failing = gce.submit(ShellFunction("exit 3"))
    slow = gce.submit(ShellFunction("sleep 30", walltime=1))
    result = fine.result()
    said["fine"] = [result.returncode, result.stdout, "careful" in result.stderr, result.exception_name]
    said["failing"] = [failing.result().returncode, failing.result().exception_name]
    said["slow"] = [slow.result().returncode, slow.result().exception_name]
    # Whether a result is serialized as JSON is asked for each batch: an Executor of its own.
with Executor(endpoint_id=sys.argv[1], result_serializers=[JSONData()]) as gce:
    plain = gce.submit(ShellFunction("echo plain", return_dict=True)).result()
    said["plain"] = [sorted(plain), plain["stdout"], plain["returncode"]]
print(json.dumps(said))
