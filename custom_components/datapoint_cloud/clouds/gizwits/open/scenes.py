"""The scenes of an app's user: lists of commands that the cloud carries out together ("Open API, Scenes")."""

from collections.abc import Sequence
from typing import Final

from ... import coerce
from ...administration import Scene
from ...budget import Purpose
from .bindings import Request
from .lists import rows_by_id

_SCENES_PATH: Final = "/app/scene"
_TASK_PATH: Final = "/app/scene/{id}/task"


class Scenes:
    """The scenes of one user."""

    def __init__(self, request: Request) -> None:
        """Ask with `request`."""
        self._request = request

    async def list_scenes(self) -> Sequence[Scene]:
        """Return all scenes. Raises any `CloudError`."""
        answer = await self._request("GET", _SCENES_PATH, purpose=Purpose.POLLING)
        rows = rows_by_id(answer, "id", endpoint=_SCENES_PATH)
        return [
            Scene(id=scene_id, name=coerce.text(row.get("scene_name")) or scene_id) for scene_id, row in rows.items()
        ]

    async def run(self, scene_id: str) -> None:
        """Carry out a scene. The cloud accepts it before its devices have obeyed."""
        await self._request("POST", _TASK_PATH, parts={"id": scene_id}, may_be_empty=True)
