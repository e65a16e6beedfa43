"""An account type describes one cloud: the fields of its forms, its scopes and how its client is built.

It does not know Home Assistant, so that the command-line client can use it too.
"""

import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, ClassVar

from ..clouds.client_store import ClientStore
from ..clouds.cloud import Cloud
from ..clouds.transport import Transport
from ..const import CONF_CLOUD
from .fields import Field

type Scopes = Mapping[str, Mapping[str, Any]]
"""The data of the subentries, by the id of the scope."""
type Logins = dict[tuple[str, ...], Any]
"""The logins that the clients of one user share in memory, by their credentials."""
type Answers = dict[tuple[str, ...], dict[Any, Any]]
"""What other servers answered to credentials, so that none is asked twice; in memory, by the credentials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientContext:
    """What a client is built with: the data of an account and of its scopes, and its connection and store.

    `tls` returns the context for a TLS connection, given whether the server's certificate is checked. `time_zone` is
    the user's.
    """

    transport: Transport
    data: Mapping[str, Any]
    scopes: Scopes
    client_store: ClientStore
    tls: Callable[[bool], ssl.SSLContext]
    time_zone: tzinfo
    logins: Logins = field(default_factory=dict)
    answers: Answers = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoDevices:
    """Why an account that works has no devices: the field that the form marks, and the key and values of its text.

    `values` are those with which the user would find devices.
    """

    field_name: str
    text: str = "no_devices"
    placeholders: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


class FieldGroup:
    """Fields that the user fills in together, and the rules among them."""

    fields: ClassVar[tuple[Field, ...]]

    def problems(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Check the rules among the fields without the cloud; return the key of an error by field name."""
        return {}

    def obsolete_secrets(self, values: Mapping[str, Any]) -> Collection[str]:
        """Return the names of the stored secrets that do not belong to the new values beside them."""
        return ()


class ScopeType(FieldGroup, ABC):
    """A part of an account that the user names, such as a product. Each is a subentry."""

    subentry_type: ClassVar[str]

    @abstractmethod
    def id_of(self, data: Mapping[str, Any]) -> str:
        """Return the id for a new scope with this data. Scopes with equal ids are the same scope."""

    def stored_id(self, made_with: str | None, data: Mapping[str, Any]) -> str:
        """Return the id of a stored scope, by which its cloud knows it; `made_with` is the id that it was made with."""
        return self.id_of(data)

    def name_of(self, data: Mapping[str, Any]) -> str | None:
        """Return the name that the data alone gives to a scope; None if the cloud names it."""
        return None

    def keeps_id(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        """Return whether a changed scope keeps its id, and so its devices and entities."""
        return self.id_of(before) == self.id_of(after)

    def problems_of_change(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
        """Check whether a scope may be changed in this way; return the key of an error by field name."""
        return {}


class AccountType(FieldGroup, ABC):
    """An account at one cloud: its form, and how its client is built."""

    kind: ClassVar[str]
    """The `kind` of the cloud; the step of the config flow has the same name."""
    menu_position: ClassVar[int]
    """The place of the cloud in the menu, from the top; gaps are fine."""
    maker: ClassVar[str]
    """The manufacturer of devices whose cloud does not name one."""
    docs_page: ClassVar[str]
    placeholders: ClassVar[Mapping[str, str]] = {}
    """The addresses that the texts of the forms name."""
    scope_type: ClassVar[ScopeType | None] = None
    """The type of the account's scopes. The form of a new account includes its first scope."""
    sub_account_field: ClassVar[str | None] = None
    """The field, and the step, with which the user chooses one of the accounts that the credentials open."""
    field_of_no_devices: ClassVar[str | None] = None
    """The field that is probably wrong if the account has no devices; None if such an account is nothing unusual."""
    temporary_store: ClassVar[Mapping[str, Any]] = {}
    """What the store of a client contains that runs for a while beside the account's own, and takes nothing from it."""
    is_address_in_id: ClassVar[bool] = False
    """Whether the account's id changes with the address of its server."""

    @property
    def field_groups(self) -> tuple[FieldGroup, ...]:
        """The fields of the form for a new account: its own, and those of its first scope."""
        return (self,) if self.scope_type is None else (self, self.scope_type)

    @abstractmethod
    def open(self, context: ClientContext) -> Cloud:
        """Build the client from the data of an entry and its scopes. Sends nothing."""

    async def sub_accounts(self, context: ClientContext) -> Mapping[str, str]:
        """Log in and return the names of the accounts to choose from, by id. Raises any `CloudError`."""
        return {}

    def forget_login(self, logins: Logins, data: Mapping[str, Any]) -> None:
        """End the session that these credentials may have opened, so that their next use logs in again."""

    async def explain_no_devices(self, context: ClientContext) -> NoDevices | None:
        """Return why an account that works has no devices; None if such an account is nothing unusual.

        Raises any `CloudError`.
        """
        return None if self.field_of_no_devices is None else NoDevices(field_name=self.field_of_no_devices)

    def brand(self, data: Mapping[str, Any]) -> str:
        """Return the name under which the user knows the account's vendor."""
        return self.maker

    def groups(self, scopes: Scopes, chosen: Iterable[str]) -> list[str]:
        """Return the device groups that the cloud itself restricts its lists to, given the groups the user chose."""
        return []

    def reauth_fields(self, data: Mapping[str, Any]) -> tuple[Field, ...]:
        """Return the fields of the form to sign in again."""
        return tuple(field for field in self.fields if field.is_secret or field.is_for_reauth)

    def entry_data(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the data of an entry: the kind of its cloud, and those of the values that belong to the account."""
        names = (*(field.name for field in self.fields), self.sub_account_field)
        return {CONF_CLOUD: self.kind} | {name: values[name] for name in names if name is not None and name in values}
