"""Whether the user who calls an action may do so with what it is about, as Home Assistant checks it for its own.

A datapoint is what its entity is. What no entity shows is asked of all entities of its device, and what shows no entity
at all only of those who may do everything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from homeassistant.auth.permissions import AbstractPermissions
from homeassistant.auth.permissions.const import CAT_ENTITIES
from homeassistant.core import ServiceCall
from homeassistant.exceptions import Unauthorized, UnknownUser
from homeassistant.helpers import entity_registry as er

from ..coordinator import DatapointCoordinator
from ..entity import unique_id_of


@dataclass(frozen=True, slots=True)
class Rights:
    """What the caller of an action may do. `permissions` is None for administrators, and for what no user calls."""

    call: ServiceCall
    permission: str
    permissions: AbstractPermissions | None
    entities: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """Those of the accounts that were looked at, by the id of the entry."""

    @classmethod
    async def async_of(cls, call: ServiceCall, permission: str) -> Self:
        """Look the user of a call up. Raises `UnknownUser` if there is no such user any more."""
        if not call.context.user_id:
            return cls(call, permission, None)
        user = await call.hass.auth.async_get_user(call.context.user_id)
        if user is None:
            raise UnknownUser(context=call.context, permission=permission)
        return cls(call, permission, None if user.is_admin else user.permissions)

    def require_datapoints(self, coordinator: DatapointCoordinator, device_id: str, keys: Iterable[str]) -> None:
        """Raise `Unauthorized` unless the user may do so with these datapoints of a device of a cloud."""
        if self.permissions is None:
            return
        entities = self._entities_of(coordinator)
        of_device = [
            entity_id
            for unique_id, entity_id in entities.items()
            if unique_id.startswith(unique_id_of(coordinator, device_id, ""))
        ]
        for key in keys:
            entity_id = entities.get(unique_id_of(coordinator, device_id, key))
            self.require_entities(of_device if entity_id is None else [entity_id])

    def require_device(self, coordinator: DatapointCoordinator, device_id: str) -> None:
        """Raise `Unauthorized` unless the user may do so with all that a device has."""
        self.require_datapoints(coordinator, device_id, [""])

    def require_account(self, coordinator: DatapointCoordinator) -> None:
        """Raise `Unauthorized` unless the user may do so with all that an account has."""
        if self.permissions is not None:
            self.require_entities(self._entities_of(coordinator).values())

    def require_entities(self, entity_ids: Iterable[str]) -> None:
        """Raise `Unauthorized` unless the user may do so with all of these."""
        if self.permissions is None:
            return
        asked = list(entity_ids)
        refused = [entity_id for entity_id in asked if not self.permissions.check_entity(entity_id, self.permission)]
        if refused or (not asked and not self.permissions.access_all_entities(self.permission)):
            raise Unauthorized(
                context=self.call.context,
                entity_id=refused[0] if refused else None,
                perm_category=CAT_ENTITIES,
                permission=self.permission,
            )

    def _entities_of(self, coordinator: DatapointCoordinator) -> Mapping[str, str]:
        """The entities of an account, disabled ones too, by unique id."""
        entry_id = coordinator.config_entry.entry_id
        if entry_id not in self.entities:
            entries = er.async_entries_for_config_entry(er.async_get(coordinator.hass), entry_id)
            self.entities[entry_id] = {entry.unique_id: entry.entity_id for entry in entries}
        return self.entities[entry_id]
