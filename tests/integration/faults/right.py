"""Cells that look wrong and are right, each with the reason."""

from collections.abc import Mapping

_NO_TOTAL = "the answer has no total, and nobody can tell that rows were left out"
_CUT_PAGES = "a page that is shorter than its total says is read on, as from a server that cuts its pages"
_SLOW_LIST = "set-up waits ten seconds for a list where one is stored, and says that it shows that one"
_ANOTHER_NAME = "the vendor calls it otherwise now, and the name is all there is to know it by"
_VALUES_BY_DATE = "rows of dates and values alone are one of the shapes that the vendor's family has"
_LOGIN_THROTTLED = "logins are throttled far harder than reads, and are tried again after a quarter of an hour"

RIGHT: Mapping[tuple[str, str], str] = {
    ("gizwits_enterprise", "history x shortened lists"): _CUT_PAGES,
    ("gizwits_enterprise", "aggregates x empty lists"): _NO_TOTAL,
    ("gizwits_enterprise", "aggregates x shortened lists"): _NO_TOTAL,
    ("sodata", "history x empty lists"): _NO_TOTAL,
    ("sodata", "history x shortened lists"): _NO_TOTAL,
    ("gizwits_open", "list x slow at a restart"): _SLOW_LIST,
    ("gizwits_enterprise", "list x slow at a restart"): _SLOW_LIST,
    ("sodata", "list x slow at a restart"): _SLOW_LIST,
    ("sodata", "sites x slow at a restart"): _SLOW_LIST,
    ("sodata", "list x half an emoji at a restart"): _ANOTHER_NAME,
    ("sodata", "list x half an emoji while running"): _ANOTHER_NAME,
    ("firstlight", "history x half an emoji"): _ANOTHER_NAME,
    ("firstlight", "usage x half an emoji at a restart"): _ANOTHER_NAME,
    ("firstlight", "usage x half an emoji while running"): _ANOTHER_NAME,
    ("firstlight", "history x missing fields"): _VALUES_BY_DATE,
    ("firstlight", "usage x missing fields at a restart"): _VALUES_BY_DATE,
    ("firstlight", "usage x missing fields while running"): _VALUES_BY_DATE,
    ("gizwits_open", "token x 9041 while running"): _LOGIN_THROTTLED,
}
