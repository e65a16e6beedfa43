"""The account of a token at Tidewater."""

from typing import override

from homeassistant.const import CONF_TOKEN

from custom_components.datapoint_cloud.accounts.base import AccountType, ClientContext
from custom_components.datapoint_cloud.accounts.fields import Field, address_field, secret_field
from custom_components.datapoint_cloud.clouds.cloud import Cloud
from custom_components.datapoint_cloud.clouds.errors import Reason
from custom_components.datapoint_cloud.const import CONF_API_URL

from ..clouds.tidewater import TidewaterCloud

CONF_RIVER = "river"


class TidewaterAccount(AccountType):
    """The gauges at one river."""

    kind = TidewaterCloud.kind
    menu_position = 50
    maker = "Tidewater"
    docs_page = "tidewater.md"
    field_of_no_devices = CONF_RIVER
    fields = (
        Field(name=CONF_RIVER, choices=("ill", "rhine"), default="ill", is_public=True),
        secret_field(CONF_TOKEN, Reason.WRONG_USER_TOKEN),
        address_field(CONF_API_URL, default="https://api.tidewater.example"),
    )

    @override
    def open(self, context: ClientContext) -> Cloud:
        data = context.data
        return TidewaterCloud(
            context.transport,
            api_url=data[CONF_API_URL],
            token=data[CONF_TOKEN],
            river=data[CONF_RIVER],
            client_store=context.client_store,
        )
