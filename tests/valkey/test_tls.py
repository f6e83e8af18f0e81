"""TLS: on by its scheme, strict by default, and clear about what is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from langgraph_checkpoint_aws import ValkeyCache
from valkey import Valkey
from valkey.asyncio import Valkey as AsyncValkey
from valkey.cluster import ValkeyCluster
from valkey.sentinel import Sentinel

from langchain_llmcache import LLMCache, StoreError
from langchain_llmcache._valkey import tls
from tests.support.certificates import Certificates
from tests.support.patience import LATE, SOON, soon
from tests.support.servers import StartCluster, StartServer, ValkeyServer
from tests.support.targets import LLM_STRING, PROMPT, Half, answer

Halves = Callable[[LLMCache], Half]


@pytest.fixture
def encrypted(own_valkey_server: StartServer, certificates: Certificates) -> ValkeyServer:
    """A server that speaks TLS, with a certificate of a private authority."""
    return own_valkey_server(certificates=certificates)


async def works(cache: LLMCache, half: Halves) -> bool:
    """Tell whether an answer is found again."""
    await half(cache).update(PROMPT, LLM_STRING, answer())
    found = await half(cache).lookup(PROMPT, LLM_STRING)
    await cache.aclose()
    return found is not None


async def refusal(url: str, half: Halves, **options: Any) -> str:
    """Return what ``ping`` says of a server that lookups miss on."""
    cache = LLMCache.from_url(url, **options)
    assert await half(cache).lookup(PROMPT, LLM_STRING) is None
    assert cache.stats().errors == 1
    with pytest.raises(StoreError) as caught:
        await half(cache).ping()
    await cache.aclose()
    return str(caught.value)


async def test_a_private_authority(
    encrypted: ValkeyServer, certificates: Certificates, half: Halves
) -> None:
    """With its authority's certificate a server is trusted, by name and by address."""
    for host in ("127.0.0.1", "localhost"):
        for scheme in ("valkeys", "rediss"):
            url = f"{scheme}://{host}:{encrypted.port}?ssl_ca_certs={certificates.ca}"
            assert await works(LLMCache.from_url(url), half)


async def test_client_certificates(
    own_valkey_server: StartServer, certificates: Certificates, half: Halves, tmp_path: Path
) -> None:
    """A server that demands a certificate gets it, from two files or one; without: refused."""
    server = own_valkey_server(certificates=certificates, client_certificates=True)
    url = f"{server.url}?ssl_ca_certs={certificates.ca}"
    pair = certificates.client
    named = f"{url}&ssl_certfile={pair.certificate}&ssl_keyfile={pair.key}"
    assert await works(LLMCache.from_url(named), half)
    both = tmp_path / "both.pem"
    both.write_bytes(pair.key.read_bytes() + pair.certificate.read_bytes())
    assert await works(LLMCache.from_url(f"{url}&ssl_certfile={both}"), half)
    said = await refusal(url, half)
    assert "a client certificate: ssl_certfile=" in said


@pytest.mark.parametrize("cluster", [None, True])
@pytest.mark.parametrize(
    ("pair", "says"),
    [
        ("expired", "has expired"),
        ("other_host", "is for another name"),
        ("unknown", "an authority that is not trusted here; for a private one"),
    ],
)
async def test_a_bad_certificate_is_refused(
    own_valkey_server: StartServer,
    certificates: Certificates,
    half: Halves,
    pair: str,
    says: str,
    cluster: bool | None,
) -> None:
    """Expired, another host's, or signed by nobody we know: refused, each with its own message."""
    server = own_valkey_server(certificates=certificates, key_pair=getattr(certificates, pair))
    url = f"{server.url}?ssl_ca_certs={certificates.ca}"
    said = await refusal(url, half, cluster=cluster)
    assert f"the certificate of 127.0.0.1:{server.port}" in said
    assert says in said


async def test_the_systems_authorities_are_the_default(
    encrypted: ValkeyServer, half: Halves
) -> None:
    """Without a private authority, only the system's are trusted."""
    assert "not trusted here" in await refusal(encrypted.url, half)


async def test_checks_can_be_turned_off(
    own_valkey_server: StartServer, certificates: Certificates, half: Halves
) -> None:
    """Whoever says so gets no host name check, or no check at all."""
    other = own_valkey_server(certificates=certificates, key_pair=certificates.other_host)
    url = f"{other.url}?ssl_ca_certs={certificates.ca}&ssl_check_hostname=false"
    assert await works(LLMCache.from_url(url), half)
    expired = own_valkey_server(certificates=certificates, key_pair=certificates.expired)
    assert await works(LLMCache.from_url(f"{expired.url}?ssl_cert_reqs=none"), half)


async def test_a_server_without_tls(own_valkey_server: StartServer, half: Halves) -> None:
    """TLS with a server that does not speak it: refused, with a hint at the scheme."""
    server, said = own_valkey_server(), ""
    # It waits for the rest of what it takes for a command. (The longer it does so, the better it
    # can be told from a machine that is busy.)
    for seconds in (0.5, 2.5, 12.5):
        said = await refusal(f"valkeys://127.0.0.1:{server.port}", half, timeout=seconds)
        if "does not speak TLS" in said:
            break
    assert "does not speak TLS; is valkey:// meant" in said


async def test_a_server_with_tls_reached_without(encrypted: ValkeyServer, half: Halves) -> None:
    """Without TLS at a port that wants it: refused, at once."""
    with soon():
        said = await refusal(f"valkey://127.0.0.1:{encrypted.port}", half)
    assert "Perhaps it wants TLS: valkeys://" in said


async def test_files_that_are_not_there(encrypted: ValkeyServer, half: Halves) -> None:
    """A file that cannot be read is named."""
    said = await refusal(f"{encrypted.url}?ssl_ca_certs=/no/such/ca.pem", half)
    assert "'/no/such/ca.pem' for TLS cannot be read: No such file" in said


async def test_a_file_that_is_no_certificate(
    encrypted: ValkeyServer, half: Halves, tmp_path: Path
) -> None:
    """A file that holds no certificate is refused as what it is."""
    (tmp_path / "ca.pem").write_text("hello")
    said = await refusal(f"{encrypted.url}?ssl_ca_certs={tmp_path / 'ca.pem'}", half)
    assert "no certificate or crl found" in said


# --- contexts ---


async def test_one_context_for_all_connections(
    encrypted: ValkeyServer, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many connections are made, sync and async, the authorities are read once."""
    made = []
    original = ssl.create_default_context

    def counting(*args: Any, **kwargs: Any) -> ssl.SSLContext:
        made.append(kwargs)
        return original(*args, **kwargs)

    monkeypatch.setattr(tls, "_contexts", {})
    monkeypatch.setattr(ssl, "create_default_context", counting)
    url = f"{encrypted.url}?ssl_ca_certs={certificates.ca}"
    for _ in range(3):
        async with LLMCache.from_url(url, single_flight=False, timeout=5) as cache:
            for number in range(5):
                cache.close()
                cache.update(f"{number}", LLM_STRING, answer())
            await asyncio.gather(*(cache.aupdate(f"{n}", LLM_STRING, answer()) for n in range(10)))
            assert cache.stats().errors == 0
    assert len(made) == 1


async def test_renewed_files_are_read_again(
    own_valkey_server: StartServer, certificates: Certificates, half: Halves, tmp_path: Path
) -> None:
    """A CA file that is replaced is read for the next connection."""
    server = own_valkey_server(certificates=certificates)
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    cache = LLMCache.from_url(f"{server.url}?ssl_ca_certs={path}", single_flight=False)
    assert await half(cache).lookup(PROMPT, LLM_STRING) is None
    assert cache.stats().errors == 1
    path.write_bytes(certificates.ca.read_bytes())
    __import__("os").utime(path, (1, time.time() + 10))
    assert await works(cache, half)


def test_connecting_is_cheap_for_the_loop(
    encrypted: ValkeyServer, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop runs on while the authorities are read for the first connection."""
    monkeypatch.setattr(tls, "_contexts", {})
    original, loop_goes_on = ssl.create_default_context, threading.Event()

    def slow(*args: Any, **kwargs: Any) -> ssl.SSLContext:
        assert loop_goes_on.wait(SOON)
        return original(*args, **kwargs)

    monkeypatch.setattr(ssl, "create_default_context", slow)

    async def look() -> None:
        url = f"{encrypted.url}?ssl_ca_certs={certificates.ca}"
        async with LLMCache.from_url(url, timeout=LATE) as cache:
            looking = asyncio.create_task(cache.alookup(PROMPT, LLM_STRING))
            await asyncio.sleep(0.1)
            loop_goes_on.set()
            assert await looking is None
            assert cache.stats().errors == 0

    asyncio.run(look())


# --- clients that a user has, and clusters ---


async def test_a_client_keeps_its_own_settings(
    own_valkey_server: StartServer, certificates: Certificates, half: Halves
) -> None:
    """A client's checks are what they are, on or off, for the cache's connections too."""
    server = own_valkey_server(certificates=certificates, key_pair=certificates.other_host)
    for checks in (False, True):
        client = Valkey.from_url(
            server.url, ssl_ca_certs=str(certificates.ca), ssl_check_hostname=checks
        )
        store: ValkeyCache[Any] = ValkeyCache(Valkey(), ttl=60)
        store.client = client
        assert await works(LLMCache(store), half) is not checks
        client.close()


async def test_a_client_with_a_constant_for_its_checks(
    encrypted: ValkeyServer, certificates: Certificates, half: Halves
) -> None:
    """``ssl_cert_reqs=ssl.CERT_NONE`` and the like are what they are, in both halves."""
    own = str(certificates.ca)
    for checks, authority, trusted in (
        (ssl.CERT_NONE, None, True),
        (ssl.CERT_REQUIRED, own, True),
        (ssl.CERT_REQUIRED, None, False),
    ):
        store: ValkeyCache[Any] = ValkeyCache(Valkey(port=1), ttl=60)
        options: dict[str, Any] = {"ssl_cert_reqs": checks, "ssl_ca_certs": authority}
        store.client = Valkey(port=encrypted.port, ssl=True, **options)
        assert await works(LLMCache(store), half) is trusted


@pytest.mark.parametrize("by_sentinel", [False, True])
async def test_a_client_that_asks_whether_certificates_were_revoked(
    encrypted: ValkeyServer, certificates: Certificates, half: Halves, *, by_sentinel: bool
) -> None:
    """So do the cache's connections (OCSP), in both halves; here nothing can be asked."""
    options: dict[str, Any] = {"ssl": True, "ssl_ca_certs": str(certificates.ca)}
    options["ssl_validate_ocsp"] = True
    if by_sentinel:
        watching: Any = Sentinel([])
        watching.discover_master = lambda _: ("127.0.0.1", encrypted.port)
        client: Valkey = watching.master_for("mymaster", **options)
    else:
        client = Valkey(port=encrypted.port, **options)
    store: ValkeyCache[Any] = ValkeyCache(Valkey(port=1))
    store.client = client
    cache = LLMCache(store)
    await half(cache).update(PROMPT, LLM_STRING, answer())
    assert (cache.stats().stores, cache.stats().errors) == (0, 1)
    await cache.aclose()
    client.close()


async def test_an_asyncio_client_with_tls(
    encrypted: ValkeyServer, certificates: Certificates
) -> None:
    """An asyncio client's TLS settings serve the async half."""
    async_client = AsyncValkey.from_url(
        encrypted.url, ssl_ca_certs=str(certificates.ca), ssl_check_hostname=True
    )
    with contextlib.closing(encrypted.client()) as client:
        cache = LLMCache(ValkeyCache(client), async_client=async_client)
        assert await works(cache, lambda cache: Half("async", cache))
    await async_client.aclose()


@pytest.mark.parametrize("wanted", [None, True])
async def test_a_cluster_with_tls(
    valkey_cluster: StartCluster, certificates: Certificates, half: Halves, wanted: bool | None
) -> None:
    """Every node of a cluster is connected to with TLS, its name checked."""
    servers = valkey_cluster(primaries=2, certificates=certificates)
    url = f"{servers.url}?ssl_ca_certs={certificates.ca}"
    cache = LLMCache.from_url(url, cluster=wanted, timeout=5)
    for number in range(30):
        await half(cache).update(f"{number}", LLM_STRING, answer())
    for number in range(30):
        assert await half(cache).lookup(f"{number}", LLM_STRING) is not None
    await half(cache).clear()
    assert cache.stats().errors == 0
    await cache.aclose()
    with contextlib.closing(
        ValkeyCluster.from_url(servers.url, ssl_ca_certs=str(certificates.ca))
    ) as client:
        assert await works(LLMCache(ValkeyCache(client)), half)
