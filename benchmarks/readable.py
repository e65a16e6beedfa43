"""How readable the entities of real products are: `python -m benchmarks.readable FOLDER`.

It describes each definition in the folder (or in its `products` folder) for a user who reads English, with our
profiles, and counts the entities that are enabled at first. For each recorded answer in `devdata` it counts the values
that no entity shows. It exits with 1 if a goal is missed. It shows names of files and numbers; nothing leaves the
machine.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from homeassistant.const import Platform

from custom_components.datapoint_cloud.clouds.gizwits.desc import read_desc
from custom_components.datapoint_cloud.clouds.gizwits.schema import parse
from custom_components.datapoint_cloud.clouds.model import Datapoint, DataType, Value
from custom_components.datapoint_cloud.fleet.composites import composites_of, without_parts_of
from custom_components.datapoint_cloud.fleet.description import DatapointDescription, describe
from custom_components.datapoint_cloud.fleet.naming import Naming
from custom_components.datapoint_cloud.profiles import Product, load_profiles
from custom_components.datapoint_cloud.schedules.resolve import schedules_of
from custom_components.datapoint_cloud.vocabulary import is_chinese

_DANGEROUS = re.compile(r"恢复出厂|重启|重置|复位|清零|升级授权|factory|reboot|restart|(?<![a-z])reset", re.IGNORECASE)
_LONGEST_NAME_IN_DESC = 14
_LEAST_MEASURED = 0.9


@dataclass(slots=True)
class Row:
    """The figures of one definition or recorded answer, or the sum of all."""

    file: str
    entities: int = 0
    enabled: int = 0
    chinese: int = 0  # names and options, also of disabled entities; goal 0
    numbers: int = 0  # enabled
    measured: int = 0  # of them, those with a unit or a class; goal 90 % of all
    choices: int = 0  # numbers that are choices by the words of the vendor; goal 0
    dangerous: int = 0  # enabled switches that reset or restart; goal 0
    composites: int = 0  # entities that show several datapoints
    roles: int = 0  # of datapoints in them
    unfilled: int = 0  # roles and entities of the profile that the product lacks datapoints for
    schedules: int = 0  # that can be read in words
    slots: int = 0  # in them
    unknown: int = 0  # bytes of them that nobody explains
    lost: int = 0  # recorded values that nothing shows; goal 0

    @property
    def is_missed(self) -> bool:
        """Whether a goal is missed, of the sum of all rows."""
        is_unmeasured = self.measured < _LEAST_MEASURED * self.numbers
        return bool(self.chinese or self.choices or self.dangerous or self.lost or is_unmeasured)


def _rows(folder: Path, naming: Naming) -> Iterator[Row]:
    products = folder / "products" if (folder / "products").is_dir() else folder
    for path in sorted(products.glob("*.json")):
        body = _read(path)
        if (definition := parse(body)) is None:
            continue
        product = Product(str(body.get("product_key", "")), definition.by_key, definition.name or "")
        row = Row(path.stem)
        for description in _described(row, product, naming).values():
            _count(row, description)
        yield row
    names = dict(_names(folder))
    for path in sorted((folder / "devdata").glob("*.json")):
        body = _read(path)
        yield _recorded(Row(path.stem), body["attr"], *names.get(body.get("did", ""), ("", "")), naming)


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _names(folder: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the product key and the product name of each bound device, by its id."""
    for path in (folder / "bindings").glob("*.json"):
        for row in _read(path)["devices"]:
            yield row["did"], (row["product_key"], row["product_name"])


def _described(row: Row, product: Product, naming: Naming) -> Mapping[str, DatapointDescription]:
    profile = load_profiles().of(product)
    descriptions = describe(product.datapoints.values(), {}, profile, naming)
    composites = composites_of(profile, descriptions)
    row.composites = len(composites)
    row.roles = sum(len(composite.roles) + len(composite.levels) for composite in composites)
    certain = (composite for composite in profile.composites if not composite.requires)
    wanted = sum(len(composite.roles) + len(composite.levels) + 1 for composite in certain)
    row.unfilled = max(0, wanted - row.roles - row.composites)
    for schedule in schedules_of(descriptions, profile.records, naming):
        row.schedules += 1
        row.slots += len(schedule.places)
        row.unknown += sum(len(place.layout.unknown) for place in schedule.places)
    return without_parts_of(composites, descriptions, profile)


def _count(row: Row, description: DatapointDescription) -> None:
    datapoint = description.datapoint
    row.entities += 1
    row.chinese += sum(map(is_chinese, (description.name, description.object_name, *description.options)))
    if not description.is_enabled:
        return
    row.enabled += 1
    if datapoint.data_type is DataType.NUMBER:
        row.numbers += 1
        row.measured += description.unit is not None or description.device_class is not None
        row.choices += _is_choice(description)
    if description.platform is Platform.SWITCH:
        said = (datapoint.name, datapoint.key, (datapoint.desc or "")[:_LONGEST_NAME_IN_DESC])
        row.dangerous += any(_DANGEROUS.search(text) for text in said)


def _is_choice(description: DatapointDescription) -> bool:
    """Whether the vendor's words name each number that the datapoint can be."""
    datapoint = description.datapoint
    choices = read_desc(datapoint.desc or "").choices
    if not choices or datapoint.step != 1 or datapoint.minimum is None or datapoint.maximum is None:
        return False
    least, most = int(datapoint.minimum), int(datapoint.maximum)
    return most > max(choices) or all(number in choices for number in range(least, most + 1))


def _recorded(row: Row, values: Mapping[str, Value], product_key: str, name: str, naming: Naming) -> Row:
    """Count the recorded values that a product with these datapoints would not show."""
    datapoints = {key: _datapoint(key, value) for key, value in values.items()}
    descriptions = _described(row, Product(product_key, datapoints, name), naming)
    row.entities = len(descriptions)
    for key, value in values.items():
        description = descriptions[key]
        shown = description.shown(value)
        is_no_option = description.platform is Platform.SELECT and shown not in description.options
        row.lost += (shown is None and value not in description.absent) or is_no_option
    return row


def _datapoint(key: str, value: Value) -> Datapoint:
    """Return the least that a definition says of a datapoint with this value."""
    is_text = isinstance(value, str)
    return Datapoint(
        key=key,
        name=key,
        data_type=DataType.ENUM if is_text else DataType.NUMBER,
        options=(str(value),) if is_text else (),
        is_writable=True,
        minimum=None if is_text else 0,
        maximum=None if is_text else 65_535,
        step=1,
    )


def _print(rows: list[Row]) -> None:
    names = [found.name for found in fields(Row)]
    print(f"{names[0]:<36}" + "".join(f"{name:>{len(name) + 2}}" for name in names[1:]))
    for row in rows:
        print(f"{row.file:<36}" + "".join(f"{getattr(row, name):>{len(name) + 2}}" for name in names[1:]))


def main(folder: Path) -> bool:
    """Print the table; return whether all goals are reached."""
    rows = list(_rows(folder, Naming.load("en")))
    total = Row("all")
    for name in (found.name for found in fields(Row) if found.name != "file"):
        setattr(total, name, sum(getattr(row, name) for row in rows))
    _print([*rows, total])
    return bool(rows) and not total.is_missed


if __name__ == "__main__":
    sys.exit(not main(Path(sys.argv[1])))
