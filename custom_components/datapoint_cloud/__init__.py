"""Register the actions; set up, unload, migrate and remove an account."""

from functools import partial
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryNotReady
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.typing import ConfigType

from . import reauth
from .accounts import cloud_of, forget_login
from .clouds.model import Device
from .commands import Commands
from .const import DOMAIN
from .coordinator import DatapointCoordinator
from .device_registry import async_sync_devices, ids_of, is_listed, known_device_ids
from .issues import async_delete_issues, async_update_issues
from .profiles import load_profiles
from .runtime import DatapointConfigEntry, Runtime
from .services import async_setup_services
from .statistics.schedule import ImportSchedule
from .storage import AccountStorage, take_over

PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.EVENT,
    Platform.NUMBER,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SWITCH,
]


CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions, which outlive any account."""
    async_setup_services(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: DatapointConfigEntry) -> bool:
    """Set up an account: list its devices, show them, read them."""
    # First of all: what changes while it is set up would not be seen by the listener of a later moment.
    entry.async_on_unload(entry.add_update_listener(_reload_when_changed(entry)))
    storage = AccountStorage(hass, entry.entry_id)
    await storage.async_load(take_over(hass, entry.unique_id))
    profiles = await hass.async_add_executor_job(load_profiles)
    coordinator = DatapointCoordinator(hass, entry, cloud_of(hass, entry, storage.client_store), storage, profiles)
    coordinator.async_report_problems = partial(async_update_issues, coordinator)
    coordinator.inventory.expect_devices(known_device_ids(hass, entry))
    try:
        await coordinator.async_begin()
    except (ConfigEntryNotReady, ConfigEntryAuthFailed) as error:
        # The next try begins with what this one learnt: a token, or for how long the cloud wants no requests.
        await storage.async_close()
        if isinstance(error, ConfigEntryAuthFailed):
            reauth.async_try_again_later(hass, entry)
        raise
    imports = ImportSchedule(hass, entry, coordinator, storage.client_store)
    entry.runtime_data = Runtime(coordinator, Commands(coordinator), storage, imports)

    registered: list[Device | str] | None = None

    @callback
    def sync_devices() -> None:
        nonlocal registered
        known: list[Device | str] = [
            *(state.device for state in coordinator.fleet.values()),
            *coordinator.inventory.absent,
        ]
        if known != registered:  # during set-up nothing but datapoints comes, many times
            registered = known
            async_sync_devices(hass, entry, coordinator)

    sync_devices()
    # Before the platforms': an entity finds its device, and the parent of its part, registered.
    entry.async_on_unload(coordinator.listeners.async_add_for_inventory(sync_devices))
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    await coordinator.async_start()
    imports.async_start()
    return True


def _reload_when_changed(entry: DatapointConfigEntry) -> Any:
    """Reload for other options or scopes than those that were set up, and for nothing else."""
    seen = _choices(entry)

    async def reload(hass: HomeAssistant, entry: DatapointConfigEntry) -> None:
        if _choices(entry) != seen:
            hass.config_entries.async_schedule_reload(entry.entry_id)

    return reload


def _choices(entry: DatapointConfigEntry) -> tuple[dict[str, Any], dict[str, tuple[str, dict[str, Any]]]]:
    scopes = {key: (subentry.title, dict(subentry.data)) for key, subentry in entry.subentries.items()}
    return dict(entry.options), scopes


async def async_unload_entry(hass: HomeAssistant, entry: DatapointConfigEntry) -> bool:
    """Unload an account; what it learnt is kept."""
    is_unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    if is_unloaded:
        await entry.runtime_data.storage.async_close()
        if entry.disabled_by is not None:  # else they stand until it is set up again
            _forget_complaints(hass, entry)
    return is_unloaded


async def async_remove_entry(hass: HomeAssistant, entry: DatapointConfigEntry) -> None:
    """Forget an account, its tokens above all."""
    _forget_complaints(hass, entry)
    await AccountStorage(hass, entry.entry_id).async_remove()
    forget_login(hass, entry.data)


@callback
def _forget_complaints(hass: HomeAssistant, entry: DatapointConfigEntry) -> None:
    """Ask the user for nothing more of an account that is not wanted any more."""
    reauth.async_forget(hass, entry)
    async_delete_issues(hass, entry)


async def async_migrate_entry(hass: HomeAssistant, entry: DatapointConfigEntry) -> bool:
    """Accept every minor version of this major one."""
    return True


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: DatapointConfigEntry, device: dr.AnyDeviceEntry
) -> bool:
    """Let the user remove a device that the cloud no longer lists."""
    # Of an account that is not set up nobody knows what its cloud lists.
    if entry.state is not ConfigEntryState.LOADED or is_listed(device, entry.runtime_data.coordinator):
        return False
    if isinstance(device, dr.DeviceEntry):
        # A list may have it again before it is given up, and then it is a new one.
        coordinator = entry.runtime_data.coordinator
        coordinator.inventory.async_forget(ids_of(device))
        coordinator.listeners.async_notify()
    return True
