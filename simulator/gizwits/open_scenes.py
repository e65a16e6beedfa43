"""The Open API's scenes: named lists of commands that the cloud carries out together."""

from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from .behaviours import Value
from .errors import Refused
from .identifiers import derive_hex
from .open_core import OpenCore


@dataclass(slots=True)
class Scene:
    """A scene: values by the did of the device that they are for. `runs` counts how often it was carried out."""

    id: str
    name: str
    uid: str
    commands: dict[str, dict[str, Value]]
    runs: int = 0


class OpenScenes:
    """All scenes, and their endpoints."""

    def __init__(self, core: OpenCore) -> None:
        self._core = core
        self.by_id: dict[str, Scene] = {}
        self._made = 0
        route = core.app.router
        route.add_get("/app/scene", self._list)
        route.add_post("/app/scene/{id}/task", self._run)

    def add(self, name: str, uid: str, commands: dict[str, dict[str, Value]]) -> Scene:
        """Make a scene, whose id no other scene had before."""
        scene = Scene(derive_hex(f"scene {uid} {self._made}", 24), name, uid, commands)
        self.by_id[scene.id] = scene
        self._made += 1
        return scene

    async def _list(self, request: web.Request) -> web.Response:
        uid = self._core.user(request).uid
        now = datetime.fromtimestamp(self._core.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        rows = [
            {"id": scene.id, "scene_name": scene.name, "remark": "", "created_at": now, "updated_at": now, "tasks": []}
            for scene in self.by_id.values()
            if scene.uid == uid
        ]
        return self._core.answer_list(rows)

    async def _run(self, request: web.Request) -> web.Response:
        uid = self._core.user(request).uid
        scene = self.by_id.get(request.match_info["id"])
        if scene is None:
            raise Refused(9220)
        if scene.uid != uid:
            raise Refused(9221)
        scene.runs += 1
        for did, values in scene.commands.items():
            self._core.command(self._core.devices[did], {"attrs": values})
        return self._core.answer({"id": scene.id}, 201)
