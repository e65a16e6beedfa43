"""The runtime data of a loaded account, and the type of its entry."""

from dataclasses import dataclass

from homeassistant.config_entries import ConfigEntry

from .announcer import Announcer
from .commands import Commands
from .coordinator import DatapointCoordinator
from .statistics.schedule import ImportSchedule
from .storage import AccountStorage


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of a loaded account."""

    coordinator: DatapointCoordinator
    commands: Commands
    announcer: Announcer
    storage: AccountStorage
    imports: ImportSchedule


type DatapointConfigEntry = ConfigEntry[Runtime]
