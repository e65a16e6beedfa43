"""Collects the complaints about a cell."""

import logging
from collections import Counter
from collections.abc import Collection

from homeassistant.exceptions import HomeAssistantError

from .account import Account
from .kinds import Kind


class Complaints(list[str]):
    """Texts that describe failures; empty if there is none."""

    def add_if(self, is_wrong: object, complaint: str) -> None:
        """Add the complaint if the condition is true."""
        if is_wrong:
            self.append(complaint)

    def add_of(self, complaint: str, what: Collection[str]) -> None:
        """Complain of the things, if there are any, with their number and one of them."""
        if what:
            self.append(f"{complaint}: {len(what)}, {min(what)}")

    def add_of_outcome(self, outcome: object, kind: Kind) -> None:
        """Complain if the caller gets an error that is no Home Assistant error, or one after a harmless fault."""
        is_refused = isinstance(outcome, HomeAssistantError)
        self.add_if(isinstance(outcome, Exception) and not is_refused, f"the caller gets {outcome!r}")
        self.add_if(is_refused and kind.is_harmless, f"refused without need: {outcome}")

    def add_of_sign_in(self, account: Account) -> None:
        """Complain if the account asks the user to sign in again."""
        self.add_of("asks to sign in", account.sign_ins())

    def add_of_repetition(self, account: Account) -> None:
        """Complain of lines that stand in the log more than once."""
        lines = Counter(account.lines())
        self.add_of("logged again", [line for line, times in lines.items() if times > 1])

    def add_of_tracebacks(self, account: Account) -> None:
        """Complain of every traceback in the log."""
        self.add_of("traceback", account.tracebacks())

    def add_if_not_shown(self, account: Account, complaint: str) -> None:
        """Complain unless the entity shows the last report of the device."""
        shown = account.shown()
        self.add_if(shown != account.value, f"{complaint}: shows {shown} for {account.value}")

    def add_if_not_back(self, account: Account) -> None:
        """Complain unless everything is as it was before the fault."""
        self.add_if_not_shown(account, "not back")
        self.add_of("not back", account.lost())
        self.add_of("the form to sign in stays", account.sign_ins())
        self.add_of("issues stay", account.issues())

    def add_of_warnings(self, account: Account, complaint: str) -> None:
        """Complain of warnings and errors in the log."""
        self.add_of(complaint, account.lines(logging.WARNING))
