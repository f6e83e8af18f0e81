"""What a user has after `pip install langchain-llmcache`, no extras: run in such an environment.

$ python smoke_wheel.py
"""

import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path

HEAVY = ("boto3", "botocore", "numpy", "typer", "rich")

import langchain_llmcache  # noqa: E402  (first of all: what it pulls in is the question)

loaded = [name for name in HEAVY if name in sys.modules]
assert not loaded, f"import langchain_llmcache pulls in {loaded}"

where = Path(langchain_llmcache.__file__)
assert "site-packages" in where.parts, f"not the installed wheel: {where}"
assert langchain_llmcache.__version__ == importlib.metadata.version("langchain-llmcache")
assert (where.parent / "py.typed").is_file(), "py.typed is not in the wheel"
for extra in ("typer", "langchain_aws", "langgraph.checkpoint.sqlite"):
    try:
        present = importlib.util.find_spec(extra) is not None
    except ModuleNotFoundError:
        present = False
    assert not present, f"the core install brings {extra}: this environment proves nothing"

from langchain_core.caches import BaseCache  # noqa: E402
from langchain_core.globals import set_llm_cache  # noqa: E402
from langchain_core.language_models import FakeListChatModel  # noqa: E402

with langchain_llmcache.LLMCache.from_url("memory://") as cache:
    assert isinstance(cache, BaseCache)
    set_llm_cache(cache)
    model = FakeListChatModel(responses=["first", "second"])
    assert [model.invoke("a question").content for _ in range(2)] == ["first", "first"], "no hit"
    set_llm_cache(None)

command = Path(sys.executable).with_name("llmcache")
result = subprocess.run([command], capture_output=True, text=True, check=False, timeout=60)
said = result.stdout + result.stderr
assert result.returncode == 2, f"llmcache without its extra: exit {result.returncode}\n{said}"
assert "langchain-llmcache[" in said, f"does not say which extra to install:\n{said}"
assert "Traceback" not in said, said

print(f"wheel {langchain_llmcache.__version__}: imports light, caches, and `llmcache` says:")
print(said.strip())
