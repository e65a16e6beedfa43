"""Writes the recording of a command to a file, and reports about a file."""

import json
from pathlib import Path

from ..recording.recorder import Recorder, lines_of, read
from ..recording.report import report
from .login import Login
from .terminal import Stopped, say

_MANIFEST = Path(__file__).parent.parent / "manifest.json"


class RecordingFile:
    """The file of one recording. It is made at the beginning, so that a wrong name is noticed at once."""

    def __init__(self, path: str) -> None:
        """Make the file. Raises `Stopped` if it exists or cannot be made."""
        self.recorder = Recorder()
        self._path = Path(path)
        try:
            self._path.touch(exist_ok=False)
        except FileExistsError:
            raise Stopped(f"{path} exists already.") from None
        except OSError as error:
            raise Stopped(f"{path} cannot be made: {error.strerror}.") from error

    def write(self, login: Login | None) -> None:
        """Write what was recorded, without anything private; remove the file if that is nothing."""
        if login is None or not len(self.recorder):
            self._path.unlink(missing_ok=True)
            return
        made_with: str = json.loads(_MANIFEST.read_text(encoding="utf-8"))["version"]
        lines, _ = self.recorder.lines(login.account_type, login.data, login.scopes, made_with=made_with)
        self._path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        say(f"{self._path}: {len(lines) - 1} requests and messages. Look at it before you pass it on.")
        if not self.recorder.is_complete:
            say("It ends early because it would have become too large.")


def report_of(path: str) -> str:
    """Return the report about a recording. Raises `Stopped` if the file is none."""
    try:
        return report(read(lines_of(Path(path).read_text(encoding="utf-8"))))
    except OSError as error:
        raise Stopped(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError) as error:
        raise Stopped(f"{path}: {error}") from error
