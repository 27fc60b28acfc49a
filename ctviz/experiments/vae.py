"""The autoencoders of data sets, fitted once and kept in memory and in the store's folder ``vaes``."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from safetensors.numpy import load, save

from ctviz.cache import Cache
from ctviz.data.catalogue import AnyData, data_settings
from ctviz.data.catalogue import load as load_data
from ctviz.errors import StoreError
from ctviz.experiments.config import ALGORITHM_VERSION
from ctviz.experiments.store import Store, open_store
from ctviz.experiments.store.artifacts import Kind
from ctviz.experiments.store.codec import entry_of
from ctviz.models.vae import Vae, VaeSettings

_MAX_KEPT = 32


def vae_settings(data: AnyData, latent: int) -> VaeSettings:
    """Settings of a data set's autoencoder; for images it is wider, with one scale for all pixels."""
    if data.grid is None:
        return VaeSettings(latent=latent)
    return VaeSettings(latent=latent, hidden=128, lr=0.003, scaling="common")


def vae_key(data: AnyData, latent: int) -> str:
    """16 hexadecimal digits that change whenever the autoencoder would."""
    settings = vae_settings(data, latent)
    text = f"{ALGORITHM_VERSION}:vae:{data.model_dump_json()}:{settings.model_dump_json()}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def vae_for(data: AnyData, latent: int, store: Store | None = None) -> Vae:
    """The autoencoder of a data set: from memory or the store, else fitted now (a second, several for images) and
    stored.

    A disk that cannot be written is no error: then it is kept in memory alone.
    """
    key = vae_key(data, latent)
    return _cache.get(key, lambda: _stored(key, store) or _fitted(data, latent, store))


def stored_vae(data: AnyData, latent: int, store: Store | None = None) -> Vae | None:
    """The autoencoder if it has been fitted before; cheap enough to be called often."""
    key = vae_key(data, latent)
    vae: Vae | None = _cache.peek(key) or _stored(key, store)
    if vae is not None:
        _cache.put(key, vae)
    return vae


def vae_job(data_json: str, latent: int, root: str, cancelled: Callable[[], bool]) -> None:
    """A background job: fit the autoencoder of a data set into the store at ``root``, unless it is there.

    Raises:
        StoreError: the disk cannot be written.
    """
    data, store = data_settings(json.loads(data_json)), open_store(Path(root))
    key = vae_key(data, latent)
    if _stored(key, store) is None and not cancelled():
        VAES.keep(store, key, _fit(data, latent))


def _fit(data: AnyData, latent: int) -> Vae:
    return Vae.fit(load_data(data).train[0], **vae_settings(data, latent).model_dump())


def _fitted(data: AnyData, latent: int, store: Store | None) -> Vae:
    vae = _fit(data, latent)
    if store is not None:
        with contextlib.suppress(StoreError):
            VAES.keep(store, vae_key(data, latent), vae)
    return vae


def _stored(key: str, store: Store | None) -> Vae | None:
    """Read from the store; a damaged file is removed, to be fitted again."""
    return None if store is None else VAES.read(store, key)


VAES = Kind[Vae](
    "autoencoder",
    folder="vaes",
    encode=lambda vae: save(vae.arrays()),
    decode=lambda content: Vae.from_arrays(load(content)),
    old_name="{key}.safetensors",
    decode_old=lambda content, key: Vae.from_arrays(entry_of(content, key, "vae")[1]),
    max_bytes=16 << 20,
    max_files=200,
)
"""Autoencoders in a store, a few kB each, by the key of data set and settings."""


_cache = Cache(_MAX_KEPT, at_once=None)
"""The autoencoders used last in this process."""
