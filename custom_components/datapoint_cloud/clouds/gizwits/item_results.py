"""Reads answers that name the items a change succeeded and failed for ("Device groups", "Bindings").

Only the Open API says why an item failed, with a code of its own table.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from .. import coerce
from ..administration import ItemResults
from ..errors import CloudError, Rejected
from . import wire_values
from .errors import OPEN_API


def item_results(answer: Any, sent: Sequence[str]) -> ItemResults:
    """The outcome for each item that was sent; one that the answer does not name has failed."""
    fields = coerce.fields(answer)
    succeeded = set(texts(fields.get("success")))
    codes = {coerce.text(row.get("did")): wire_values.count(row.get("error_code")) for row in _details(fields)}
    return ItemResults(
        succeeded=tuple(item for item in sent if item in succeeded),
        failed={item: _error(codes.get(item)) for item in sent if item not in succeeded},
    )


def _details(fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return coerce.records(fields.get("detail"))


def _error(code: int | None) -> CloudError | None:
    if code is None:
        return None
    kind, reason = OPEN_API.get(code, (Rejected, None))
    return kind(reason, code=code)


def texts(value: Any) -> list[str]:
    """The texts of a list."""
    return [text for item in value if (text := coerce.text(item)) is not None] if isinstance(value, list) else []
