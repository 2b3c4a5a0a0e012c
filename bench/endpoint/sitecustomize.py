"""The SDK knows its local service by port 5000 alone. A service may have any other: this tells the SDK which.

It waits until the SDK asks for the module that knows, so that a Python that does not use the SDK starts as fast as ever.
"""

import importlib.util
import os
import sys

MODULE = "globus_compute_sdk.sdk._environments"


class Elsewhere:
    def find_spec(self, name, path=None, target=None):
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            module.get_web_service_url = lambda environment=None: os.environ["SWITCHYARD_SERVICE_URL"]

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Elsewhere())
