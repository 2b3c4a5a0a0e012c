"""Functions and values in each of the forms that users may choose."""

import json
import sys

from globus_compute_sdk import Executor
from globus_compute_sdk.serialize import (
    AllCodeStrategies, AllDataStrategies, ComputeSerializer, JSONData, PureSourceDill, PureSourceTextInspect,
)


def shape(values, scale=1):
    return {"sum": sum(values) * scale, "kind": type(values).__name__}


FORMS = {
    "all": {"strategy_code": AllCodeStrategies(), "strategy_data": AllDataStrategies()},
    "source": {"strategy_code": PureSourceTextInspect(), "strategy_data": JSONData()},
    "dill source": {"strategy_code": PureSourceDill()},
}
said = {}
for name, form in FORMS.items():
    with Executor(endpoint_id=sys.argv[1], serializer=ComputeSerializer(**form)) as gce:
        said[name] = gce.submit(shape, [1, 2, 3], scale=2).result()
with Executor(endpoint_id=sys.argv[1], result_serializers=[JSONData()]) as gce:
    said["json result"] = gce.submit(shape, (4, 5)).result()
print(json.dumps(said))
