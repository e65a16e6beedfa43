"""The names that several modules share: the domain, and keys of entries, scopes and options.

The keys that only one cloud's entries and scopes have stand in its file in `accounts/`.
"""

from typing import Final

DOMAIN: Final = "datapoint_cloud"

DOCS_URL: Final = "https://github.com/datapoint-cloud/datapoint-cloud/tree/main/docs"
REPAIRS_URL: Final = f"{DOCS_URL}/repairs.md"
"""The page with a section for each issue, whose anchor is the key of its texts."""

CONF_CLOUD: Final = "cloud"  # the kind of cloud, as its class names it
CONF_API_URL: Final = "api_url"

# as Home Assistant names them
CONF_CLIENT_ID: Final = "client_id"
CONF_CLIENT_SECRET: Final = "client_secret"
CONF_PASSWORD: Final = "password"
CONF_REGION: Final = "region"
CONF_USERNAME: Final = "username"

# the scopes whose usage an action counts
CONF_PERIOD: Final = "period"
CONF_GROUP_BY: Final = "group_by"
CONF_UNIT: Final = "unit"
CONF_MOST_ROWS: Final = "most_rows"

# the options of an entry
OPTION_INTERVAL: Final = "interval"  # seconds
OPTION_SHARE: Final = "share"  # percent of the requests a cloud allows
DEFAULT_SHARE: Final = 70
OPTION_SITES: Final = "sites"
OPTION_DEVICES: Final = "devices"
OPTION_GROUPS: Final = "groups"
OPTION_FLEET: Final = "fleet"  # one of:
ALL_CHOSEN: Final = "chosen"
FIGURES_ONLY: Final = "figures"
FIGURES_AND_CHOSEN: Final = "figures_and_chosen"
OPTION_IMPORT_HISTORY: Final = "import_history"
OPTION_IMPORT_DAYS: Final = "import_days"
OPTION_ADMINISTRATION: Final = "administration"
