"""Reads the lists of a user's groups, of their devices and of scenes, whose answers the document does not show."""

from collections.abc import Mapping
from typing import Any

from ... import coerce
from ...errors import UnexpectedAnswer
from ..paging import Row


def rows_by_id(answer: Any, id_field: str, *, endpoint: str) -> Mapping[str, Row]:
    """Return the rows of a list, or of the only list in an object, by their ids; a row may be a bare id.

    Raises `UnexpectedAnswer` for anything else: without a list nothing proves that there are no rows.
    """
    contents = [answer] if isinstance(answer, list) else coerce.fields(answer).values()
    lists = [content for content in contents if isinstance(content, list)]
    if len(lists) != 1:
        raise UnexpectedAnswer(endpoint=endpoint)
    rows = [item if isinstance(item, dict) else {id_field: item} for item in lists[0]]
    found = {row_id: row for row in rows if (row_id := coerce.text(row.get(id_field))) is not None}
    if rows and not found:
        raise UnexpectedAnswer(endpoint=endpoint)
    return found
