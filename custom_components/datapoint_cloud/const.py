"""Names that several modules must spell alike: the domain, the keys of what an entry, its scopes and options hold.

The keys of entries and scopes are the names of the fields in the forms.
"""

from typing import Final

DOMAIN: Final = "datapoint_cloud"

CONF_CLOUD: Final = "cloud"  # the kind of cloud, the slug of its class

CONF_API_URL: Final = "api_url"

# Gizwits Open API
CONF_REGION: Final = "region"
CONF_APP_ID: Final = "app_id"
CONF_USERNAME: Final = "username"
CONF_PASSWORD: Final = "password"
CONF_PHONE_ID: Final = "phone_id"

# Gizwits Enterprise API
CONF_ENTERPRISE_ID: Final = "enterprise_id"
CONF_ENTERPRISE_SECRET: Final = "enterprise_secret"
CONF_SNOTI_HOST: Final = "snoti_host"  # and perhaps its port

# its products
SUBENTRY_PRODUCT: Final = "product"
CONF_PRODUCT_KEY: Final = "product_key"
CONF_PRODUCT_SECRET: Final = "product_secret"
CONF_GROUP_ID: Final = "gid"
CONF_AUTH_ID: Final = "auth_id"
CONF_AUTH_SECRET: Final = "auth_secret"

# SoData, with a username and a password
CONF_CLIENT_ID: Final = "client_id"
CONF_CLIENT_SECRET: Final = "client_secret"
CONF_AUTH_URL: Final = "auth_url"
CONF_REALM: Final = "realm"
CONF_CORPORATE_ACCOUNT: Final = "corporate_account"

# Firstlight
CONF_AUTHORIZATION_TOKEN: Final = "authorization_token"
CONF_USER_TOKEN: Final = "user_token"

# its usage queries
SUBENTRY_USAGE_QUERY: Final = "usage_query"
CONF_ATY: Final = "aty"  # the attribute type
CONF_FIELD: Final = "field"
CONF_ITEM_ID: Final = "item_id"
CONF_ITEM_ID_AS_PARAMETER: Final = "item_id_as_parameter"
CONF_PERIOD: Final = "period"
CONF_GROUP_BY: Final = "group_by"
CONF_UNIT: Final = "unit"
CONF_DATE_FORMAT: Final = "date_format"
CONF_SORT_BY: Final = "sort_by"
CONF_SORT_ORDER: Final = "sort_order"
CONF_MOST_ROWS: Final = "most_rows"

# the options of an entry
OPTION_INTERVAL: Final = "interval"  # seconds
OPTION_SHARE: Final = "share"  # percent of the requests a cloud allows
DEFAULT_SHARE: Final = 70
OPTION_SITES: Final = "sites"
OPTION_DEVICES: Final = "devices"
OPTION_GROUPS: Final = "groups"
OPTION_FLEET: Final = "fleet"  # what is shown of it:
ALL_CHOSEN: Final = "chosen"
FIGURES_ONLY: Final = "figures"
OPTION_IMPORT_HISTORY: Final = "import_history"
OPTION_IMPORT_DAYS: Final = "import_days"
