"""Checks whether the user who calls an action may use its devices and datapoints, by their permissions on entities.

The permission on a datapoint is that on its entity. A datapoint without an entity needs the permission on all entities
of its device, and a device without entities needs the permission on everything.
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
from ..device_registry import unique_id_of


@dataclass(frozen=True, slots=True)
class Rights:
    """The permissions of the caller of an action. `permissions` is None for administrators and for automations."""

    call: ServiceCall
    permission: str
    permissions: AbstractPermissions | None
    entities: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """Entity ids by unique id, for each config entry that was looked up."""

    @classmethod
    async def async_of(cls, call: ServiceCall, permission: str) -> Self:
        """Look up the user of a call. Raises `UnknownUser` if the user no longer exists."""
        if not call.context.user_id:
            return cls(call, permission, None)
        user = await call.hass.auth.async_get_user(call.context.user_id)
        if user is None:
            raise UnknownUser(context=call.context, permission=permission)
        return cls(call, permission, None if user.is_admin else user.permissions)

    def require_datapoints(self, coordinator: DatapointCoordinator, device_id: str, keys: Iterable[str]) -> None:
        """Raise `Unauthorized` unless the user may use these datapoints of a device."""
        if self.permissions is None:
            return
        entities = self._entities_of(coordinator)
        device_entities = [
            entity_id
            for unique_id, entity_id in entities.items()
            if unique_id.startswith(unique_id_of(coordinator, device_id, ""))
        ]
        for key in keys:
            entity_id = entities.get(unique_id_of(coordinator, device_id, key))
            self.require_entities(device_entities if entity_id is None else [entity_id])

    def require_device(self, coordinator: DatapointCoordinator, device_id: str) -> None:
        """Raise `Unauthorized` unless the user may use all entities of a device."""
        self.require_datapoints(coordinator, device_id, [""])

    def require_account(self, coordinator: DatapointCoordinator) -> None:
        """Raise `Unauthorized` unless the user may use all entities of an account."""
        if self.permissions is not None:
            self.require_entities(self._entities_of(coordinator).values())

    def require_entities(self, entity_ids: Iterable[str]) -> None:
        """Raise `Unauthorized` unless the user may use these entities; if there are none, unless they may use all."""
        if self.permissions is None:
            return
        required = list(entity_ids)
        refused = [entity_id for entity_id in required if not self.permissions.check_entity(entity_id, self.permission)]
        if refused or (not required and not self.permissions.access_all_entities(self.permission)):
            raise Unauthorized(
                context=self.call.context,
                entity_id=refused[0] if refused else None,
                perm_category=CAT_ENTITIES,
                permission=self.permission,
            )

    def _entities_of(self, coordinator: DatapointCoordinator) -> Mapping[str, str]:
        """Return the entity ids of an account by unique id, including disabled entities."""
        entry_id = coordinator.config_entry.entry_id
        if entry_id not in self.entities:
            entries = er.async_entries_for_config_entry(er.async_get(coordinator.hass), entry_id)
            self.entities[entry_id] = {entry.unique_id: entry.entity_id for entry in entries}
        return self.entities[entry_id]
