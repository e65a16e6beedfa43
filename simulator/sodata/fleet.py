"""The installations behind SoData: corporate accounts, customers, sites, devices and their variables.

Values depend only on the time, unless a test sets them. Knows no HTTP and no JSON.
"""

import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .services import GATEWAY, METER, UPS, Item, Service
from .signals import BEGIN_MS, DAY_MS

type Value = str | float | bool | None


def uuid_of(*names: str) -> str:
    """Return the uuid for these names, which is the same in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, "/".join(names)))


def number_of(uuid_: str) -> int:
    """Return the internal number of an object. No address accepts it."""
    return zlib.crc32(uuid_.encode()) % 100_000


@dataclass(slots=True)
class CorporateAccount:
    """An account of an organisation with its customers."""

    name: str

    @property
    def uuid(self) -> str:
        """The uuid."""
        return uuid_of("account", self.name)


@dataclass(slots=True)
class Customer:
    """A customer of a corporate account."""

    name: str
    account: CorporateAccount

    @property
    def uuid(self) -> str:
        """The uuid."""
        return uuid_of(self.account.uuid, "customer", self.name)


@dataclass(slots=True)
class Site:
    """A site of a customer."""

    name: str
    technical_name: str
    time_zone: str
    latitude: float
    longitude: float
    customer: Customer

    @property
    def uuid(self) -> str:
        """The uuid."""
        return uuid_of(self.customer.uuid, "site", self.technical_name)


@dataclass(slots=True)
class Variable:
    """A service of one item of one device."""

    device_uuid: str
    item: Item
    service: Service
    installed_ms: int
    set_values: list[tuple[int, Value]] = field(default_factory=list)
    """Times and values that replace those of the signal, each from its time (milliseconds) on."""
    _phase: float = field(init=False)

    def __post_init__(self) -> None:
        """Give it a phase of its own among the variables of its kind."""
        self._phase = zlib.crc32(f"{self.device_uuid}|{self.key}".encode()) / 2**32

    @property
    def key(self) -> str:
        """Item type, item index and service id, as in the vendor's mapping config."""
        return f"{self.item.type}|{self.item.index}|{self.service.id}"

    @property
    def uuid(self) -> str:
        """The uuid."""
        return uuid_of(self.device_uuid, self.key)

    def sample(self, at_ms: int) -> tuple[int, Value] | None:
        """Return time and value of the last sample at or before a time, or None."""
        signal = self.service.signal
        sampled_ms = signal.previous_sample_ms(at_ms, self._phase, self.installed_ms) if signal else None
        set_ms, set_value = next(((at, value) for at, value in reversed(self.set_values) if at <= at_ms), (None, None))
        if set_ms is not None:
            return max(set_ms, sampled_ms or 0), set_value
        if signal is None or sampled_ms is None or sampled_ms < BEGIN_MS:
            return None
        return sampled_ms, signal.value(sampled_ms, self._phase)

    def samples(self, from_ms: int, to_ms: int) -> Iterator[tuple[int, Value]]:
        """Yield the samples of a time range without its end, newest first."""
        sample = self.sample(to_ms - 1)
        while sample is not None and sample[0] >= from_ms:
            yield sample
            sample = self.sample(sample[0] - 1)


class SoDataDevice:
    """A device with its variables.

    `items`: the parts that its kind has. A silent device keeps the values from the time when it became silent.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        items: tuple[Item, ...],
        site: Site,
        clock: Callable[[], float],
        *,
        number: int = 1,
        gateway: SoDataDevice | None = None,
        has_serial_number: bool = True,
    ) -> None:
        """Install a device. `number` distinguishes devices of one kind at one site."""
        self.name = name
        self.kind = kind
        self.site = site
        self.clock = clock
        self.gateway = gateway
        self.uuid = uuid_of(site.uuid, kind, str(number))
        self.serial_number = f"P{number_of(self.uuid):05}{number:04}" if has_serial_number else None
        self.no_communication_period = 60
        self.connection_status: str | None = None
        self.status = "ACCEPTED"
        self.are_profiles_current = True
        self.repairs = 0
        """How often it was repaired."""
        self.silent_since: float | None = None
        """When it last reported, epoch seconds; None while it reports."""
        installed_ms = int(clock() * 1000)
        variables = [Variable(self.uuid, item, service, installed_ms) for item in items for service in item.services]
        self.variables = {variable.key: variable for variable in variables}

    @property
    def is_silent(self) -> bool:
        """Whether it has stopped reporting."""
        return self.silent_since is not None

    @is_silent.setter
    def is_silent(self, is_silent: bool) -> None:
        self.silent_since = self.clock() if is_silent else None

    def set(self, item_type: str, item_index: str, service_id: str, value: Value) -> None:
        """Set a variable's value from now on. Raises KeyError for an unknown variable."""
        self.variables[f"{item_type}|{item_index}|{service_id}"].set_values.append((int(self.clock() * 1000), value))

    def last_samples(self) -> Iterator[tuple[Variable, int, Value]]:
        """Yield each variable that ever reported, with the time and value of its last sample."""
        last_report_ms = int((self.clock() if self.silent_since is None else self.silent_since) * 1000)
        for variable in self.variables.values():
            sample = variable.sample(last_report_ms)
            if sample is not None:
                yield variable, *sample

    def samples(self, variable: Variable, from_ms: int, to_ms: int) -> list[tuple[int, Value]]:
        """Return the samples of a variable in a time range without its end, oldest first."""
        last_report_ms = int((self.clock() if self.silent_since is None else self.silent_since) * 1000)
        return list(variable.samples(from_ms, min(to_ms, last_report_ms + 1)))[::-1]


def install(
    account: CorporateAccount, clock: Callable[[], float]
) -> tuple[list[Customer], list[Site], list[SoDataDevice]]:
    """Return the installation of a new server: three sites of two customers."""
    retail = Customer("FR_Grande Épicerie", account)
    cloud = Customer("Nuage & Cie", account)
    benfeld = Site("(FR) Usine de Sélestat", "FR_Selestat", "Europe/Paris", 48.2594, 7.4542, retail)
    bangalore = Site("班加罗尔数据中心", "IN_Bangalore_DC", "Asia/Kolkata", 12.9716, 77.5946, cloud)
    london = Site("London Docklands", "GB_London", "Europe/London", 51.5054, -0.0235, cloud)

    gateways = [
        SoDataDevice(name, "GATEWAY", GATEWAY, site, clock)
        for name, site in (("Passerelle Sélestat", benfeld), ("网关", bangalore), ("Gateway London", london))
    ]
    french, indian, british = gateways
    silent = SoDataDevice("Modulys GP", "UPS", UPS, london, clock, gateway=british)
    silent.silent_since = clock() - 3 * DAY_MS / 1000
    devices = [
        *gateways,
        SoDataDevice("Masterys U2 CDS", "UPS", UPS, benfeld, clock, gateway=french),
        SoDataDevice("Delphys GP2 - 160 kVA", "UPS", UPS, benfeld, clock, number=2, gateway=french),
        SoDataDevice("不间断电源", "UPS", UPS, bangalore, clock, gateway=indian, has_serial_number=False),
        silent,
        SoDataDevice("Comptage général", "METER", METER, benfeld, clock, gateway=french),
        SoDataDevice("Comptage général", "METER", METER, benfeld, clock, number=2, gateway=french),
        SoDataDevice("Diris A-40", "METER", METER, bangalore, clock, gateway=indian),
        SoDataDevice("Countis E50", "METER", METER, london, clock),
    ]
    return [retail, cloud], [benfeld, bangalore, london], devices


def install_small(
    account: CorporateAccount, clock: Callable[[], float]
) -> tuple[list[Customer], list[Site], list[SoDataDevice]]:
    """Return one site with a gateway and an energy meter."""
    customer = Customer(f"Customer of {account.name}", account)
    site = Site(f"Site of {account.name}", "ONE", "Europe/Paris", 48.8566, 2.3522, customer)
    gateway = SoDataDevice("Gateway", "GATEWAY", GATEWAY, site, clock)
    meter = SoDataDevice("Meter", "METER", METER, site, clock, gateway=gateway)
    return [customer], [site], [gateway, meter]
