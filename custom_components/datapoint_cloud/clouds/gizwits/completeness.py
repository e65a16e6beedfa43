"""Checks whether a definition is complete, or was damaged or cut off on its way.

No answer states how many attributes a definition has, but the numbers of its attributes and the vendor's screens refer
to missing ones. All known real definitions pass these checks.
"""

from collections.abc import Mapping
from typing import Any

from .. import coerce
from . import wire_values


def is_readable(body: Any) -> bool:
    """Whether a definition has all documented fields.

    "Datapoint definition": entities with attributes, each with a name, a type and a data type.
    """
    entities = coerce.fields(body).get("entities")
    return isinstance(entities, list) and bool(entities) and all(map(_is_readable_entity, entities))


def is_complete(body: Any) -> bool:
    """Whether a definition is readable and refers to no attribute that it lacks.

    Attributes are numbered without gaps, and the descriptions of the vendor's screens, if any, name them by
    "entity.attribute".
    """
    if not is_readable(body):
        return False
    found: set[str] = set()
    for entity in body["entities"]:
        numbers = {wire_values.count(attr["id"]) for attr in entity["attrs"] if attr.get("id") is not None}
        if numbers and numbers != set(range(len(entity["attrs"]))):
            return False
        found |= {f"{entity.get('name')}.{attr['name']}" for attr in entity["attrs"]}
    return _shown(body) <= found


def _is_readable_entity(entity: Any) -> bool:
    attrs = coerce.fields(entity).get("attrs")
    return isinstance(attrs, list) and bool(attrs) and all(map(_is_readable_attr, attrs))


def _is_readable_attr(attr: Any) -> bool:
    fields = coerce.fields(attr)
    is_described = all(isinstance(fields.get(name), str) and fields[name] for name in ("name", "type", "data_type"))
    return is_described and (fields.get("id") is None or wire_values.count(fields["id"]) is not None)


def _shown(body: Mapping[str, Any]) -> set[str]:
    """The attributes that the vendor's screens show, by "entity.attribute"."""
    sections = coerce.records(coerce.fields(body.get("ui")).get("sections"))
    elements = (element for section in sections for element in coerce.records(section.get("elements")))
    return {key for element in elements if isinstance(key := element.get("key"), str)}
