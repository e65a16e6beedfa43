"""Puts the labels of options into the translations of other languages: `python -m develop.option_labels LANGUAGE…`.

`translations/en.json` decides which options have a label. The vocabulary of a language has the words for most of them;
the rest is printed, stays in English, and is kept once it has been translated by hand.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from custom_components.datapoint_cloud import vocabulary
from custom_components.datapoint_cloud.fleet.naming import key_of
from custom_components.datapoint_cloud.vocabulary import Vocabulary, capitalized

_WORDS = Path(vocabulary.__file__).parent
_TEXTS = _WORDS.parent / "translations"


def _phrases() -> dict[str, str]:
    """Return the shortest Chinese phrase for each key that the vocabulary has; numbers are `#`."""
    english = sorted(_read(_WORDS / "en.json").items(), key=lambda found: -len(found[0]))
    return {key_of(words.replace("#", "0")): phrase for phrase, words in english}


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return content


def labels(language: str, known: dict[str, str]) -> dict[str, str]:
    """Return the labels of a language by their keys; `known` are those that it has already."""
    english: dict[str, str] = _read(_TEXTS / "en.json")["entity"]["select"]["option"]["state"]
    words, phrases = Vocabulary.load(language), _phrases()
    found: dict[str, str] = {}
    for key, label in english.items():
        number = re.search(r"\d+", key)
        phrase = phrases.get(key) or phrases.get(re.sub(r"\d+", "0", key))
        if phrase is not None and number is not None:
            phrase = phrase.replace("#", number[0])
        if phrase is not None and language.startswith("zh"):
            found[key] = phrase
        elif phrase is not None and words is not None and (translated := words.translate(phrase)) is not None:
            found[key] = capitalized(translated)
        else:
            found[key] = known.get(key, label)
    return found


def main(language: str) -> None:
    """Write the labels of a language."""
    path = _TEXTS / f"{language}.json"
    texts = _read(path)
    entity = texts.setdefault("entity", {})
    known = entity.get("select", {}).get("option", {}).get("state", {})
    found = labels(language, known)
    for platform in ("select", "sensor"):
        entity.setdefault(platform, {})["option"] = {"state": found}
    path.write_text(json.dumps(texts, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    english = _read(_TEXTS / "en.json")["entity"]["select"]["option"]["state"]
    print(f"{language}: as in English: {', '.join(key for key, label in found.items() if english[key] == label)}")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        main(argument)
