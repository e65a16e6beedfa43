"""A device as the vendor's cloud knows it: its reports, whether it is online, and the commands it was sent.

Its values are computed from the time and from explicit writes. Nothing runs in the background.
"""

import bisect
import itertools
import string
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from .behaviours import Value
from .control import Command
from .identifiers import derive_text
from .obedience import Obedience, parse_obedience
from .products import Product

_KEEP_ALIVE_SECONDS = 130
_DAY = 86400
_CHANGEABLE = ("is_online", "is_disabled", "is_forgotten", "fails_commands", "updated_at", "report_seconds")


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a device as the cloud derives it from its IP address."""

    country: str
    region: str
    city: str
    longitude: float
    latitude: float


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of hardware and software that the device sends. A virtual device sends none."""

    mcu_hard: str | None = "00000001"
    mcu_soft: str | None = "00000003"
    wifi_hard: str | None = "00ESP826"
    wifi_soft: str | None = "04020028"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry of the online or the command log: epoch seconds, the vendor's type, and the payload."""

    timestamp: float
    type: str
    payload: Any


@dataclass(frozen=True, slots=True)
class LastReport:
    """The last report as a read returns it: its time, the time that the cloud shows, and the engineering values."""

    reported_at: float
    updated_at: int
    attrs: Mapping[str, Any]


@dataclass(slots=True)
class _StaleReport:
    """An earlier report that reads return until a time, and for a number of reads."""

    report: LastReport
    until: float
    reads: int


@dataclass(frozen=True, slots=True)
class _Write:
    at: float
    values: dict[str, Value]


@dataclass(frozen=True, slots=True)
class _Presence:
    at: float
    is_online: bool
    reason: str


class DeviceListener(Protocol):
    """Gets the events of a device at once, as a push service does."""

    def on_report(self, device: GizwitsDevice, at: float, values: Mapping[str, Value], /) -> None:
        """Handle values that the device reports beside its regular reports, at `at`: now or later."""

    def on_online_change(self, device: GizwitsDevice, /) -> None:
        """Handle that the device came online or went offline."""


@dataclass(eq=False, kw_only=True)
class GizwitsDevice:
    """One device. Public attributes may be changed at any time.

    `uid`: the user it is bound to, None if unbound. `is_forgotten`: the cloud has no values of it.
    `silent`: the names of datapoints that it never reports. `fails_commands`: the cloud cannot deliver commands to it.
    `obedience`: what happens to commands, None for the obedience of its server. `report_seconds`: how often it reports.
    `host`, `ws_port`: the host that pushes its reports, None for its own server.
    """

    product: Product = field(repr=False)
    did: str
    mac: str
    clock: Callable[[], float] = field(repr=False)
    seed: int = 1
    alias: str = ""
    uid: str | None = None
    passcode: str = field(default="", repr=False)
    type: str = "normal"
    role: str = "owner"
    remark: str = ""
    proto_ver: str = "04"
    place: Place | None = None
    versions: Versions = Versions()
    is_disabled: bool = False
    is_forgotten: bool = False
    silent: set[str] = field(default_factory=set)
    fails_commands: bool = False
    obedience: Obedience | None = None
    report_seconds: int = 60
    host: str | None = None
    ws_port: int | None = None
    wss_port: int = 8880
    offline_for: float | None = None  # seconds, at the beginning
    created_at: int = 0
    bound_at: float = 0.0
    listeners: list[DeviceListener] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        """Give it an online log: connected long ago, one short outage, perhaps offline again."""
        now = self.clock()
        self.passcode = self.passcode or derive_text(f"passcode {self.did}", 10, string.ascii_uppercase)
        self.created_at = self.created_at or int(now) - 200 * _DAY
        self.bound_at = self.bound_at or float(self.created_at)
        self.received: list[Mapping[str, Any]] = []
        """The bodies of all commands that were passed on to the device, in order."""
        self._writes: list[_Write] = []
        self._commands: deque[LogEntry] = deque(maxlen=1000)
        self._pinned_updated_at: int | None = None
        self._stale: _StaleReport | None = None
        self._last_obedience: Obedience | None = None
        self._commands_so_far = 0  # since the obedience last changed
        self._presence = [_Presence(float(self.created_at), True, "")]  # noqa: FBT003
        gone_at = now - self.offline_for if self.offline_for is not None else now
        hours_ago = 5 + int(derive_text(self.did, 2, string.digits)) % 30
        outage_begins = gone_at - hours_ago * 3600.0
        self._presence.append(_Presence(outage_begins, False, "no_heartbeat"))  # noqa: FBT003
        self._presence.append(_Presence(outage_begins + 1380.25, True, ""))  # noqa: FBT003
        if self.offline_for is not None:
            self._presence.append(_Presence(gone_at, False, "mqtt_disconnect"))  # noqa: FBT003

    @property
    def is_online(self) -> bool:
        """Whether the cloud considers it connected. Setting it adds to the online log."""
        return self._presence[-1].is_online

    @is_online.setter
    def is_online(self, is_online: bool) -> None:
        if is_online != self.is_online:
            self._presence.append(_Presence(self.clock(), is_online, "" if is_online else "no_heartbeat"))
            for listener in self.listeners:
                listener.on_online_change(self)

    @property
    def online_latest(self) -> int:
        """When it was last online, epoch seconds."""
        return int(self.clock() if self.is_online else self._presence[-1].at)

    @property
    def updated_at(self) -> int:
        """When it last reported, epoch seconds; 0 without values. An assigned time stays until the next `set`."""
        if self.is_forgotten:
            return 0
        if self._pinned_updated_at is not None:
            return self._pinned_updated_at
        return int(self._reported_at(self.clock()))

    @updated_at.setter
    def updated_at(self, seconds: int) -> None:
        self._pinned_updated_at = seconds

    @property
    def attrs(self) -> Mapping[str, Any]:
        """The values it last reported: bool, number, label or hexadecimal text."""
        return MappingProxyType({} if self.is_forgotten else self.values_at(self._reported_at(self.clock())))

    def set(self, **attrs: Any) -> None:
        """Report these values now, and keep them. They are not checked against the definition."""
        self._report(self.clock(), attrs)

    def obey(self, command: Command, obedience: Obedience, write_delay: float) -> None:
        """Process a command as `obedience` says. Its delay, if it has one, replaces `write_delay` (seconds)."""
        now = self.clock()
        self.received.append(command.body)
        self._commands.append(LogEntry(now, "app2dev", command.payload))
        if obedience is not self._last_obedience:
            self._last_obedience, self._commands_so_far = obedience, 0
        delay = obedience.delay_of(self._commands_so_far, write_delay)
        self._commands_so_far += 1
        if obedience.stale_seconds or obedience.stale_reads:
            self._stale = _StaleReport(self._last_report(), now + obedience.stale_seconds, obedience.stale_reads)
        if command.values and not obedience.is_lost:
            self._report(now + delay, obedience.executed(command.values))

    def read(self) -> LastReport:
        """Return the last report, or after a command with stale reads the one before it."""
        report = self._last_report()
        if self._stale is not None and self._stale.reads > 0:
            self._stale.reads -= 1
        return report

    def _last_report(self) -> LastReport:
        now = self.clock()
        if self._stale is not None and (now < self._stale.until or self._stale.reads > 0):
            return self._stale.report
        return LastReport(self._reported_at(now), self.updated_at, self.attrs)

    def has_active(self, kind: str) -> bool:
        """Return whether one of its datapoints of this type, "alert" or "fault", is on."""
        names = {attribute.name for attribute in self.product.attributes if attribute.type == kind}
        values = {} if self.is_forgotten else self.values_at(self._reported_at(self.clock()), names)
        return any(values.values())

    def values_at(self, seconds: float, names: Collection[str] | None = None) -> dict[str, Any]:
        """Return the values it had at a time: all, or only those of some names."""
        reported_at = seconds // self.report_seconds * self.report_seconds
        values: dict[str, Any] = {}
        for attribute in self.product.attributes:
            if attribute.name not in self.silent and (names is None or attribute.name in names):
                value = attribute.behaviour(f"{self.seed}:{self.did}:{attribute.name}", reported_at)
                values[attribute.name] = value if isinstance(value, bool | str) else attribute.clamp(value)
        for write in self._writes:
            if write.at <= seconds:
                values |= write.values
        return values if names is None else {name: value for name, value in values.items() if name in names}

    def reports(self, start: float, end: float) -> list[float]:
        """Return the times of its reports within [start, end], oldest first."""
        end = min(end, self.clock())
        times = {write.at for write in self._writes if start <= write.at <= end}
        for presence, later in itertools.zip_longest(self._presence, self._presence[1:]):
            if presence.is_online:
                first = -(-max(start, presence.at) // self.report_seconds) * self.report_seconds
                last = min(end, later.at if later else end)
                times.update(map(float, range(int(first), int(last) + 1, self.report_seconds)))
        return [] if self.is_forgotten else sorted(times)

    def online_log(self) -> list[LogEntry]:
        """Return when it came online and went offline, oldest first."""
        log = []
        for earlier, presence in zip([None, *self._presence], self._presence, strict=False):
            if presence.is_online:
                log.append(LogEntry(presence.at, "dev_online", {"keep_alive": _KEEP_ALIVE_SECONDS}))
                continue
            duration = int(presence.at - (earlier.at if earlier else self.created_at))
            beats = {"count": duration // 60, "max": 60, "avg": 60, "last": _KEEP_ALIVE_SECONDS, "min": 60}
            payload = {"duration": duration, "heartbeat": beats, "reason": presence.reason}
            log.append(LogEntry(presence.at, "dev_offline", payload))
        return log

    def command_log(self) -> list[LogEntry]:
        """Return the commands it was sent, oldest first, each with its payload as bytes."""
        return list(self._commands)

    def _report(self, at: float, values: dict[str, Any]) -> None:
        self.is_forgotten = False
        self._pinned_updated_at = None
        bisect.insort(self._writes, _Write(at, values), key=lambda write: write.at)
        for listener in self.listeners:
            listener.on_report(self, at, values)

    def describe(self) -> dict[str, Any]:
        """Return the state that `change` can change, with the device's names and the commands it received."""
        names = {"mac": self.mac, "alias": self.alias, "product_key": self.product.key}
        state = {name: getattr(self, name) for name in _CHANGEABLE}
        obedience = self.obedience and asdict(self.obedience)
        return names | state | {"attrs": dict(self.attrs), "received": self.received, "obedience": obedience}

    def change(self, changes: dict[str, Any]) -> None:
        """Set some of `attrs` or of the device's state. Raises ValueError with the names of what cannot be changed."""
        if unknown := set(changes) - {"attrs", "obedience", *_CHANGEABLE}:
            raise ValueError(", ".join(sorted(unknown)))
        report_seconds = changes.get("report_seconds", self.report_seconds)
        if type(report_seconds) is not int or report_seconds < 1:
            raise ValueError("report_seconds")
        if "obedience" in changes:
            self.obedience = None if changes["obedience"] is None else parse_obedience(changes["obedience"])
        if "attrs" in changes:
            self.set(**changes["attrs"])
        for name in _CHANGEABLE:
            if name in changes:
                setattr(self, name, changes[name])

    def was_online(self, seconds: float) -> bool:
        """Return whether it was online at a time."""
        index = bisect.bisect_right(self._presence, seconds, key=lambda presence: presence.at)
        return index > 0 and self._presence[index - 1].is_online

    def _reported_at(self, now: float) -> float:
        latest = now if self.is_online else self._presence[-1].at
        regular = latest // self.report_seconds * self.report_seconds
        return max([regular, *(write.at for write in self._writes if write.at <= now)])


def bools_as_numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as both HTTP APIs write them: booleans are 0 and 1."""
    return {name: int(value) if isinstance(value, bool) else value for name, value in values.items()}
