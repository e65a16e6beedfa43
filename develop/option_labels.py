"""Puts the labels of options into the translations of other languages: `python -m develop.option_labels [LANGUAGE…]`.

`translations/en.json` decides which options have a label. The vocabulary of a language has the words for most of them;
the rest is printed, stays in English, and is kept once it has been translated by hand.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

from custom_components.datapoint_cloud import vocabulary
from custom_components.datapoint_cloud.fleet.naming import key_of
from custom_components.datapoint_cloud.vocabulary import Vocabulary, capitalized

_WORDS = Path(vocabulary.__file__).parent
_TEXTS = _WORDS.parent / "translations"


def _phrases() -> dict[str, list[str]]:
    """Return the Chinese phrases for each key that the vocabulary has, the shortest first; numbers are `#`."""
    found: dict[str, list[str]] = {}
    for phrase, words in sorted(_read(_WORDS / "en.json").items(), key=lambda item: len(item[0])):
        found.setdefault(key_of(words.replace("#", "0")), []).append(phrase)
    return found


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return content


def languages() -> list[str]:
    """Return the languages that have translations, without English."""
    return sorted(path.stem for path in _TEXTS.glob("*.json") if path.stem != "en")


def labels(language: str, known: dict[str, str]) -> dict[str, str]:
    """Return the labels of a language by their keys; `known` are those that it has already.

    Where several phrases have the key, a known label stays if it is the word for one of them.
    """
    english: dict[str, str] = _read(_TEXTS / "en.json")["entity"]["select"]["option"]["state"]
    words, phrases = Vocabulary.load(language), _phrases()
    found: dict[str, str] = {}
    for key, label in english.items():
        number = re.search(r"\d+", key)
        # A vendor's own key such as `dhw` is no English word, but its label is.
        of_key = phrases.get(key) or phrases.get(re.sub(r"\d+", "0", key)) or phrases.get(key_of(label), [])
        choices = [phrase.replace("#", number[0]) if number else phrase for phrase in of_key]
        if not language.startswith("zh"):
            translated = [words.translate(phrase) for phrase in choices] if words else []
            choices = [capitalized(choice) for choice in translated if choice is not None]
        own = known.get(key, label)
        found[key] = own if own in choices or not choices else choices[0]
    return found


def composite_labels(english: dict[str, Any], found: dict[str, str]) -> dict[str, Any]:
    """Return the labels of words that entities of several datapoints show, such as presets, by platform."""
    texts: dict[str, Any] = english["entity"]
    return {
        platform: _labelled(of_keys["composite"], found)
        for platform, of_keys in texts.items()
        if "composite" in of_keys
    }


def _labelled(english: dict[str, Any], found: dict[str, str]) -> dict[str, Any]:
    """Replace each English label by that of its key."""
    return {key: _labelled(text, found) if isinstance(text, dict) else found[key] for key, text in english.items()}


def in_order(texts: dict[str, Any], english: dict[str, Any]) -> dict[str, Any]:
    """Return texts in the order of the English ones; keys that English lacks come last."""
    keys = [*(key for key in english if key in texts), *(key for key in texts if key not in english)]
    return {
        key: in_order(texts[key], english[key])
        if isinstance(texts[key], dict) and isinstance(english.get(key), dict)
        else texts[key]
        for key in keys
    }


def fill(language: str) -> None:
    """Write the labels of a language, and print those that are as in English."""
    path = _TEXTS / f"{language}.json"
    texts, english = _read(path), _read(_TEXTS / "en.json")
    entity = texts.setdefault("entity", {})
    known = entity.get("select", {}).get("option", {}).get("state", {})
    found = labels(language, known)
    for platform in ("select", "sensor"):
        entity.setdefault(platform, {})["option"] = {"state": found}
    for platform, words in composite_labels(english, found).items():
        entity.setdefault(platform, {})["composite"] = words
    path.write_text(json.dumps(in_order(texts, english), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    same = english["entity"]["select"]["option"]["state"].items() & found.items()
    print(f"{language}: as in English: {', '.join(sorted(key for key, _ in same))}")


def main() -> None:
    """Write the labels of the languages that the command line names, or of all that have translations."""
    parser = argparse.ArgumentParser(
        prog="python -m develop.option_labels",
        description="Puts the labels of options into translations, and sorts these like the English ones.",
        epilog="Labels that the vocabulary lacks are printed. They stay as they are, so translate them by hand.",
    )
    parser.add_argument("languages", nargs="*", metavar="LANGUAGE", help="such as de; all if left out")
    for language in parser.parse_args().languages or languages():
        fill(language)


if __name__ == "__main__":
    main()
