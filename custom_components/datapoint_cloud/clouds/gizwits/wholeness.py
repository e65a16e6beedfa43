"""Whether a definition is all that the vendor has, or was damaged or shortened on its way.

No answer tells how many attributes there are, but what is left of one betrays what is missing. All real definitions
that are known hold together like this. It reads nothing else out of them.
"""

from collections.abc import Mapping
from typing import Any

from .. import coerce
from . import wire_values


def is_readable(body: Any) -> bool:
    """Whether a definition has what the documents promise of each part.

    "Datapoint definition": entities with attributes, each with a name, a type and a type of data.
    """
    entities = coerce.fields(body).get("entities")
    return isinstance(entities, list) and bool(entities) and all(map(_is_readable_entity, entities))


def is_whole(body: Any) -> bool:
    """Whether a definition that can be read speaks of nothing that it lacks.

    Its attributes are numbered through, and where the vendor's screens are described, they show attributes by
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
    """The attributes that the vendor's own screens show."""
    sections = coerce.records(coerce.fields(body.get("ui")).get("sections"))
    elements = (element for section in sections for element in coerce.records(section.get("elements")))
    return {key for element in elements if isinstance(key := element.get("key"), str)}
