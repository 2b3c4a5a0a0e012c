"""What is told of this interpreter with each result."""

import platform


def details():
    return {
        "os": platform.platform(),
        "python_version": platform.python_version(),
        "dill_version": version_of("dill"),
        "globus_compute_sdk_version": version_of("globus_compute_sdk"),
    }


def version_of(package):
    try:
        from importlib.metadata import version

        return version(package)
    except Exception:
        # Found on the path, but not installed as a package: it says itself.
        return str(getattr(__import__(package), "__version__", "unknown"))
