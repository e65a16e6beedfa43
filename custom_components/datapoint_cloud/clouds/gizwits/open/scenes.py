"""The scenes of an app's user: lists of commands that the cloud carries out together ("Open API, Scenes")."""

from collections.abc import Sequence
from typing import Final

from ... import coerce
from ...administration import Scene
from ...budget import Purpose
from .bindings import Request

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
        rows = coerce.records(answer if isinstance(answer, list) else coerce.fields(answer).get("objects"))
        return [
            Scene(id=scene_id, name=coerce.text(row.get("scene_name")) or scene_id)
            for row in rows
            if (scene_id := coerce.text(row.get("id"))) is not None
        ]

    async def run(self, scene_id: str) -> None:
        """Carry out a scene. The cloud accepts it before its devices have obeyed."""
        await self._request("POST", _TASK_PATH, parts={"id": scene_id}, may_be_empty=True)
