"""The login of an account: asked for on the terminal, read from a file that the user named, or from the input.

Secrets are never taken from the command line, where other users and the shell's history could see them.
"""

import json
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..accounts import ACCOUNT_TYPES
from ..accounts.base import AccountType, FieldGroup, Scopes
from ..accounts.fields import Field
from ..accounts.values import clean_values, fields_of, problems, unencrypted
from ..const import CONF_CLOUD
from .terminal import Stopped, agrees, ask, ask_for_secret, say
from .texts import Texts

_STDIN = "-"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(slots=True, kw_only=True)
class Login:
    """An account, its scopes, and what its client keeps. `path` is the file that keeps it, None if none does."""

    data: dict[str, Any]
    scopes: list[dict[str, Any]] = field(default_factory=list)
    client_store: Mapping[str, Any] = field(default_factory=dict)
    path: Path | None = None

    @property
    def account_type(self) -> AccountType:
        """The type of the account."""
        return ACCOUNT_TYPES[self.data[CONF_CLOUD]]

    @property
    def scopes_by_id(self) -> Scopes:
        """The data of the scopes, by the ids that their cloud knows them by."""
        scope_type = self.account_type.scope_type
        return {} if scope_type is None else {scope_type.id_of(scope): scope for scope in self.scopes}

    def keep(self, client_store: Mapping[str, Any]) -> None:
        """Write the file, if there is one, so that only its owner can read it. Raises `Stopped`."""
        if self.path is None:
            return
        content = {"account": self.data, "scopes": self.scopes, "client_store": dict(client_store)}
        part = self.path.with_name(f"{self.path.name}.part")
        try:
            part.unlink(missing_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123  # of a descriptor
                json.dump(content, file, ensure_ascii=False, indent=2)
            part.replace(self.path)
        except OSError as error:
            raise Stopped(f"{self.path} cannot be written: {error.strerror}.") from error


def find_login(path: str | None, kind: str | None, texts: Texts, *, asks_advanced: bool) -> Login:
    """Read the login from a file, from the input (`-`), or ask for it; a file that is missing keeps what was asked for.

    Raises `Stopped`.
    """
    if path == _STDIN:
        return _parsed(sys.stdin.read(), "The input", texts)
    file = None if path is None else Path(path)
    if file is not None and file.exists():
        login = _parsed(_read(file), str(file), texts)
        login.path = file
        return login
    login = _asked(kind, texts, asks_advanced=asks_advanced)
    login.path = file
    return login


def _read(path: Path) -> str:
    try:
        if os.name == "posix" and path.stat().st_mode & _OTHERS:
            raise Stopped(f"Others may read {path}. Run: chmod 600 {path}")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise Stopped(f"{path} cannot be read.") from error


def _parsed(text: str, source: str, texts: Texts) -> Login:
    try:
        content = json.loads(text)
        account = dict(content["account"])
        scopes = [dict(scope) for scope in content.get("scopes", ())]
        client_store = dict(content.get("client_store", {}))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Stopped(f'{source} is no login: it needs {{"account": {{"cloud": …}}, "scopes": […]}}.') from error
    account_type = ACCOUNT_TYPES.get(account.get(CONF_CLOUD, ""))
    if account_type is None:
        raise Stopped(f'{source} names no cloud. "cloud" is one of: {", ".join(ACCOUNT_TYPES)}.')
    data = account_type.entry_data(clean_values(account_type.fields, account))
    if (name := account_type.sub_account_field) is not None and name in account:
        data[name] = account[name]
    _require(account_type, account_type, data, texts)
    scope_type = account_type.scope_type
    if scope_type is None:
        return Login(data=data, client_store=client_store)
    scopes = [clean_values(scope_type.fields, scope) for scope in scopes]
    for scope in scopes:
        _require(account_type, scope_type, scope, texts)
    return Login(data=data, scopes=scopes, client_store=client_store)


def _require(account_type: AccountType, group: FieldGroup, values: Mapping[str, Any], texts: Texts) -> None:
    for name, problem in problems((group,), values).items():
        raise Stopped(f"{texts.field(account_type.kind, name)} ({name}): {texts.problem(problem)}")


def _asked(kind: str | None, texts: Texts, *, asks_advanced: bool) -> Login:
    account_type = ACCOUNT_TYPES[kind or _ask_for_cloud(texts)]
    values = _ask_for_group(account_type, account_type, texts, asks_advanced=asks_advanced)
    login = Login(data=account_type.entry_data(values))
    if (scope_type := account_type.scope_type) is not None:
        login.scopes.append(_ask_for_group(account_type, scope_type, texts, asks_advanced=asks_advanced))
        while agrees("Add another one?"):
            login.scopes.append(_ask_for_group(account_type, scope_type, texts, asks_advanced=asks_advanced))
    for address in unencrypted(fields_of((account_type,)), login.data):
        if not agrees(f"{address} is not encrypted. Send your credentials all the same?"):
            raise Stopped("Nothing was sent.")
    return login


def _ask_for_cloud(texts: Texts) -> str:
    kinds = list(ACCOUNT_TYPES)
    for number, kind in enumerate(kinds, start=1):
        say(f"  {number}  {texts.cloud(kind)}")
    return _chosen(ask("Cloud", "1"), {kind: texts.cloud(kind) for kind in kinds}) or _ask_for_cloud(texts)


def _ask_for_group(
    account_type: AccountType, group: FieldGroup, texts: Texts, *, asks_advanced: bool
) -> dict[str, Any]:
    """Ask for the fields of an account or a scope until they are complete."""
    fields = [field for field in group.fields if asks_advanced or not field.is_advanced]
    while True:
        entered = {field.name: _ask_for(field, account_type.kind, texts) for field in fields}
        values = clean_values(group.fields, entered)
        found = problems((group,), values)
        if not found:
            return values
        for name, problem in found.items():
            say(f"{texts.field(account_type.kind, name)}: {texts.problem(problem)}")


def _ask_for(field: Field, kind: str, texts: Texts) -> str | bool | int | None:
    label = texts.field(kind, field.name)
    if field.is_secret:
        return ask_for_secret(label)
    if isinstance(field.default, bool):
        return agrees(label, default=field.default)
    if field.choices:
        return _ask_for_choice(field, label, texts)
    answer = ask(label, field.default or "")
    if field.limits is not None and answer:
        return int(answer) if answer.isascii() and answer.isdigit() else None
    return answer


def _ask_for_choice(field: Field, label: str, texts: Texts) -> str:
    labels = field.choices if isinstance(field.choices, Mapping) else None
    choices = {value: texts.choice(field.name, value) if labels is None else labels[value] for value in field.choices}
    for number, text in enumerate(choices.values(), start=1):
        say(f"  {number}  {text}")
    while True:
        answer = ask(f"{label}, or another one" if field.is_open else label, str(field.default or ""))
        chosen = _chosen(answer, choices)
        if chosen is not None or field.is_open or (not answer and not field.is_required):
            return answer if chosen is None else chosen


def _chosen(answer: str, choices: Mapping[str, str]) -> str | None:
    """Return the choice that the user means by its number, its value or its text."""
    values = list(choices)
    if answer.isascii() and answer.isdigit() and 0 < int(answer) <= len(values):
        return values[int(answer) - 1]
    meant = [value for value, text in choices.items() if answer.casefold() in (value.casefold(), text.casefold())]
    return meant[0] if meant else None


def choose_sub_account(login: Login, names: Mapping[str, str], texts: Texts) -> None:
    """Let the user choose one of the accounts that the credentials open, and add it to the login."""
    name = login.account_type.sub_account_field or ""
    if len(names) == 1:
        login.data[name] = next(iter(names))
        return
    listed: Iterable[str] = names.values()
    for number, text in enumerate(listed, start=1):
        say(f"  {number}  {text}")
    chosen = None
    while chosen is None:
        chosen = _chosen(ask(texts.field(name, name)), names)
    login.data[name] = chosen
