"""The ``llmcache`` command's way in: it starts the application, or says how to install it."""

from __future__ import annotations

import io
import sys


def main() -> None:
    """Run ``llmcache`` with the arguments of the process."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character must not end the job.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        from langchain_llmcache._cli.app import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"click", "rich", "typer"}:
            raise
        print(
            'llmcache needs its command-line extra: pip install "langchain-llmcache[cli]"',
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    app()


if __name__ == "__main__":
    main()
