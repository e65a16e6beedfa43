"""Whether a definition is all that the vendor has, or was damaged or shortened on its way.

No answer tells how many attributes there are, but what is left of one betrays what is missing. All real definitions
that are known hold together like this. It reads nothing else out of them.
"""

from collections.abc import Mapping
from typing import Any

from .. import wire


def is_whole(body: Any) -> bool:
    """Whether a definition has what the documents promise and speaks of nothing that it lacks.

    "Datapoint definition": entities with attributes, each with a name, a type and a type of data, numbered through;
    where the vendor's screens are described, they show attributes by "entity.attribute".
    """
    entities = wire.fields(body).get("entities")
    if not isinstance(entities, list) or not entities:
        return False
    found: set[str] = set()
    for entity in map(wire.fields, entities):
        attrs = entity.get("attrs")
        if not isinstance(attrs, list) or not attrs or not all(_is_complete(wire.fields(attr)) for attr in attrs):
            return False
        if {attr.get("id") for attr in attrs} != set(range(len(attrs))):
            return False
        found |= {f"{entity.get('name')}.{attr['name']}" for attr in attrs}
    return _shown(wire.fields(body)) <= found


def _is_complete(attr: Mapping[str, Any]) -> bool:
    if not all(isinstance(attr.get(name), str) and attr[name] for name in ("name", "type", "data_type")):
        return False
    return not isinstance(attr.get("id"), bool) and isinstance(attr.get("id"), int)


def _shown(body: Mapping[str, Any]) -> set[str]:
    """The attributes that the vendor's own screens show."""
    sections = wire.records(wire.fields(body.get("ui")).get("sections"))
    elements = (element for section in sections for element in wire.records(section.get("elements")))
    return {key for element in elements if isinstance(key := element.get("key"), str)}
