"""How readable the entities of real products are: `python -m benchmarks.readable FOLDER`.

It describes each definition in the folder (or in its `products` folder) for a user who reads English, with our
profiles, and counts the entities that are enabled at first. For each recorded answer in its `devdata` folder it counts
the values that nothing shows. It exits with 1 if a goal is missed. It shows names of files and numbers; nothing leaves
the machine.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from homeassistant.const import Platform

from custom_components.datapoint_cloud.clouds.gizwits.desc import read_desc
from custom_components.datapoint_cloud.clouds.gizwits.schema import parse
from custom_components.datapoint_cloud.clouds.model import DataType
from custom_components.datapoint_cloud.fleet.description import DatapointDescription, describe
from custom_components.datapoint_cloud.fleet.naming import Naming
from custom_components.datapoint_cloud.profiles import NO_PROFILE
from custom_components.datapoint_cloud.vocabulary import is_chinese

_DANGEROUS = re.compile(r"恢复出厂|重启|重置|复位|清零|升级授权|factory|reboot|restart|(?<![a-z])reset", re.IGNORECASE)
_LONGEST_NAME_IN_DESC = 14


@dataclass(slots=True)
class Row:
    """The figures of one definition, or the sum of all."""

    file: str
    entities: int = 0
    enabled: int = 0
    chinese: int = 0  # names and options, also of disabled entities; goal 0
    numbers: int = 0  # enabled
    measured: int = 0  # of them, those with a unit or a class
    choices: int = 0  # numbers that are choices by the words of the vendor; goal 0
    dangerous: int = 0  # enabled switches that reset or restart; goal 0

    @property
    def is_missed(self) -> bool:
        """Whether a goal is missed."""
        return bool(self.chinese or self.choices or self.dangerous)


def _rows(folder: Path, naming: Naming) -> Iterator[Row]:
    products = folder / "products" if (folder / "products").is_dir() else folder
    for path in sorted(products.glob("*.json")):
        definition = parse(json.loads(path.read_text(encoding="utf-8")))
        if definition is None:
            continue
        row = Row(path.stem)
        for description in describe(definition.schema.datapoints, {}, NO_PROFILE, naming).values():
            _count(row, description)
        yield row


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


def _print(rows: list[Row]) -> None:
    names = [found.name for found in fields(Row)]
    print(f"{names[0]:<45}" + "".join(f"{name:>11}" for name in names[1:]))
    for row in rows:
        print(f"{row.file:<45}" + "".join(f"{getattr(row, name):>11}" for name in names[1:]))


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
