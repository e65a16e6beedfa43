"""How long push connections wait, in one place."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class PushTimings:
    """The time limits and pauses of push connections, in seconds.

    It is not frozen because tests shorten a limit while a connection is up.
    """

    connect: float = 20.0  # for a connection to come about
    answer: float = 20.0  # for a login to be answered, or a ping
    control: float = 5.0  # SNoti: for a command to be answered; then it is sent by HTTP
    acknowledge: float = 0.1  # SNoti: between two batches of acknowledgements
    close: float  # for a connection to close
    ping: float  # between two pings
    settled: float  # up for this long, a connection starts with short pauses when it is lost
    first_pause: float
    longest_pause: float
    first_refused_pause: float  # after a refused login
    longest_refused_pause: float
    silence: float = 45.0  # WebSocket: without any sign of life; one ping unanswered for half its interval
    read: float = 0.2  # WebSocket: between two reads of devices


def websocket_timings() -> PushTimings:
    """Return the timings of the Open API's WebSocket."""
    return PushTimings(
        close=2.0,
        ping=30.0,
        settled=60.0,
        first_pause=3.0,
        longest_pause=180.0,
        first_refused_pause=900.0,  # each attempt costs an HTTP login, and those are throttled
        longest_refused_pause=900.0,
    )


def snoti_timings() -> PushTimings:
    """Return the timings of the Enterprise API's SNoti."""
    return PushTimings(
        close=1.0,
        ping=60.0,  # after that much silence; the server allows five minutes
        settled=120.0,
        first_pause=2.0,
        longest_pause=300.0,
        first_refused_pause=60.0,
        longest_refused_pause=3600.0,
    )
