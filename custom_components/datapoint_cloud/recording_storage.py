"""The last recording of each account: a private file, which the diagnostics of the account contain.

The functions that touch the file block.
"""

from collections.abc import Sequence
from pathlib import Path

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util.file import write_utf8_file_atomic

from .const import DOMAIN


def path_of(hass: HomeAssistant, entry_id: str) -> Path:
    """Return the path of the recording of an account, which need not exist."""
    return Path(hass.config.path(STORAGE_DIR, f"{DOMAIN}.{entry_id}.recording"))


def write(path: Path, lines: Sequence[str]) -> None:
    """Replace a recording. Raises `homeassistant.util.file.WriteError`."""
    write_utf8_file_atomic(str(path), "".join(f"{line}\n" for line in lines), private=True)


def read(path: Path) -> list[str] | None:
    """Return the lines of a recording; None if there is none."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None


def remove(path: Path) -> None:
    """Delete a recording, if there is one."""
    path.unlink(missing_ok=True)
