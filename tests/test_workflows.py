"""Tests that workflows run only actions pinned by hash, which cannot be changed afterwards."""

import re
from pathlib import Path

import pytest

_WORKFLOWS = sorted((Path(__file__).parent.parent / ".github/workflows").glob("*.yaml"))
_USED = re.compile(r"^[\s-]*uses: *(.+)$", re.MULTILINE)
_PINNED = re.compile(r"\./\S+|[\w./-]+@[0-9a-f]{40} # \S+")


@pytest.mark.parametrize("workflow", _WORKFLOWS, ids=lambda workflow: workflow.stem)
def test_actions_are_pinned_by_hash_with_their_version_in_a_comment(workflow: Path) -> None:
    used = _USED.findall(workflow.read_text(encoding="utf-8"))
    assert used
    assert [action for action in used if not _PINNED.fullmatch(action)] == []
