"""The values that a user of the simulated clouds types into the config flow. It sends nothing itself."""

from collections.abc import Mapping
from typing import Any

from simulator.simulation import Simulation

NAMES = {
    "gizwits_open": "Gizwits Open API",
    "gizwits_enterprise": "Gizwits Enterprise API",
    "sodata": "Socomec SoData",
    "firstlight": "Firstlight usage",
}
# The accounts import their past, so that the graphs of the example dashboards are not empty.
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    kind: {"import_history": True, "import_days": days}
    for kind, days in (("gizwits_open", 14), ("gizwits_enterprise", 3), ("sodata", 14), ("firstlight", 14))
}


def form_inputs(simulation: Simulation) -> Mapping[str, tuple[Mapping[str, Any], ...]]:
    """Return the input for the menu and for each form, by cloud. The simulation must have started before."""
    open_api = simulation.gizwits_open
    enterprise = simulation.gizwits_enterprise
    product = next(iter(enterprise.products.values()))
    keycloak, sodata = simulation.keycloak, simulation.sodata
    firstlight = simulation.firstlight
    forms: dict[str, dict[str, Any]] = {
        "gizwits_open": {
            "region": "eu",
            "app_id": open_api.app_id,
            "username": open_api.username,
            "password": open_api.password,
            "advanced": {"api_url": open_api.url},
        },
        "gizwits_enterprise": {
            "enterprise_id": enterprise.enterprise_id,
            "enterprise_secret": enterprise.enterprise_secret,
            "product_key": product.product_key,
            "product_secret": product.product_secret,
            "advanced": {
                "api_url": enterprise.url,
                "snoti_host": simulation.gizwits_snoti.address,
                "auth_id": product.auth_id,
                "auth_secret": product.auth_secret,
            },
        },
        "sodata": {
            "username": keycloak.username,
            "password": keycloak.password,
            "client_id": keycloak.client_id,
            "client_secret": keycloak.client_secret,
            "advanced": {
                "api_url": f"{sodata.url}/api/v1",
                "auth_url": keycloak.url,
                "realm": keycloak.realm,
            },
        },
        "firstlight": {
            "api_url": firstlight.url,
            "authorization_token": firstlight.authorization_token,
            "user_token": firstlight.user_token,
            "aty": "content",
            "field": "genre",
            "period": "day",
        },
    }
    return {kind: ({"next_step_id": kind}, form) for kind, form in forms.items()}
