"""Finds the datapoints of a device by what people call them: their names in Home Assistant or in the cloud, or keys.

It reads the entity registry and sends no request.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Final, Self

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from .const import DOMAIN
from .coordinator import DatapointCoordinator
from .device_registry import unique_id_of
from .fleet.description import DatapointDescription
from .fleet.device_state import DeviceState

_SEPARATORS: Final = re.compile(r"[\s_\-|.:/()（）]+")
_SIMILAR: Final = 0.7
"""From this ratio on, one name counts as a misspelling of another."""
_OF_WORDS: Final = 0.95
"""Names with similar words are a little less similar than names that are similar as a whole."""
_MOST_SIMILAR: Final = 5


def normalized(text: str) -> str:
    """Return a name as it is compared: in lower case, without accents, with one blank between its words."""
    letters = (char for char in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(char))
    return _SEPARATORS.sub(" ", "".join(letters)).strip()


def similar(word: str, names: Iterable[str]) -> list[str]:
    """Return the names that a misspelt or incomplete word may mean, the most similar first."""
    scores = {name: _likeness(normalized(word), normalized(name)) for name in names}
    found = sorted((name for name, score in scores.items() if score >= _SIMILAR), key=lambda name: -scores[name])
    return found[:_MOST_SIMILAR]


def _likeness(wanted: str, known: str) -> float:
    """Return how similar two normalized names are, from 0 to 1."""
    if not wanted or not known:
        return 0.0
    if len(wanted) > 1 and wanted in known:
        return 1.0
    of_words = [max(_ratio(word, other) for other in known.split()) for word in wanted.split()]
    mean = sum(of_words) / len(of_words) if min(of_words) >= _SIMILAR else 0.0
    return max(_ratio(wanted, known), mean * _OF_WORDS)


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


@dataclass(frozen=True, slots=True)
class DatapointNames:
    """What the datapoints of one device are called."""

    labels: Mapping[str, str]
    """The name to show for each key; it differs from all others of the device."""
    _keys: Mapping[str, Sequence[str]] = field(repr=False)
    """The keys by each normalized name."""

    @classmethod
    def of(cls, hass: HomeAssistant, coordinator: DatapointCoordinator, state: DeviceState) -> Self:
        """Collect the names: those that the user gave to the entities, and all that the cloud has."""
        registry = er.async_get(hass)
        shown: dict[str, str] = {}
        keys: dict[str, list[str]] = defaultdict(list)
        for key, description in state.descriptions.items():
            unique_id = unique_id_of(coordinator, state.device.id, key)
            entity_id = registry.async_get_entity_id(description.platform, DOMAIN, unique_id)
            entity = None if entity_id is None else registry.async_get(entity_id)
            own = entity.name if entity is not None else None
            part = description.datapoint.part
            shown[key] = f"{part.name} {own or description.name}" if part else own or description.name
            names = {key, shown[key], own, description.name, entity_id, *_clouds_names(description)}
            if entity is not None:
                names |= {alias for alias in entity.aliases if isinstance(alias, str)}
            for name in {normalized(name) for name in names if name}:
                keys[name].append(key)
        return cls(_unambiguous(shown, state.descriptions), keys)

    def find(self, word: str) -> Sequence[str]:
        """Return the keys of the datapoints that a word names: none, one, or several with the same name."""
        if word in self.labels:
            return [word]
        by_label = [key for key, label in self.labels.items() if normalized(label) == normalized(word)]
        return by_label or self._keys.get(normalized(word), ())

    def similar(self, word: str) -> list[str]:
        """Return the labels of the datapoints that a word may mean; all labels if none is similar."""
        names = similar(word, self._keys)
        labels = dict.fromkeys(self.labels[key] for name in names for key in self._keys[name])
        return list(labels)[:_MOST_SIMILAR] or sorted(self.labels.values(), key=str.casefold)


def _clouds_names(description: DatapointDescription) -> Collection[str]:
    datapoint = description.datapoint
    return {datapoint.name, *datapoint.names.values()}


def _unambiguous(shown: Mapping[str, str], descriptions: Mapping[str, DatapointDescription]) -> dict[str, str]:
    """Add the kind of the entity, or the key, to a name that several datapoints have."""
    times = Counter(map(normalized, shown.values()))
    kinds = Counter((normalized(name), descriptions[key].platform) for key, name in shown.items())
    labels: dict[str, str] = {}
    for key, name in shown.items():
        if times[normalized(name)] == 1:
            labels[key] = name
        elif kinds[normalized(name), descriptions[key].platform] == 1:
            labels[key] = f"{name} ({descriptions[key].platform.replace('_', ' ')})"
        else:
            labels[key] = f"{name} ({key})"
    return labels
