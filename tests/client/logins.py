"""The logins of the simulated accounts, as a program passes them to the client."""

from typing import Any

from simulator.simulation import Simulation


def login_of(simulation: Simulation, kind: str) -> dict[str, Any]:
    """Return the login of the account of a cloud."""
    return _LOGINS[kind](simulation)


def _gizwits_open(simulation: Simulation) -> dict[str, Any]:
    server = simulation.gizwits_open
    account = {"app_id": server.app_id, "username": server.username, "password": server.password}
    return {"account": {"cloud": "gizwits_open", "api_url": server.url, **account}}


def _gizwits_enterprise(simulation: Simulation) -> dict[str, Any]:
    server = simulation.gizwits_enterprise
    account = {
        "cloud": "gizwits_enterprise",
        "api_url": server.url,
        "snoti_host": simulation.gizwits_snoti.address,
        "enterprise_id": server.enterprise_id,
        "enterprise_secret": server.enterprise_secret,
    }
    names = ("product_key", "product_secret", "auth_id", "auth_secret")
    products = [{name: getattr(product, name) for name in names} for product in server.products.values()]
    return {"account": account, "scopes": products}


def _sodata(simulation: Simulation) -> dict[str, Any]:
    keycloak = simulation.keycloak
    account = {
        "cloud": "sodata",
        "api_url": simulation.sodata.url,
        "auth_url": keycloak.url,
        "realm": keycloak.realm,
        "client_id": keycloak.client_id,
        "client_secret": keycloak.client_secret,
        "username": keycloak.username,
        "password": keycloak.password,
        "corporate_account": next(iter(simulation.sodata.corporate_accounts)).uuid,
    }
    return {"account": account}


def _firstlight(simulation: Simulation) -> dict[str, Any]:
    server = simulation.firstlight
    account = {
        "cloud": "firstlight",
        "api_url": server.url,
        "authorization_token": server.authorization_token,
        "user_token": server.user_token,
    }
    return {"account": account, "scopes": [{"aty": "content", "field": "genre"}]}


_LOGINS = {
    "gizwits_open": _gizwits_open,
    "gizwits_enterprise": _gizwits_enterprise,
    "sodata": _sodata,
    "firstlight": _firstlight,
}
KINDS = tuple(_LOGINS)
