"""Runs the command-line client: `python custom_components/datapoint_cloud/client --help`.

The package of the integration imports Home Assistant, so the client runs in an empty package that has the same folder.
"""

import importlib.util
import os
import sys
import types

_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  # `pathlib` imports more than is safe yet
_INTEGRATION = os.path.dirname(_HERE)  # noqa: PTH120
_PACKAGE = "datapoint_cloud_client"


def _run() -> int:
    if sys.version_info < (3, 14):  # noqa: UP036  # it is run with any Python
        return _refuse("This needs Python 3.14 or newer, for example the Python of Home Assistant.")
    # Python adds the folder that it starts in, where `select.py` would hide Python's own module of this name.
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") not in {_HERE, _INTEGRATION}]  # noqa: PTH100
    if importlib.util.find_spec("aiohttp") is None:
        return _refuse("This needs aiohttp. Run it with the Python of Home Assistant, or run scripts/setup first.")
    package = types.ModuleType(_PACKAGE)
    package.__path__ = [_INTEGRATION]
    sys.modules[_PACKAGE] = package
    main = importlib.import_module(f"{_PACKAGE}.client.main")
    exit_code: int = main.main(sys.argv[1:])
    return exit_code


def _refuse(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(_run())
