"""The account types, one for each cloud.

Nothing outside `accounts/` and `clouds/` knows one cloud from another. To add a cloud, write a package in `clouds/` and
a file here, and add its texts to the translations.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from operator import attrgetter
from typing import Final

from .base import AccountType, ScopeType


def load_account_types() -> dict[str, AccountType]:
    """Import every file of this folder, and return the account types by the kind of their cloud, in menu order."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f".{module.name}", __name__)
    found = sorted((cls() for cls in AccountType.__subclasses__()), key=attrgetter("menu_position"))
    return {account_type.kind: account_type for account_type in found}


ACCOUNT_TYPES: Final[Mapping[str, AccountType]] = load_account_types()
"""The account types by the kind of their cloud, in the order of the menu."""


def scope_type(subentry_type: str) -> ScopeType:
    """Return the scope type with this type of subentries."""
    scope_types = (account_type.scope_type for account_type in ACCOUNT_TYPES.values())
    return next(found for found in scope_types if found is not None and found.subentry_type == subentry_type)
