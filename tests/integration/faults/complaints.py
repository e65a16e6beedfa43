"""What is wrong with a cell."""

import logging
from collections import Counter
from collections.abc import Collection

from .account import Account


class Complaints(list[str]):
    """Texts that say what went wrong, none if all is well."""

    def add_if(self, is_wrong: object, complaint: str) -> None:
        """Complain where it is wrong."""
        if is_wrong:
            self.append(complaint)

    def add_of(self, complaint: str, what: Collection[str]) -> None:
        """Complain of how many there are, with one of them as an example."""
        if what:
            self.append(f"{complaint}: {len(what)}, {min(what)}")

    def add_of_sign_in(self, account: Account) -> None:
        """Complain if the user is asked to sign in again."""
        self.add_of("asks to sign in", account.sign_ins())

    def add_of_repetition(self, account: Account) -> None:
        """Complain of what the log says more than once."""
        said = Counter(account.lines())
        self.add_of("said again", [line for line, times in said.items() if times > 1])

    def add_of_tracebacks(self, account: Account) -> None:
        """Complain of all that were logged."""
        self.add_of("traceback", account.tracebacks())

    def add_if_not_shown(self, account: Account, complaint: str) -> None:
        """Complain unless what the device reported last is shown."""
        shown = account.shown()
        self.add_if(shown != account.value, f"{complaint}: shows {shown} for {account.value}")

    def add_if_not_back(self, account: Account) -> None:
        """Complain unless everything is as it was before a fault."""
        self.add_if_not_shown(account, "not back")
        self.add_of("not back", account.lost())
        self.add_of("the form to sign in stays", account.sign_ins())
        self.add_of("issues stay", account.issues())

    def add_of_warnings(self, account: Account, complaint: str) -> None:
        """Complain of warnings and errors in the log."""
        self.add_of(complaint, account.lines(logging.WARNING))
