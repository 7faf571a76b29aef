"""Sealing: envelope encryption with a data key per value, wrapped by a versioned master key.

A sealed value is  b"\\x01" | key version (2 bytes) | nonce | wrapped data key | nonce | ciphertext.
The value's place (table, column, row) is associated data: a value copied to another row doesn't open.
"""

import os
import struct
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_HEADER = struct.Struct(">BH")
_NONCE, _WRAPPED = 12, 48
_FORMAT = 1


class Unsealable(Exception):
    """The value can't be opened: its master key is not here, or it was changed or moved."""


class MasterKeys:
    """Where master keys come from: here, the environment. A KMS would be another class with these methods.

    A wrapped data key holds what it takes to unwrap it, given the version.
    """

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        if not keys:
            raise ValueError("a vault needs a master key")
        self._keys = {version: AESGCM(key) for version, key in keys.items()}
        self.newest = max(keys)

    @property
    def versions(self) -> frozenset[int]:
        return frozenset(self._keys)

    def wrap(self, data_key: bytes, version: int, place: str) -> bytes:
        """The data key, wrapped for this place."""
        nonce = os.urandom(_NONCE)
        return nonce + self._keys[version].encrypt(nonce, data_key, place.encode())

    def unwrap(self, wrapped: bytes, version: int, place: str) -> bytes:
        """Raises Unsealable."""
        if version not in self._keys:
            raise Unsealable(f"{place} is sealed with master key {version}, which is not configured.")
        try:
            return self._keys[version].decrypt(wrapped[:_NONCE], wrapped[_NONCE:], place.encode())
        except InvalidTag as error:
            raise Unsealable(f"{place} was changed, or master key {version} is another one.") from error


class Vault:
    """Seals with the newest master key, opens with any."""

    def __init__(self, keys: MasterKeys) -> None:
        self.keys = keys

    def seal(self, plain: bytes, *, place: str, version: int | None = None) -> bytes:
        """The sealed value for this place, such as "credentials.sealed/<row id>"; by the newest key."""
        data_key, nonce = AESGCM.generate_key(256), os.urandom(_NONCE)
        wrapped = self._wrap(data_key, version or self.keys.newest, place)
        return wrapped + nonce + AESGCM(data_key).encrypt(nonce, plain, place.encode())

    def open(self, sealed: bytes, *, place: str) -> bytes:
        """What was sealed for this place. Raises Unsealable."""
        data_key, body = self._unwrap(sealed, place)
        try:
            return AESGCM(data_key).decrypt(body[:_NONCE], body[_NONCE:], place.encode())
        except InvalidTag as error:
            raise Unsealable(f"{place} was changed or belongs elsewhere.") from error

    def reseal(self, sealed: bytes, *, place: str) -> bytes:
        """The same value with its data key wrapped by the newest master key."""
        data_key, body = self._unwrap(sealed, place)
        return self._wrap(data_key, self.keys.newest, place) + body

    @staticmethod
    def version(sealed: bytes) -> int:
        """The version of the master key that wraps this value."""
        return int(_HEADER.unpack_from(sealed)[1])

    @staticmethod
    def head(version: int) -> bytes:
        """How every value begins that this version wraps."""
        return _HEADER.pack(_FORMAT, version)

    def _wrap(self, data_key: bytes, version: int, place: str) -> bytes:
        return self.head(version) + self.keys.wrap(data_key, version, place)

    def _unwrap(self, sealed: bytes, place: str) -> tuple[bytes, bytes]:
        end = _HEADER.size + _NONCE + _WRAPPED
        if len(sealed) < end + _NONCE or sealed[0] != _FORMAT:
            raise Unsealable(f"{place} doesn't hold a sealed value.")
        data_key = self.keys.unwrap(sealed[_HEADER.size : end], self.version(sealed), place)
        return data_key, sealed[end:]


_vault: list[Vault] = []


def unlock(master_keys: Mapping[int, bytes]) -> None:
    """Makes these the process's master keys; called once by create_app."""
    _vault[:] = [Vault(MasterKeys(master_keys))]


def opened() -> Vault:
    """The process's vault."""
    return _vault[0]


def seal(plain: bytes, *, place: str) -> bytes:
    """Seals with the process's vault; see Vault.seal."""
    return _vault[0].seal(plain, place=place)


def unseal(sealed: bytes, *, place: str) -> bytes:
    """Opens with the process's vault; see Vault.open."""
    return _vault[0].open(sealed, place=place)
