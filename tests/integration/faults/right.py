"""Cells whose complaints are accepted, each with the reason."""

from collections.abc import Mapping

_NO_TOTAL = "the answer has no total, so that a client cannot see that rows are missing"
_CUT_PAGES = "a page shorter than its total is read on, because some servers cut their pages"
_SLOW_LIST = "set-up waits ten seconds for a list, then shows the stored one and says so"
_ANOTHER_NAME = "the vendor uses another name now, and only the name identifies the thing"
_SHOWN_NAME = "a site is called what the vendor calls it now"
_SMALLER_REQUEST = "a failed request is repeated once, and so is a smaller one, which the server may answer"
_VALUES_BY_DATE = "rows of dates and values alone are a documented shape of this vendor's answers"
_LOGIN_THROTTLED = "logins are throttled far more than reads, so that the next try is a quarter of an hour later"

RIGHT: Mapping[tuple[str, str], str] = {
    ("gizwits_open", "history x empty lists"): _NO_TOTAL,
    ("gizwits_open", "history x shortened lists"): _NO_TOTAL,
    ("gizwits_enterprise", "history x shortened lists"): _CUT_PAGES,
    ("gizwits_enterprise", "aggregates x empty lists"): _NO_TOTAL,
    ("gizwits_enterprise", "aggregates x shortened lists"): _NO_TOTAL,
    ("sodata", "history x empty lists"): _NO_TOTAL,
    ("sodata", "history x shortened lists"): _NO_TOTAL,
    ("sodata", "history x 500"): _SMALLER_REQUEST,
    ("sodata", "history x 502 with HTML"): _SMALLER_REQUEST,
    ("gizwits_open", "list x slow at a restart"): _SLOW_LIST,
    ("gizwits_enterprise", "list x slow at a restart"): _SLOW_LIST,
    ("sodata", "list x slow at a restart"): _SLOW_LIST,
    ("sodata", "sites x slow at a restart"): _SLOW_LIST,
    ("sodata", "list x half an emoji at a restart"): _ANOTHER_NAME,
    ("sodata", "list x half an emoji while running"): _ANOTHER_NAME,
    ("sodata", "sites x half an emoji at a restart"): _SHOWN_NAME,
    ("sodata", "sites x half an emoji while running"): _SHOWN_NAME,
    ("firstlight", "history x half an emoji"): _ANOTHER_NAME,
    ("firstlight", "usage x half an emoji at a restart"): _ANOTHER_NAME,
    ("firstlight", "usage x half an emoji while running"): _ANOTHER_NAME,
    ("firstlight", "history x missing fields"): _VALUES_BY_DATE,
    ("firstlight", "usage x missing fields at a restart"): _VALUES_BY_DATE,
    ("firstlight", "usage x missing fields while running"): _VALUES_BY_DATE,
    ("gizwits_open", "token x 9041 while running"): _LOGIN_THROTTLED,
}
