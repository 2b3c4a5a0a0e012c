"""Programs that a task has started and forgotten: they end with it, with whatever they have started themselves."""

import os
import signal


def end_forgotten(subprocess):
    """Python remembers processes whose object is gone while they run, so that it can wait for them."""
    for process in list(subprocess._active):
        if process._internal_poll() is None:
            for pid in reversed(with_descendants(process.pid)):
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass  # it ended meanwhile
            process._internal_poll()


def with_descendants(pid):
    found = [pid]
    for one in found:
        found.extend(children(one))
    return found


def children(pid):
    try:
        pids = []
        for thread in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, thread)) as file:
                pids.extend(map(int, file.read().split()))
        return pids
    except OSError:
        return []  # it ended meanwhile, or the kernel does not tell
