"""A device as the vendor's cloud knows it: what it reported when, whether it is online, what it was told.

Its values follow from the time and from explicit writes; nothing runs in the background.
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
from .obedience import Obedience, obedience_of
from .products import Product

_KEEP_ALIVE_SECONDS = 130
_DAY = 86400
_CHANGEABLE = ("is_online", "is_disabled", "is_forgotten", "fails_commands", "updated_at", "report_seconds")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the cloud thinks a device is, by its IP address."""

    country: str
    region: str
    city: str
    longitude: float
    latitude: float


@dataclass(frozen=True, slots=True)
class Versions:
    """What the device says of its hardware and software; a virtual device says nothing."""

    mcu_hard: str | None = "00000001"
    mcu_soft: str | None = "00000003"
    wifi_hard: str | None = "00ESP826"
    wifi_soft: str | None = "04020028"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A line of the online or the command log: epoch seconds, the vendor's word, what came with it."""

    timestamp: float
    type: str
    payload: Any


@dataclass(frozen=True, slots=True)
class Reading:
    """What a read tells of the last report: its time, the time the cloud tells, the engineering values."""

    reported_at: float
    updated_at: int
    attrs: Mapping[str, Any]


@dataclass(slots=True)
class _Staleness:
    """What reads tell until a time, and for some more reads."""

    reading: Reading
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


class Watcher(Protocol):
    """Whoever is told what a device does, as it does it."""

    def reported(self, device: GizwitsDevice, at: float, values: Mapping[str, Value], /) -> None:
        """Take note of values it reports beside its regular reports, now or later."""

    def came_or_went(self, device: GizwitsDevice, /) -> None:
        """Take note that it came online or went."""


@dataclass(eq=False, kw_only=True)
class GizwitsDevice:
    """One device. Public attributes may be changed at any time.

    `uid` is the user it is bound to, None for nobody. `is_forgotten`: the cloud holds no values of it.
    `silent` names datapoints it never reports. `fails_commands`: the cloud cannot deliver commands to it.
    `obedience`: what becomes of commands, None for what its server says. `report_seconds`: how often it reports.
    `host`, `ws_port`: where its reports are pushed, None for its server itself.
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
    listeners: list[Watcher] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        """Give it a past: connected long ago, one short outage, perhaps gone again."""
        now = self.clock()
        self.passcode = self.passcode or derive_text(f"passcode {self.did}", 10, string.ascii_uppercase)
        self.created_at = self.created_at or int(now) - 200 * _DAY
        self.bound_at = self.bound_at or float(self.created_at)
        self.received: list[Mapping[str, Any]] = []
        """The bodies of all commands that were passed on to it, in order."""
        self._writes: list[_Write] = []
        self._commands: deque[LogEntry] = deque(maxlen=1000)
        self._pinned_updated_at: int | None = None
        self._stale: _Staleness | None = None
        self._last_obedience: Obedience | None = None
        self._commands_so_far = 0  # under that obedience
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
        """Whether the cloud holds it for connected. Setting it writes the online log."""
        return self._presence[-1].is_online

    @is_online.setter
    def is_online(self, is_online: bool) -> None:
        if is_online != self.is_online:
            self._presence.append(_Presence(self.clock(), is_online, "" if is_online else "no_heartbeat"))
            for watcher in self.listeners:
                watcher.came_or_went(self)

    @property
    def online_latest(self) -> int:
        """When it was last seen online, epoch seconds."""
        return int(self.clock() if self.is_online else self._presence[-1].at)

    @property
    def updated_at(self) -> int:
        """When it last reported, epoch seconds; 0 if the cloud holds no values. Set, it stays until the next `set`."""
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
        """What it last reported, in engineering values: bool, number, label, hexadecimal text."""
        return MappingProxyType({} if self.is_forgotten else self.values_at(self._reported_at(self.clock())))

    def set(self, **attrs: Any) -> None:
        """Let the device report these values now and from now on. Anything goes, also what no definition allows."""
        self._report(self.clock(), attrs)

    def obey(self, command: Command, obedience: Obedience, write_delay: float) -> None:
        """Take a command the way `obedience` says, whose own delay, if any, comes before `write_delay` (seconds)."""
        now = self.clock()
        self.received.append(command.body)
        self._commands.append(LogEntry(now, "app2dev", command.payload))
        if obedience is not self._last_obedience:
            self._last_obedience, self._commands_so_far = obedience, 0
        delay = obedience.delay_of(self._commands_so_far, write_delay)
        self._commands_so_far += 1
        if obedience.stale_seconds or obedience.stale_reads:
            self._stale = _Staleness(self._told(), now + obedience.stale_seconds, obedience.stale_reads)
        if command.values and not obedience.is_lost:
            self._report(now + delay, obedience.obeyed(command.values))

    def read(self) -> Reading:
        """Answer a read of the last report: for a while after a command perhaps as before it."""
        reading = self._told()
        if self._stale is not None and self._stale.reads > 0:
            self._stale.reads -= 1
        return reading

    def _told(self) -> Reading:
        now = self.clock()
        if self._stale is not None and (now < self._stale.until or self._stale.reads > 0):
            return self._stale.reading
        return Reading(self._reported_at(now), self.updated_at, self.attrs)

    def has_active(self, kind: str) -> bool:
        """Whether one of its alerts, or of its faults, is on."""
        names = {attribute.name for attribute in self.product.attributes if attribute.type == kind}
        values = {} if self.is_forgotten else self.values_at(self._reported_at(self.clock()), names)
        return any(values.values())

    def values_at(self, seconds: float, names: Collection[str] | None = None) -> dict[str, Any]:
        """Give all values it had at a time, or only those of some names."""
        moment = seconds // self.report_seconds * self.report_seconds
        values: dict[str, Any] = {}
        for attribute in self.product.attributes:
            if attribute.name not in self.silent and (names is None or attribute.name in names):
                value = attribute.behaviour(f"{self.seed}:{self.did}:{attribute.name}", moment)
                values[attribute.name] = value if isinstance(value, bool | str) else attribute.nearest(value)
        for write in self._writes:
            if write.at <= seconds:
                values |= write.values
        return values if names is None else {name: value for name, value in values.items() if name in names}

    def reports(self, start: float, end: float) -> list[float]:
        """Give the times of its reports within [start, end], oldest first."""
        end = min(end, self.clock())
        moments = {write.at for write in self._writes if start <= write.at <= end}
        for presence, later in itertools.zip_longest(self._presence, self._presence[1:]):
            if presence.is_online:
                first = -(-max(start, presence.at) // self.report_seconds) * self.report_seconds
                last = min(end, later.at if later else end)
                moments.update(map(float, range(int(first), int(last) + 1, self.report_seconds)))
        return [] if self.is_forgotten else sorted(moments)

    def online_log(self) -> list[LogEntry]:
        """Give all its comings and goings, oldest first."""
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
        """Give the commands it was sent, oldest first, each with its payload as bytes."""
        return list(self._commands)

    def _report(self, at: float, values: dict[str, Any]) -> None:
        self.is_forgotten = False
        self._pinned_updated_at = None
        bisect.insort(self._writes, _Write(at, values), key=lambda write: write.at)
        for watcher in self.listeners:
            watcher.reported(self, at, values)

    def described(self) -> dict[str, Any]:
        """Tell what `change` may change, and whose values these are."""
        names = {"mac": self.mac, "alias": self.alias, "product_key": self.product.key}
        state = {name: getattr(self, name) for name in _CHANGEABLE}
        obedience = self.obedience and asdict(self.obedience)
        return names | state | {"attrs": dict(self.attrs), "received": self.received, "obedience": obedience}

    def change(self, changes: dict[str, Any]) -> None:
        """Set some of `attrs`, or the device's own state; ValueError names what cannot be changed."""
        if unknown := set(changes) - {"attrs", "obedience", *_CHANGEABLE}:
            raise ValueError(", ".join(sorted(unknown)))
        report_seconds = changes.get("report_seconds", self.report_seconds)
        if type(report_seconds) is not int or report_seconds < 1:
            raise ValueError("report_seconds")
        if "obedience" in changes:
            self.obedience = None if changes["obedience"] is None else obedience_of(changes["obedience"])
        if "attrs" in changes:
            self.set(**changes["attrs"])
        for name in _CHANGEABLE:
            if name in changes:
                setattr(self, name, changes[name])

    def was_online(self, seconds: float) -> bool:
        """Whether it was connected at a time."""
        index = bisect.bisect_right(self._presence, seconds, key=lambda presence: presence.at)
        return index > 0 and self._presence[index - 1].is_online

    def _reported_at(self, now: float) -> float:
        latest = now if self.is_online else self._presence[-1].at
        regular = latest // self.report_seconds * self.report_seconds
        return max([regular, *(write.at for write in self._writes if write.at <= now)])


def on_wire(values: Mapping[str, Any]) -> dict[str, Any]:
    """Spell values as both HTTP APIs do: booleans as 0 and 1."""
    return {name: int(value) if isinstance(value, bool) else value for name, value in values.items()}
