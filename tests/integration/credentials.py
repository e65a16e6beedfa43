"""Functions that change credentials in the simulated clouds, so that the clouds refuse those of an account."""

from simulator.simulation import Simulation

NEW = "new"
"""The new secret, for every kind of credential."""


def change_password(simulation: Simulation) -> None:
    server = simulation.gizwits_open
    server.accounts.users[server.uid].password = NEW
    server.revoke_tokens()


def change_enterprise_secret(simulation: Simulation) -> None:
    simulation.gizwits_enterprise.enterprise_secret = NEW
    simulation.gizwits_enterprise.revoke_tokens()


def change_keycloak_password(simulation: Simulation) -> None:
    simulation.keycloak.password = NEW
    simulation.keycloak.revoke_sessions()


def change_client_secret(simulation: Simulation) -> None:
    simulation.keycloak.client_secret = NEW
    simulation.keycloak.revoke_sessions()


def change_user_token(simulation: Simulation) -> None:
    simulation.firstlight.user_token = NEW


def change_authorization_token(simulation: Simulation) -> None:
    simulation.firstlight.authorization_token = NEW
