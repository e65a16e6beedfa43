"""The account of an organisation at the Gizwits Enterprise API, and its products."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar, Final, override
from urllib.parse import urlsplit

from ..clouds.cloud import Cloud
from ..clouds.errors import Reason
from ..clouds.gizwits.enterprise.api import GizwitsEnterpriseCloud, Product, SnotiServer
from ..clouds.gizwits.enterprise.snoti import DEFAULT_HOST, DEFAULT_PORT, SUBKEY_SLOT
from ..clouds.hosts import host_and_port, is_loopback
from ..const import CONF_API_URL, OPTION_GROUPS
from .base import AccountType, ClientContext, Scopes, ScopeType
from .fields import Field, address_field, secret_field

CONF_ENTERPRISE_ID: Final = "enterprise_id"
CONF_ENTERPRISE_SECRET: Final = "enterprise_secret"
CONF_SNOTI_HOST: Final = "snoti_host"  # may end in a colon and a port
CONF_PRODUCT_KEY: Final = "product_key"
CONF_PRODUCT_SECRET: Final = "product_secret"
CONF_GROUP_ID: Final = "gid"
CONF_AUTH_ID: Final = "auth_id"
CONF_AUTH_SECRET: Final = "auth_secret"

_API_URL: Final = "https://enterpriseapi.gizwits.com"


class ProductScope(ScopeType):
    """A product, with its push credentials if it has any."""

    subentry_type = "product"
    fields = (
        Field(
            name=CONF_PRODUCT_KEY,
            reasons=(Reason.UNKNOWN_PRODUCT, Reason.PRODUCT_NOT_ASSOCIATED, Reason.NO_DATAPOINTS),
        ),
        secret_field(CONF_PRODUCT_SECRET, Reason.WRONG_PRODUCT_SECRET),
        Field(name=CONF_GROUP_ID, is_required=False, is_advanced=True, reasons=(Reason.UNKNOWN_GROUP,)),
        Field(name=CONF_AUTH_ID, is_required=False, is_advanced=True),
        secret_field(CONF_AUTH_SECRET, is_required=False, is_advanced=True),
    )

    @override
    def id_of(self, data: Mapping[str, Any]) -> str:
        return str(data[CONF_PRODUCT_KEY])

    @override
    def problems(self, values: Mapping[str, Any]) -> dict[str, str]:
        absent = [name for name in (CONF_AUTH_ID, CONF_AUTH_SECRET) if name not in values]
        return dict.fromkeys(absent, "incomplete_push") if len(absent) == 1 else {}

    @override
    def problems_of_change(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
        return {} if self.keeps_id(before, after) else {CONF_PRODUCT_KEY: "other_product"}

    @override
    def obsolete_secrets(self, values: Mapping[str, Any]) -> Collection[str]:
        return () if CONF_AUTH_ID in values else (CONF_AUTH_SECRET,)


class GizwitsEnterpriseAccount(AccountType):
    """An enterprise; its devices come with its products."""

    kind = GizwitsEnterpriseCloud.kind
    maker = "Gizwits"
    menu_position = 20
    docs_page = "gizwits-enterprise-api.md"
    placeholders: ClassVar[Mapping[str, str]] = {"gizwits_url": "https://dev.gizwits.com"}
    scope_type = ProductScope()
    temporary_store: ClassVar[Mapping[str, Any]] = {SUBKEY_SLOT: "datapoint_temporary"}
    fields = (
        Field(name=CONF_ENTERPRISE_ID, reasons=(Reason.UNKNOWN_ENTERPRISE,)),
        secret_field(CONF_ENTERPRISE_SECRET, Reason.WRONG_ENTERPRISE_SECRET),
        address_field(CONF_API_URL, default=_API_URL),
        Field(name=CONF_SNOTI_HOST, is_required=False, is_advanced=True),
    )

    @override
    def problems(self, values: Mapping[str, Any]) -> dict[str, str]:
        if CONF_SNOTI_HOST in values and host_and_port(values[CONF_SNOTI_HOST], DEFAULT_PORT) is None:
            return {CONF_SNOTI_HOST: "invalid_host"}
        return {}

    @override
    def groups(self, scopes: Scopes, chosen: Iterable[str]) -> list[str]:
        return [f"{key}/{group}" for key, scope in scopes.items() for group in _group_ids(scope, chosen) if group]

    @override
    def open(self, context: ClientContext) -> Cloud:
        data = context.data
        return GizwitsEnterpriseCloud(
            context.transport,
            api_url=data[CONF_API_URL],
            enterprise_id=data[CONF_ENTERPRISE_ID],
            enterprise_secret=data[CONF_ENTERPRISE_SECRET],
            products=[
                Product(
                    product_key=scope[CONF_PRODUCT_KEY],
                    product_secret=scope[CONF_PRODUCT_SECRET],
                    group_id=group_id,
                    auth_id=scope.get(CONF_AUTH_ID),
                    auth_secret=scope.get(CONF_AUTH_SECRET),
                )
                for scope in context.scopes.values()
                for group_id in _group_ids(scope, data.get(OPTION_GROUPS, ()))
            ],
            client_store=context.client_store,
            snoti=_snoti_server(context),
        )


def _group_ids(scope: Mapping[str, Any], chosen: Iterable[str]) -> list[str | None]:
    """Return the groups to list a product's devices of: the chosen ones, else its own; [None] lists them all."""
    prefix = f"{scope[CONF_PRODUCT_KEY]}/"
    of_product: list[str | None] = [group.removeprefix(prefix) for group in chosen if group.startswith(prefix)]
    return of_product or [scope.get(CONF_GROUP_ID)]


def _snoti_server(context: ClientContext) -> SnotiServer:
    address: str = context.data.get(CONF_SNOTI_HOST, "")
    api_host = urlsplit(context.data[CONF_API_URL]).hostname or ""
    # If the API runs on this machine, push defaults to this machine too, so that no secret leaves it unintentionally.
    default_host = api_host if is_loopback(api_host) else DEFAULT_HOST
    host, port = host_and_port(address, DEFAULT_PORT) or (default_host, DEFAULT_PORT)
    # A server on this machine needs no signed certificate.
    return SnotiServer(host=host, port=port, tls=context.tls(not is_loopback(host)))
