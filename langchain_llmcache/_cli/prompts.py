"""Reading a file of prompts: plain text or JSONL, one prompt a line."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from langchain_core.messages import convert_to_messages

from langchain_llmcache._cli.output import BAD_CONFIGURATION, fail

BUNDLED_PROMPTS = Path(__file__).parents[1] / "_demo" / "prompts.txt"


def read_prompts(path: Path) -> list[str]:
    """Read the prompts of a file; a file that cannot be used ends the command.

    Args:
        path: Text with one prompt a line, except blank lines and ``#`` comments; or, named
            ``.jsonl``, a JSON string or an object ``{"prompt": "..."}`` on each line.
    """
    return [
        text if number is None else _from_json(text, number, path) for number, text in _lines(path)
    ]


def read_inputs(path: Path) -> list[Any]:
    """Read what models and chains are to be asked; a file that cannot be used ends the command.

    Args:
        path: As for ``read_prompts``; a line of JSONL may also be ``{"messages": [...]}``, each
            a pair of role and text or an object, or ``{"input": ...}``, for a chain.
    """
    return [
        text if number is None else _input_from_json(text, number, path)
        for number, text in _lines(path)
    ]


def _lines(path: Path) -> list[tuple[int | None, str]]:
    """Return the lines that count; those of JSONL with their numbers."""
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        fail(f"there is no prompts file {path}.", code=BAD_CONFIGURATION)
    except UnicodeDecodeError:
        fail(f"the prompts file {path} is not UTF-8 text.", code=BAD_CONFIGURATION)
    except OSError as error:
        fail(f"cannot read the prompts file {path}: {error.strerror}.", code=BAD_CONFIGURATION)
    # Editors on Windows put a byte order mark there.
    lines = [line.strip() for line in content.removeprefix("\ufeff").split("\n")]
    found: list[tuple[int | None, str]]
    if path.suffix.lower() in {".jsonl", ".ndjson"}:
        found = [(number, line) for number, line in enumerate(lines, 1) if line]
    else:
        found = [(None, line) for line in lines if line and not line.startswith("#")]
    if not found:
        fail(f"the prompts file {path} holds no prompt.", code=BAD_CONFIGURATION)
    return found


def _input_from_json(line: str, number: int, path: Path) -> Any:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if isinstance(value, dict) and "input" in value:
        return value["input"]
    if isinstance(value, dict) and "messages" in value:
        given = value["messages"]
        if isinstance(given, list) and given:
            with contextlib.suppress(ValueError, TypeError, NotImplementedError):
                return convert_to_messages(
                    [tuple(one) if isinstance(one, list) else one for one in given]
                )
        fail(
            f"line {number} of {path} has messages that cannot be read; expected pairs such as "
            '["human", "..."].',
            code=BAD_CONFIGURATION,
        )
    return _from_json(line, number, path)


def _from_json(line: str, number: int, path: Path) -> str:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    prompt = value.get("prompt") if isinstance(value, dict) else value
    if not isinstance(prompt, str) or not prompt.strip():
        fail(
            f'line {number} of {path} is neither a JSON string nor an object {{"prompt": "..."}}.',
            code=BAD_CONFIGURATION,
        )
    return prompt
