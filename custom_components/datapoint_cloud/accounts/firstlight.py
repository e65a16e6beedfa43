"""The account of a user at a Firstlight server, and its usage queries."""

from collections.abc import Mapping
from typing import Any, Final, override
from urllib.parse import quote

from ..clouds.cloud import Cloud
from ..clouds.errors import Reason
from ..clouds.firstlight.api import FirstlightCloud, UsageQuery
from ..const import CONF_API_URL, CONF_GROUP_BY, CONF_MOST_ROWS, CONF_PERIOD, CONF_UNIT
from .base import AccountType, ClientContext, ScopeType
from .fields import Field, address_field, secret_field

CONF_AUTHORIZATION_TOKEN: Final = "authorization_token"
CONF_USER_TOKEN: Final = "user_token"
CONF_ATY: Final = "aty"  # the attribute type
CONF_FIELD: Final = "field"
CONF_ITEM_ID: Final = "item_id"
CONF_ITEM_ID_AS_PARAMETER: Final = "item_id_as_parameter"
CONF_DATE_FORMAT: Final = "date_format"
CONF_SORT_BY: Final = "sort_by"
CONF_SORT_ORDER: Final = "sort_order"


class UsageQueryScope(ScopeType):
    """A query: one kind of figures that the server counts."""

    subentry_type = "usage_query"
    fields = (
        Field(
            name=CONF_ATY,
            choices=("content", "platform", "application", "user"),
            is_open=True,
            default="content",
            is_public=True,
        ),
        Field(name=CONF_FIELD),
        Field(name=CONF_ITEM_ID, is_required=False, reasons=(Reason.ITEM_ID_MISSING, Reason.WRONG_ITEM_ID)),
        Field(
            name=CONF_PERIOD,
            choices=("hour", "day", "week", "month", "year"),
            is_open=True,
            default="day",
            is_public=True,
            parameters=("period",),
        ),
        Field(
            name=CONF_GROUP_BY,
            choices=("service", "genre", "network"),
            is_required=False,
            is_public=True,
            parameters=("groupBy",),
        ),
        Field(name=CONF_UNIT, is_required=False, is_public=True),
        Field(
            name=CONF_DATE_FORMAT,
            choices=("iso", "date", "ms"),
            default="iso",
            is_advanced=True,
            is_public=True,
            parameters=("fromDate", "toDate"),
        ),
        Field(name=CONF_ITEM_ID_AS_PARAMETER, default=False, is_advanced=True),
        Field(name=CONF_SORT_BY, is_required=False, is_advanced=True),
        Field(
            name=CONF_SORT_ORDER,
            choices=("asc", "desc"),
            is_required=False,
            is_advanced=True,
            parameters=("sortOrder",),
        ),
        Field(
            name=CONF_MOST_ROWS,
            limits=(1, 5000),
            is_required=False,
            is_advanced=True,
            parameters=("pageSize",),
        ),
    )

    @override
    def id_of(self, data: Mapping[str, Any]) -> str:
        parts = (CONF_ATY, CONF_FIELD, CONF_ITEM_ID, CONF_PERIOD, CONF_GROUP_BY)
        return "/".join(quote(data.get(part) or "", safe="") for part in parts)

    @override
    def stored_id(self, made_with: str | None, data: Mapping[str, Any]) -> str:
        # A query keeps the id it was made with, whatever its period is now.
        return made_with or self.id_of(data)

    @override
    def name_of(self, data: Mapping[str, Any]) -> str:
        """Return a name such as "content genre per day"."""
        name = f"{data[CONF_ATY]} {data[CONF_FIELD]}"
        if item_id := data.get(CONF_ITEM_ID):
            name += f" of {item_id}"
        name += f" per {data[CONF_PERIOD]}"
        if group_by := data.get(CONF_GROUP_BY):
            name += f" by {group_by}"
        return name

    @override
    def keeps_id(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        # With another period alone, the figures of a query remain the same entities.
        return self.id_of({**before, CONF_PERIOD: ""}) == self.id_of({**after, CONF_PERIOD: ""})


class FirstlightAccount(AccountType):
    """The user of two tokens at the server of one of the vendor's customers."""

    kind = FirstlightCloud.kind
    maker = "Firstlight"
    menu_position = 40
    docs_page = "firstlight.md"
    scope_type = UsageQueryScope()
    is_address_in_id = True
    fields = (
        address_field(CONF_API_URL, is_advanced=False),
        secret_field(CONF_AUTHORIZATION_TOKEN, Reason.WRONG_AUTHORIZATION_TOKEN),
        secret_field(CONF_USER_TOKEN, Reason.WRONG_USER_TOKEN),
    )

    @override
    def open(self, context: ClientContext) -> Cloud:
        data = context.data
        return FirstlightCloud(
            context.transport,
            api_url=data[CONF_API_URL],
            authorization_token=data[CONF_AUTHORIZATION_TOKEN],
            user_token=data[CONF_USER_TOKEN],
            queries=[
                UsageQuery(
                    id=query_id,
                    name=self.scope_type.name_of(scope),
                    aty=scope[CONF_ATY],
                    field=scope[CONF_FIELD],
                    item_id=scope.get(CONF_ITEM_ID),
                    is_item_id_in_query=scope.get(CONF_ITEM_ID_AS_PARAMETER, False),
                    period=scope[CONF_PERIOD],
                    group_by=scope.get(CONF_GROUP_BY),
                    unit=scope.get(CONF_UNIT),
                    date_format=scope[CONF_DATE_FORMAT],
                    sort_by=scope.get(CONF_SORT_BY),
                    sort_order=scope.get(CONF_SORT_ORDER),
                    most_rows=scope.get(CONF_MOST_ROWS),
                )
                for query_id, scope in context.scopes.items()
            ],
            time_zone=context.time_zone,
            client_store=context.client_store,
        )
