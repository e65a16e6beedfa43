"""Opens the client of a login: its connections, its time zone, its store."""

import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp

from ..accounts.base import ClientContext
from ..clouds.client_store import ClientStore
from ..clouds.cloud import Cloud
from ..clouds.traffic import Observer
from ..clouds.transport import HttpTimings, Transport
from .login import Login, choose_sub_account
from .texts import Texts


@asynccontextmanager
async def open_cloud(
    login: Login, texts: Texts, timings: HttpTimings, observer: Observer | None
) -> AsyncIterator[Cloud]:
    """Open the client of an account, and keep its login at the end if the user wants that.

    `observer` is told what passes.

    Raises any `CloudError` if the user has to choose one of several accounts.
    """
    # A recording begins with a login and with reading every schema.
    kept = login.client_store if observer is None else {}
    client_store = ClientStore({**login.account_type.temporary_store, **kept})
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        context = ClientContext(
            transport=Transport(session, timings=timings, observer=observer),
            data=login.data,
            scopes=login.scopes_by_id,
            client_store=client_store,
            tls=_tls,
            time_zone=local_time_zone(),
        )
        account_type = login.account_type
        if account_type.sub_account_field is not None and account_type.sub_account_field not in login.data:
            choose_sub_account(login, await account_type.sub_accounts(context), texts)
        try:
            yield account_type.open(context)
        finally:
            login.keep(client_store.content)


def _tls(is_checked: bool) -> ssl.SSLContext:  # noqa: FBT001  # as account types call it
    tls = ssl.create_default_context()
    if not is_checked:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return tls


def local_time_zone() -> tzinfo:
    """Return the time zone of this machine, with its changes of summer time if they can be found out."""
    name = os.environ.get("TZ") or str(Path("/etc/localtime").resolve()).rpartition("zoneinfo/")[2]
    try:
        return ZoneInfo(name)
    except OSError, ValueError, KeyError:  # `ZoneInfoNotFoundError` is a `KeyError`
        offset = datetime.now().astimezone().tzinfo
        assert offset is not None  # noqa: S101  # of an aware time
        return offset
