"""Register the actions; set up, unload, migrate and remove accounts."""

from functools import partial
from typing import Any

from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntry, ConfigEntryChange, ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STOP, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryNotReady
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.typing import ConfigType

from . import reauth, recording_storage, user_profiles
from .announcer import Announcer
from .commands import Commands
from .const import DOMAIN
from .coordinator import DatapointCoordinator
from .device_registry import async_sync_devices, ids_of, is_listed, known_device_ids
from .entries import cloud_of, forget_login
from .fleet.naming import Naming
from .issues import async_delete_issues, async_update_issues
from .push import async_start_push
from .report_schedule import async_start_reports
from .runtime import DatapointConfigEntry, Runtime
from .services import async_setup_services
from .statistics.schedule import ImportSchedule
from .storage import AccountStorage, take_over
from .texts import async_load_texts

PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.CALENDAR,
    Platform.CLIMATE,
    Platform.DEVICE_TRACKER,
    Platform.EVENT,
    Platform.FAN,
    Platform.LIGHT,
    Platform.NUMBER,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SWITCH,
    Platform.TIME,
    Platform.WATER_HEATER,
]


CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions, which exist even without an account, and notice when an account is disabled."""
    async_setup_services(hass)
    async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, partial(_clear_when_disabled, hass))
    return True


@callback
def _clear_when_disabled(hass: HomeAssistant, change: ConfigEntryChange, entry: ConfigEntry) -> None:
    """Close the issues of a disabled account, even of one that could not be set up and so is never unloaded."""
    is_ended = entry.disabled_by is not None and entry.state is ConfigEntryState.NOT_LOADED
    if entry.domain == DOMAIN and is_ended:  # otherwise the issues stay open during a reload
        _clear_issues(hass, entry)


async def async_setup_entry(hass: HomeAssistant, entry: DatapointConfigEntry) -> bool:
    """Set up an account: list its devices, add their entities and read them."""
    # Add the listener first, so that it notices changes made during set-up.
    entry.async_on_unload(entry.add_update_listener(_reload_when_changed(entry)))
    storage = AccountStorage(hass, entry.entry_id)
    await storage.async_load(take_over(hass, entry.unique_id))
    profiles = await user_profiles.async_load(hass)
    naming = await hass.async_add_executor_job(Naming.load, hass.config.language)
    cloud = cloud_of(hass, entry, storage.client_store)
    coordinator = DatapointCoordinator(hass, entry, cloud, storage, profiles, naming)
    coordinator.async_report_problems = partial(async_update_issues, coordinator)
    await async_load_texts(hass)
    entry.async_on_unload(hass.bus.async_listen(EVENT_HOMEASSISTANT_STOP, storage.save_before_the_end))
    announcer = Announcer(coordinator, storage)
    announcer.async_listen()
    coordinator.inventory.expect_devices(known_device_ids(hass, entry))
    try:
        await coordinator.async_load_devices()
    except (ConfigEntryNotReady, ConfigEntryAuthFailed) as error:
        # Save what this attempt learned for the next one: a token, or a pause that the cloud demanded.
        await storage.async_close()
        if isinstance(error, ConfigEntryAuthFailed):
            reauth.async_try_again_later(hass, entry)
        raise
    imports = ImportSchedule(hass, entry, coordinator, storage.client_store)
    entry.runtime_data = Runtime(coordinator, Commands(coordinator), announcer, storage, imports)

    registered: list[object] | None = None

    @callback
    def sync_devices() -> None:
        nonlocal registered
        known: list[object] = [
            *((state.device, state.profile.manufacturer) for state in coordinator.fleet.values()),
            *coordinator.inventory.absent,
            *((place.id, place.name, place.customer_id) for place in coordinator.inventory.places.values()),
        ]
        if known != registered:  # during set-up, most inventory changes only add datapoints
            registered = known
            async_sync_devices(hass, entry, coordinator)

    sync_devices()
    # Before the platforms add their listeners: an entity needs its device, or the parent of its part, registered.
    entry.async_on_unload(coordinator.listeners.async_add_for_inventory(sync_devices))
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    await coordinator.async_start_polling()
    announcer.async_start()
    async_start_push(coordinator)
    async_start_reports(coordinator)
    imports.async_start()
    return True


def _reload_when_changed(entry: DatapointConfigEntry) -> Any:
    """Return a listener that reloads the entry if its options or scopes changed since set-up, not for other changes."""
    known = _settings(entry)

    async def reload(hass: HomeAssistant, entry: DatapointConfigEntry) -> None:
        if _settings(entry) != known:
            hass.config_entries.async_schedule_reload(entry.entry_id)

    return reload


def _settings(entry: DatapointConfigEntry) -> tuple[dict[str, Any], dict[str, tuple[str, dict[str, Any]]]]:
    scopes = {key: (subentry.title, dict(subentry.data)) for key, subentry in entry.subentries.items()}
    return dict(entry.options), scopes


async def async_unload_entry(hass: HomeAssistant, entry: DatapointConfigEntry) -> bool:
    """Unload an account and save its stored data."""
    is_unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    if is_unloaded:
        await entry.runtime_data.storage.async_close()
    return is_unloaded


async def async_remove_entry(hass: HomeAssistant, entry: DatapointConfigEntry) -> None:
    """Delete the stored data of an account, including its tokens and its recording."""
    _clear_issues(hass, entry)
    await AccountStorage(hass, entry.entry_id).async_remove()
    await hass.async_add_executor_job(recording_storage.remove, recording_storage.path_of(hass, entry.entry_id))
    forget_login(hass, entry.data)


@callback
def _clear_issues(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Close the issues of an account and stop trying to sign it in."""
    reauth.async_forget(hass, entry)
    async_delete_issues(hass, entry)


async def async_migrate_entry(hass: HomeAssistant, entry: DatapointConfigEntry) -> bool:
    """Accept entries of every minor version: nothing has to be migrated yet."""
    return True


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: DatapointConfigEntry, device: dr.AnyDeviceEntry
) -> bool:
    """Let the user remove a device that the cloud no longer lists."""
    # Without a loaded account it is unknown which devices the cloud lists.
    if entry.state is not ConfigEntryState.LOADED or is_listed(device, entry.runtime_data.coordinator):
        return False
    if isinstance(device, dr.DeviceEntry):
        # Forget it at once: if the cloud lists it again, it must be added as a new device.
        coordinator = entry.runtime_data.coordinator
        coordinator.inventory.async_forget(ids_of(device))
        coordinator.listeners.async_notify()
    return True
