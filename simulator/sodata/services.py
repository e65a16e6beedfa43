"""The variables of each kind of device: its items and their services.

The service ids 140100, 140108 and 141935 are in the vendor's document; the others are made up in the same style.
"""

from dataclasses import dataclass, field

from .signals import Changing, Counter, Delta, Signal, Still, Wave, alarm


@dataclass(frozen=True, slots=True)
class Service:
    """The meaning of a variable. `translations`: by language. `signal`: None for a variable that never reported."""

    id: str
    name: str
    group: str | None
    unit: str | None
    signal: Signal | None
    type: str = "Measure"
    translations: dict[str, dict[str, str]] = field(default_factory=dict)
    polling_seconds: int = 300

    @property
    def title(self) -> str:
        """The title in the last values."""
        return self.translations.get("en", {}).get("title", self.name)


@dataclass(frozen=True, slots=True)
class Item:
    """A part of a device. The index counts from 0; JSON has it as a text."""

    type: str
    index: int
    services: tuple[Service, ...]

    @property
    def name(self) -> str:
        """The name as on the vendor's pages, which count from 1."""
        return self.type if self.type == "Global" else f"{self.type} {self.index + 1}"


def _titles(en: str | None, fr: str | None = None, short: str | None = None) -> dict[str, dict[str, str]]:
    titles = {language: {"title": title} for language, title in (("en", en), ("fr", fr)) if title}
    if short:
        for title in titles.values():
            title["shortName"] = short
    return titles


def _phases(
    number: int, name: str, group: str, unit: str, signal: Signal, en: str, fr: str | None = None
) -> tuple[Service, ...]:
    return tuple(
        Service(
            str(number + phase),
            f"{name}{phase}",
            group,
            unit,
            signal,
            translations=_titles(f"{en} L{phase}", f"{fr} L{phase}" if fr else None, f"L{phase}"),
        )
        for phase in (1, 2, 3)
    )


def _alarm(number: int, name: str, en: str, fr: str | None = None, signal: Signal | None = None) -> Service:
    """Return an alarm. Without a signal, it has been inactive for months."""
    quiet = Still("0", days=30 + number % 150)
    return Service(str(number), name, "Alarm", None, signal or quiet, "Alarm", _titles(en, fr), polling_seconds=0)


_UPS_OUTPUT = (
    Service(
        "140100",
        "IUpsOutput_Lr",
        "Output",
        "PERCENT",
        Wave(20, 70, 0),
        translations=_titles("Ups output global load rate", "Taux de charge global", "Load"),
    ),
    *_phases(140101, "IUpsOutput_Lr_L", "Output", "PERCENT", Wave(15, 75, 0), "Ups output load rate"),
    *_phases(140105, "IUpsOutput_I_L", "Output", "AMPERE", Wave(8, 31, 0), "Ups output current", "Courant de sortie"),
    *_phases(140109, "IUpsOutput_V_L", "Output", "VOLT", Wave(229, 232), "Ups output voltage", "Tension de sortie"),
    *_phases(140113, "IUpsOutput_U_L", "Output", "VOLT", Wave(397, 402), "Ups output phase to phase voltage"),
    *_phases(140117, "IUpsOutput_P_L", "Output", "KILOWATT", Wave(1.5, 6.5, 2), "Ups output active power"),
    Service("140121", "IUpsOutput_P", "Output", "KILOWATT", Wave(5, 18, 2), translations=_titles("Active power")),
    Service(
        "140122", "IUpsOutput_S", "Output", "KILOVOLT_AMPERE", Wave(6, 20, 2), translations=_titles("Apparent power")
    ),
    Service("140123", "IUpsOutput_F", "Output", "HERTZ", Wave(49.95, 50.05, 2), translations=_titles("Frequency")),
    # without an English title, clients fall back to French or to the name of the service
    Service("140124", "IUpsOutput_Pf", "Output", None, Wave(0.85, 0.99, 2), translations=_titles(None, "Cos φ")),
)

_UPS_INPUT = (
    *_phases(140200, "IUpsInput_V_L", "Input", "VOLT", Wave(225, 236), "Mains voltage", "Tension réseau"),
    *_phases(140203, "IUpsInput_I_L", "Input", "AMPERE", Wave(9, 33, 1), "Mains current"),
    Service("140207", "IUpsInput_F", "Input", "HERTZ", Wave(49.9, 50.1, 2), translations=_titles("Mains frequency")),
    *_phases(140300, "IUpsBypass_V_L", "Bypass", "VOLT", Wave(226, 235), "Bypass voltage", "Tension by-pass"),
    Service("140304", "IUpsBypass_F", "Bypass", "HERTZ", Wave(49.9, 50.1, 2)),
)

_UPS_BATTERY = (
    Service("140400", "IUpsBattery_VPos", "Battery", "VOLT", Wave(268, 274), translations=_titles("Positive voltage")),
    Service(
        "140401",
        "IUpsBattery_VNeg",
        "Battery",
        "VOLT",
        Wave(268, 274),
        translations=_titles("Ups battery negative voltage", "Tension négative de la batterie"),
    ),
    Service("140402", "IUpsBattery_I", "Battery", "AMPERE", Wave(-1.5, 2.5), translations=_titles("Battery current")),
    Service(
        "140403",
        "IUpsBattery_Charge",
        "Battery",
        "PERCENT",
        Wave(96, 100, 0),
        translations=_titles("Battery charge", "Charge de la batterie", "Charge"),
    ),
    Service(
        "140404",
        "IUpsBattery_Capacity",
        "Battery",
        "AMPERE_HOUR",
        Still("18", days=2),
        translations=_titles("Ups battery capacity", "Capacité de la batterie"),
    ),
    Service("140405", "IUpsBattery_Time", "Battery", "MINUTE", Wave(21, 45, 0), translations=_titles("Backup time")),
    Service("140406", "IUpsBattery_Temp", "Battery", "DEGREE_CELSIUS", None, translations=_titles("Temperature")),
    Service(
        "140500",
        "IUpsAmbient_Temp",
        "Environment",
        "CELSIUS",
        Wave(21, 29),
        translations=_titles("Ups ambient temperature", "Température ambiante"),
    ),
)

_UPS_STATE = (
    Service(
        "140501",
        "IUpsConfig_Units",
        "Configuration",
        None,
        Still("2", days=200),
        "Parameter",
        _titles("Number of unit into the Ups"),
        0,
    ),
    Service(
        "141900",
        "IUpsStatistic_HoursOnInverter_Delta",
        "Statistic",
        "HOUR",
        Delta(2),
        translations=_titles("Delta Ups hours on Inverter"),
        polling_seconds=3600,
    ),
    Service(
        "141935",
        "IUpsStatistic_OverLoadMore5s_Delta",
        "Output",
        None,
        Delta(3),
        translations=_titles("Ups overload more than 5s Delta", "Surcharge de plus de 5 s"),
        polling_seconds=3600,
    ),
    Service("141940", "IUpsStatistic_Hours", "Statistic", "HOUR", Counter(1, 12000, 0)),
    Service(
        "141941",
        "IUpsStatistic_Energy",
        "Statistic",
        "KILOWATT_HOUR",
        Counter(11.5, 40000),
        translations=_titles("Ups output energy", "Énergie fournie"),
    ),
    Service(
        "142000",
        "IUpsState_Mode",
        "Status",
        None,
        Changing((("Normal mode", 30), ("Eco mode", 5), ("Battery mode", 0.3))),
        "State",
        _titles("Operating mode", "Mode de fonctionnement"),
        0,
    ),
    Service("142001", "IUpsState_Battery", "Status", None, Changing((("1", 40), ("2", 1))), "State"),
    Service(
        "142100", "IUpsIdent_Firmware", None, None, Still("2.31b", days=300), "Identification", _titles("Firmware"), 0
    ),
    Service("142101", "IUpsIdent_Comment", None, None, Still("", days=300), "Identification", _titles("Comment"), 0),
)

_UPS_ALARM_TITLES = (
    ("Overload", "Surcharge"),
    ("Battery test in progress", "Test batterie en cours"),
    ("Battery discharged", "Batterie déchargée"),
    ("Battery circuit open", None),
    ("Battery room alarm", "Alarme local batterie"),
    ("Battery temperature", None),
    ("Mains supply out of tolerance", "Réseau hors tolérance"),
    ("Mains phase rotation", None),
    ("Bypass supply out of tolerance", "By-pass hors tolérance"),
    ("Bypass overload", None),
    ("Imminent stop", "Arrêt imminent"),
    ("Inverter overload", None),
    ("Rectifier fault", "Défaut redresseur"),
    ("Charger fault", "Défaut chargeur"),
    ("Fan failure", "Défaut ventilation"),
    ("Over temperature", "Température excessive"),
    ("Output voltage out of tolerance", None),
    ("Remote control lost", None),
    ("Maintenance due", "Maintenance à prévoir"),
    ("Maintenance bypass closed", None),
    ("Emergency power off", "Arrêt d'urgence"),
    ("Wrong configuration", None),
    ("Redundancy lost", "Perte de redondance"),
    ("Synchronisation lost", None),
    ("Air filter", None),
    ("General alarm", "Alarme générale"),
)

_UPS_ALARMS = (
    *(
        _alarm(
            143000 + number,
            f"IUpsAlarm_{en.title().replace(' ', '')}",
            en,
            fr,
            {0: alarm(every_hours=7, for_hours=0.5), 1: alarm(every_hours=26, for_hours=0.25)}.get(number),
        )
        for number, (en, fr) in enumerate(_UPS_ALARM_TITLES)
    ),
    *(_alarm(143100 + input_, f"IUpsAlarm_Input{input_}", f"External input {input_}") for input_ in range(1, 19)),
)

_UPS_UNIT = (
    Service("144000", "IUpsUnit_Lr", "Output", "PERCENT", Wave(15, 75, 0), translations=_titles("Unit load rate")),
    *_phases(144000, "IUpsUnit_I_L", "Output", "AMPERE", Wave(4, 16), "Unit output current", "Courant de l'unité"),
    *_phases(144003, "IUpsUnit_V_L", "Output", "VOLT", Wave(229, 232), "Unit output voltage"),
    *_phases(144006, "IUpsUnit_P_L", "Output", "KILOWATT", Wave(0.8, 3.2, 2), "Unit output active power"),
    Service(
        "144010",
        "IUpsUnit_Temp",
        "Environment",
        "DEGREE_CELSIUS",
        Wave(27, 38),
        translations=_titles("Unit temperature"),
    ),
    Service("144011", "IUpsUnit_FanHours", "Statistic", "HOUR", None, translations=_titles("Fan hours")),
    Service(
        "144012",
        "IUpsUnit_State",
        "Status",
        None,
        Changing((("ON_INVERTER", 50), ("STANDBY", 2))),
        "State",
        _titles("Unit state", "État de l'unité"),
    ),
    Service("144013", "IUpsUnit_Serial", None, None, Still("U-77", days=300), "Identification"),
    _alarm(144100, "IUpsUnitAlarm_General", "Unit general alarm", "Alarme générale unité"),
    _alarm(144101, "IUpsUnitAlarm_Fan", "Unit fan failure", signal=alarm(every_hours=11, for_hours=0.2)),
    _alarm(144102, "IUpsUnitAlarm_Overload", "Unit overload", "Surcharge unité"),
    _alarm(144103, "IUpsUnitAlarm_Temp", "Unit over temperature"),
    _alarm(144104, "IUpsUnitAlarm_Inverter", "Unit inverter fault"),
    _alarm(144105, "IUpsUnitAlarm_Rectifier", "Unit rectifier fault"),
    _alarm(144106, "IUpsUnitAlarm_Battery", "Unit battery fault"),
    _alarm(144107, "IUpsUnitAlarm_Stop", "Unit imminent stop"),
)

_UPS_LOAD = (
    Service("145000", "IUpsLoad_P", "Load", "WATT", Wave(900, 4200, 0), translations=_titles("Load power", "Charge")),
    Service("145001", "IUpsLoad_I", "Load", "AMPERE", Wave(4, 19), translations=_titles("Load current")),
    Service("145002", "IUpsLoad_E", "Load", "KILOWATT_HOUR", Counter(2.5, 900), translations=_titles("Load energy")),
    # an unknown unit
    Service("145003", "IUpsLoad_K", "Load", "K_FACTOR", Wave(1, 4, 2), translations=_titles("Load K factor")),
    Service("145004", "IUpsLoad_Name", None, None, Still("Salle serveurs", days=90), "Parameter"),
)

UPS = (
    Item("Global", 0, (*_UPS_OUTPUT, *_UPS_INPUT, *_UPS_BATTERY, *_UPS_STATE, *_UPS_ALARMS)),
    Item("Unit", 0, _UPS_UNIT),
    Item("Unit", 1, _UPS_UNIT),
    Item("Load", 0, _UPS_LOAD),
)
"""An uninterruptible power supply of two units."""

METER = (
    Item(
        "Global",
        0,
        (
            Service(
                "150100",
                "IMeter_EaPlus",
                "Energy",
                "KILOWATT_HOUR",
                Counter(23, 15000, 2),
                translations=_titles("Active energy", "Énergie active", "Ea+"),
            ),
            Service("150101", "IMeter_ErPlus", "Energy", "KILOVAR_HOUR", Counter(4, 2000, 2)),
            Service("150102", "IMeter_P", "Power", "KILOWATT", Wave(4, 42, 3), translations=_titles("Active power")),
            Service("150103", "IMeter_Q", "Power", "KILOVAR", Wave(1, 6, 3), translations=_titles("Reactive power")),
            Service("150104", "IMeter_F", "Network", "HERTZ", Wave(49.9, 50.1, 2), translations=_titles("Frequency")),
            Service("150105", "IMeter_Pf", "Power", None, Wave(0.8, 1, 3), translations=_titles("Power factor")),
            _alarm(150900, "IMeterAlarm_Voltage", "Voltage out of range", signal=alarm(every_hours=9, for_hours=0.4)),
        ),
    ),
    *(
        Item(
            "Load",
            phase,
            (
                Service("150200", "IMeterLoad_I", "Load", "AMPERE", Wave(6, 63, 2), translations=_titles("Current")),
                Service("150201", "IMeterLoad_V", "Load", "VOLT", Wave(226, 237), translations=_titles("Voltage")),
                Service("150202", "IMeterLoad_P", "Load", "WATT", Wave(1300, 14500, 0), translations=_titles("Power")),
                Service("150203", "IMeterLoad_Ea", "Load", "KILOWATTHOUR", Counter(7.6, 5000, 2)),
            ),
        )
        for phase in range(3)
    ),
)
"""An energy meter whose loads are the three phases."""

GATEWAY = (
    Item(
        "Global",
        0,
        (
            Service("160100", "IGateway_Uptime", "System", "HOUR", Counter(1, 0, 0), translations=_titles("Uptime")),
            Service("160101", "IGateway_Temp", "System", "DEGREE_CELSIUS", Wave(31, 44), translations=_titles("Board")),
            Service("160102", "IGateway_Devices", "System", None, Still("3", days=20), "State"),
            Service("160103", "IGateway_Firmware", None, None, Still("4.0.2", days=120), "Identification"),
            _alarm(160900, "IGatewayAlarm_Lost", "Device lost", signal=alarm(every_hours=13, for_hours=1)),
        ),
    ),
)
"""A gateway, which sends for the devices behind it and is a device itself."""
