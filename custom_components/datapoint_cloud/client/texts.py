"""The texts of the integration, for a terminal: they are read from its translations."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from .. import wording
from ..clouds.errors import CloudError
from ..clouds.model import Datapoint
from ..reasons import row_of

_TRANSLATIONS = Path(__file__).parent.parent / "translations"


class Texts:
    """The texts of one language."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        """Use the content of a file of translations."""
        self._content = content

    @classmethod
    def load(cls, language: str) -> Self:
        """Read the texts of a language, such as "pt-BR"; those of English if there are none."""
        path = _TRANSLATIONS / f"{language}.json"
        if not path.is_file():
            path = _TRANSLATIONS / "en.json"
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def cloud(self, kind: str) -> str:
        """Return the name of a cloud in the menu."""
        name: str = self._content["config"]["step"]["user"]["menu_options"].get(kind, kind)
        return name

    def field(self, form: str, name: str) -> str:
        """Return the label of a field in the form of an account."""
        step = self._content["config"]["step"].get(form, {})
        for part in (step, *step.get("sections", {}).values()):
            if name in part.get("data", {}):
                label: str = part["data"][name]
                return label
        return name

    def choice(self, field: str, value: str) -> str:
        """Return the text of one of a field's choices."""
        text: str = self._content["selector"].get(field, {}).get("options", {}).get(value, value)
        return text

    def problem(self, key: str) -> str:
        """Return the text for an error of a form."""
        text: str = self._content["config"]["error"][key]
        return text

    def of_login(self, error: CloudError) -> str:
        """Describe why the cloud refused a login."""
        return f"{self.problem(row_of(error).form)} ({error})"

    def of_request(self, error: CloudError) -> str:
        """Describe an error on its own."""
        return self._worded(wording.of_request(error, _now()), error)

    def of_command(self, error: CloudError, device: str, datapoint: Datapoint | None) -> str:
        """Describe a failed command."""
        return self._worded(wording.of_command(error, device, _now(), datapoint), error)

    def of_history(self, error: CloudError, subject: str, *, is_to_be_granted: bool) -> str:
        """Describe why a history could not be read."""
        return self._worded(wording.of_history(error, subject, _now(), is_to_be_granted=is_to_be_granted), error)

    def _worded(self, found: wording.Wording, error: CloudError) -> str:
        text: str = self._content["exceptions"][found.key]["message"]
        return f"{text.format(**found.placeholders)} ({error})"


def _now() -> datetime:
    return datetime.now().astimezone()
