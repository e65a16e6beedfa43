"""Makes simulated products and devices from recorded definitions, lists and values."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args

from simulator.gizwits.behaviours import Value, steady
from simulator.gizwits.devices import GizwitsDevice, Place
from simulator.gizwits.products import READABLE, Attribute, AttributeDataType, AttributeType, Product

from .recording import Recording


def products(recording: Recording) -> dict[str, Product]:
    """Return the products whose definitions were recorded, by product key."""
    found: dict[str, Product] = {}
    for exchange in recording.answers("/datapoint"):
        definition = exchange.json
        if isinstance(definition, dict) and isinstance(definition.get("entities"), list):
            key = str(
                definition.get("product_key") or exchange.query.get("product_key") or exchange.path.split("/")[-2]
            )
            key = exchange.query.get("product_key", key)
            found[key] = _product(key, definition)
    return found


def _product(key: str, definition: dict[str, Any]) -> Product:
    entities = [entity for entity in definition["entities"] if isinstance(entity, dict)]
    attributes = [attr for entity in entities for attr in entity.get("attrs", ()) if isinstance(attr, dict)]
    product = Product(
        key=key,
        name=str(definition.get("name", key)),
        attributes=tuple(made for attr in attributes if (made := _attribute(attr)) is not None),
        protocol_type="var_len" if definition.get("protocolType") == "var_len" else "standard",
    )
    # The recorded definition itself, with everything that the simulated one lacks.
    object.__setattr__(product, "definition", definition)
    return product


def _attribute(attr: Mapping[str, Any]) -> Attribute | None:
    data_type: AttributeDataType | None = _one_of(AttributeDataType, attr.get("data_type"))
    kind: AttributeType | None = _one_of(AttributeType, attr.get("type"))
    if data_type is None or "name" not in attr:
        return None
    spec, labels = attr.get("uint_spec") or attr.get("unit_spec") or {}, tuple(attr.get("enum") or ())
    nothing: Value = False if data_type == "bool" else 0
    if data_type in {"enum", "binary"}:
        nothing = str(labels[0]) if labels else ""
    return Attribute(
        name=attr["name"],
        title=str(attr.get("display_name", "")),
        type=kind or READABLE,
        data_type=data_type,
        behaviour=steady(nothing),
        minimum=spec.get("min", 0),
        maximum=spec.get("max", 0),
        ratio=spec.get("ratio") or 1,
        addition=spec.get("addition", 0),
        labels=labels or ("",),
        length=(attr.get("position") or {}).get("len", 0),
    )


def _one_of(type_: Any, value: object) -> Any:
    """Return a value that is one of a literal type's; None for any other."""
    return value if value in get_args(type_.__value__) else None


def device(
    row: Mapping[str, Any], product: Product, values: Mapping[str, Any], clock: Callable[[], float], uid: str | None
) -> GizwitsDevice:
    """Return a device as a recorded list describes it, with its recorded values."""
    place = None
    if row.get("country") and isinstance(row.get("longitude"), int | float):
        place = Place(row["country"], row.get("region", ""), row.get("city", ""), row["longitude"], row["latitude"])
    made = GizwitsDevice(
        product=product,
        did=row["did"],
        mac=str(row.get("mac", "")),
        clock=clock,
        alias=str(row.get("dev_alias", "")),
        uid=uid,
        passcode=str(row.get("passcode", "")),
        role=str(row.get("role", "")),
        remark=str(row.get("remark", "")),
        place=place,
        is_disabled=bool(row.get("is_disabled", False)),
        offline_for=None if row.get("is_online", True) in {True, "1"} else 3600.0,
        silent={attribute.name for attribute in product.attributes if attribute.name not in values},
    )
    made.set(**{name: _value(name, value, product) for name, value in values.items()})
    return made


def _value(name: str, value: Any, product: Product) -> Any:
    attribute = product.by_name.get(name)
    return bool(value) if attribute is not None and attribute.data_type == "bool" else value


def last_values(exchanges: Iterable[Any], keys: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return the newest recorded values by did; `keys` are the fields that may contain them."""
    found: dict[str, dict[str, Any]] = {}
    for exchange in exchanges:
        body: Mapping[str, Any] = exchange.json if isinstance(exchange.json, dict) else {}
        rows: list[Any] = body["objects"] if isinstance(body.get("objects"), list) else [body]
        values = [row[key] for row in rows for key in keys if isinstance(row, dict) and isinstance(row.get(key), dict)]
        if values:
            found[exchange.path.split("/")[-2]] = values[0] if exchange.query.get("sort") != "asc" else values[-1]
    return found
