"""The Open API's list of invitations to share devices. The apps send and accept them, so nothing else is served."""

from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from .open_core import OpenCore
from .wire import one_of, whole_number

type State = Literal[0, 1, 2, 3]
"""Pending, accepted, refused or cancelled."""


@dataclass(slots=True)
class Invitation:
    """An invitation that a user received."""

    uid: str
    did: str
    status: State


class OpenSharing:
    """All invitations."""

    def __init__(self, core: OpenCore) -> None:
        self._core = core
        self.received: list[Invitation] = []
        core.app.router.add_get("/app/sharing", self._list)

    async def _list(self, request: web.Request) -> web.Response:
        uid = self._core.user(request).uid
        kind = one_of(request, "sharing_type", ("0", "1"), 9015)
        limit, skip = whole_number(request, "limit", 20, 9015), whole_number(request, "skip", 0, 9015)
        found = [invitation for invitation in self.received if kind == "1" and invitation.uid == uid]
        rows = [
            {"id": number, "did": invitation.did, "status": invitation.status}
            for number, invitation in enumerate(found)
        ]
        meta = {"total": len(rows), "limit": limit, "skip": skip}
        return self._core.answer({"meta": meta, "objects": rows[skip : skip + limit]})
