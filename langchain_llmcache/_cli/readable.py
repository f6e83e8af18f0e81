"""Entries as people and data frames read them: one row for each answer, JSON Lines or CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import IO, Any, Final

from langchain_llmcache._cli.contents import Content, compact, place_of, text_of
from langchain_llmcache._insight.savings import tokens_of
from langchain_llmcache._stores.admin import Held

COLUMNS: Final = (
    *("kind", "model", "namespace", "answer", "stored", "age", "expires", "seconds"),
    *("input_tokens", "output_tokens", "text", "tool_calls", "key"),
)


def rows_of(held: Held, content: Content, now: float) -> Iterator[dict[str, Any]]:
    """Yield an entry's answers as plain columns.

    ``age``, ``expires`` (what is left) and ``seconds`` (that the model took) are seconds; of an
    answer to several samples, each is a row, with its own tokens.
    """
    place = place_of(held.key)
    created = content.created
    stored = None if created is None else datetime.fromtimestamp(created, timezone.utc)
    about = {
        "kind": place.kind,
        "model": place.name,
        "namespace": "/".join(place.namespace),
        "stored": None if stored is None else stored.isoformat(timespec="seconds"),
        "age": None if created is None else round(now - created, 3),
        "expires": None if held.left is None else round(held.left / 1000, 3),
        "seconds": content.seconds,
        "key": held.key.path,
    }
    for number, (fields, tokens) in enumerate(_answers(content), 1):
        row = {
            **about,
            "answer": number,
            "input_tokens": tokens[0],
            "output_tokens": tokens[1],
            "text": fields["text"],
            "tool_calls": fields["tool_calls"],
        }
        yield {name: row[name] for name in COLUMNS}


def _answers(content: Content) -> Iterator[tuple[dict[str, Any], tuple[int, int]]]:
    """Yield text, tool calls and tokens of each answer."""
    if not _is_answer(content.data):
        # The result of a tool, or what a node wrote.
        is_message = isinstance(content.data, dict) and "content" in content.data
        text = text_of(content.data) if is_message else "\n".join(content.texts)
        calls = content.data.get("tool_calls", []) if is_message else []
        yield {"text": text, "tool_calls": calls}, (0, 0)
        return
    for fields in content.data:
        message = fields.get("message")
        said = fields if message is None else message["fields"]
        text = text_of(said) if message else ""
        text = text or fields.get("text", "")
        calls = [
            {"name": call.get("name"), "args": call.get("args"), "id": call.get("id")}
            for call in said.get("tool_calls") or ()
        ]
        yield {"text": text, "tool_calls": calls}, tokens_of([fields])


def _is_answer(data: Any) -> bool:
    """Tell whether these are the generations of a model."""
    return isinstance(data, list) and all(
        isinstance(each, dict) and "class" in each for each in data
    )


class JsonLines:
    """Writes rows as objects, one a line."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out

    def write(self, row: dict[str, Any]) -> None:
        """Write a row."""
        self._out.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")


class Csv:
    """Writes rows as CSV, with a heading; tool calls are JSON in their cell."""

    def __init__(self, out: IO[str]) -> None:
        self._writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        self._writer.writeheader()

    def write(self, row: dict[str, Any]) -> None:
        """Write a row."""
        calls = compact(row["tool_calls"]) if row["tool_calls"] else ""
        self._writer.writerow({**row, "tool_calls": calls})
