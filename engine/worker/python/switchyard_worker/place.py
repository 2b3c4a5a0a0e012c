"""What a task sees of the slots that it occupies, instead of its worker's own, as long as it lasts."""

import os


class Place:
    def __init__(self, environment=None, cores=None):
        self.environment = environment or {}
        self.cores = cores
        self.before = {}
        self.cores_before = None

    def __enter__(self):
        self.before = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        if self.cores is not None:
            self.cores_before = os.sched_getaffinity(0)
            os.sched_setaffinity(0, self.cores)
            self._tell_cores(self.cores)

    def __exit__(self, *_):
        for name, value in self.before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if self.cores_before is not None:
            os.sched_setaffinity(0, self.cores_before)
            self._tell_cores(sorted(self.cores_before))

    def _tell_cores(self, cores):
        """What the runtimes of parallel codes look at."""
        os.environ["OMP_NUM_THREADS"] = str(len(cores))
        os.environ["GOMP_CPU_AFFINITY"] = " ".join(map(str, cores))
        os.environ["KMP_AFFINITY"] = "explicit,proclist=[%s]" % ",".join(map(str, cores))
