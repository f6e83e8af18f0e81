"""``python -m langchain_llmcache``: the command line, where no script is on the PATH."""

from langchain_llmcache.cli import main

main()
