"""Print the fenced block that follows `<!-- ci: NAME -->` in a Markdown file.

CI runs the commands that the documentation gives, not a copy of them.

    $ python3 block.py README.md test
"""

import re
import sys
from pathlib import Path


def block(markdown: str, name: str) -> str:
    """The text between the fences; exactly one such block has to be there."""
    found = re.findall(
        rf"^<!-- ci: {re.escape(name)} -->\s*^(```+)[^\n]*\n(.*?)^\1[ \t]*$",
        markdown,
        re.MULTILINE | re.DOTALL,
    )
    if len(found) != 1:
        raise SystemExit(f"Expected one fenced block after <!-- ci: {name} -->, found {len(found)}")
    return str(found[0][1])


if __name__ == "__main__":
    path, wanted = sys.argv[1:]
    print(block(Path(path).read_text(encoding="utf-8"), wanted), end="")
