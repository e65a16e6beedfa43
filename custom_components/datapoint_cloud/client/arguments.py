"""The command line: its commands, their arguments and their help."""

import argparse
from datetime import datetime, timedelta
from typing import Final

from ..accounts import ACCOUNT_TYPES
from ..clouds.history import Aggregation, Period

_DESCRIPTION: Final = """
Reads and controls the devices of a cloud's account without Home Assistant, with the clients that the integration uses.
It asks for the login on the terminal and keeps it only if you name a file with --login.
"""
_JSON_HELP: Final = "print JSON for programs instead of tables"
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="client", description=_DESCRIPTION)
    top.add_argument("--cloud", choices=list(ACCOUNT_TYPES), help="the cloud of the account; asked for if left out")
    top.add_argument(
        "--login",
        metavar="FILE",
        help="read the login from this file, or keep it there if the file is missing; - reads it from the input",
    )
    top.add_argument("--advanced", action="store_true", help="ask for the advanced fields too, such as addresses")
    top.add_argument("--json", action="store_true", help=_JSON_HELP)
    top.add_argument("--language", default="en", help="the language of errors and questions, such as de")
    top.add_argument("--record", metavar="FILE", help="record what passes, without anything private, to a new file")
    top.add_argument("--debug", action="store_true", help="log every request, without its contents")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("account", help="log in and show the account")
    commands.add_parser("devices", help="list the devices")
    _add_devices(commands.add_parser("datapoints", help="show what devices can report and accept"))
    _add_devices(commands.add_parser("read", help="read the last values of devices"))
    watch = commands.add_parser("watch", help="show news as they arrive, until Ctrl-C")
    _add_devices(watch)
    watch.add_argument("--minutes", type=float, help="stop after this time")
    write = commands.add_parser("set", help="send values to a device")
    write.add_argument("device", metavar="DEVICE")
    write.add_argument("values", nargs="+", metavar="DATAPOINT=VALUE")
    history = commands.add_parser("history", help="read the past readings of datapoints")
    _add_series(history)
    aggregate = commands.add_parser("aggregate", help="read one value for each period, also of usage queries")
    _add_series(aggregate, are_optional=True)
    aggregate.add_argument("--period", type=Period, choices=list(Period), default=Period.HOUR)
    aggregate.add_argument("--aggregation", type=Aggregation, choices=list(Aggregation), default=Aggregation.AVG)
    logs = commands.add_parser("logs", help="show when a device was online, or its messages")
    logs.add_argument("device", metavar="DEVICE")
    logs.add_argument("--messages", action="store_true", help="the messages instead of the online log")
    _add_range(logs)
    record = commands.add_parser("record", help="record everything that the integration asks the cloud")
    record.add_argument("file", metavar="FILE", help="a new file; it contains nothing private")
    record.add_argument("--minutes", type=float, default=5, help="how long to go on (default: %(default)s)")
    teaches = commands.add_parser("report", help="show what a recording contains that no document expects")
    teaches.add_argument("file", metavar="FILE", help="a recording")
    for command in commands.choices.values():  # after the command, too, where people type it
        command.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=_JSON_HELP)
    return top


def _add_devices(command: argparse.ArgumentParser) -> None:
    command.add_argument("devices", nargs="*", metavar="DEVICE", help="a name or an id; all devices if left out")


def _add_series(command: argparse.ArgumentParser, *, are_optional: bool = False) -> None:
    command.add_argument("device", metavar="DEVICE", help="a name or an id")
    command.add_argument("datapoints", nargs="*" if are_optional else "+", metavar="DATAPOINT")
    _add_range(command)


def _add_range(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--from", dest="start", type=_time, default="1d", help="a time, or how long ago: 30m, 6h, 2d (default: 1d)"
    )
    command.add_argument("--to", dest="end", type=_time, default="0m", help="the same (default: now)")


def _time(text: str) -> datetime:
    """Return the time that an argument names: an ISO date or time of this machine's zone, or a time ago."""
    now = datetime.now().astimezone()
    if text[-1:] in _UNITS and text[:-1].isdigit():
        return now - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError, OverflowError:
        raise argparse.ArgumentTypeError(
            f"{text} is neither a time such as 2026-05-01T12:00 nor one such as 6h"
        ) from None
