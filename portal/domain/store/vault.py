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


class Vault:
    """Seals with the newest master key, opens with any."""

    def __init__(self, master_keys: Mapping[int, bytes]) -> None:
        if not master_keys:
            raise ValueError("a vault needs a master key")
        self._keys = {version: AESGCM(key) for version, key in master_keys.items()}
        self._newest = max(master_keys)

    def seal(self, plain: bytes, *, place: str) -> bytes:
        """The sealed value for this place, such as "credentials.sealed/<row id>"."""
        data_key, nonce = AESGCM.generate_key(256), os.urandom(_NONCE)
        return self._wrap(data_key, place) + nonce + AESGCM(data_key).encrypt(nonce, plain, place.encode())

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
        return self._wrap(data_key, place) + body

    @staticmethod
    def version(sealed: bytes) -> int:
        """The version of the master key that wraps this value."""
        return int(_HEADER.unpack_from(sealed)[1])

    def _wrap(self, data_key: bytes, place: str) -> bytes:
        nonce = os.urandom(_NONCE)
        wrapped = self._keys[self._newest].encrypt(nonce, data_key, place.encode())
        return _HEADER.pack(_FORMAT, self._newest) + nonce + wrapped

    def _unwrap(self, sealed: bytes, place: str) -> tuple[bytes, bytes]:
        start = _HEADER.size + _NONCE
        if len(sealed) < start + _WRAPPED + _NONCE or sealed[0] != _FORMAT:
            raise Unsealable(f"{place} doesn't hold a sealed value.")
        version = self.version(sealed)
        if version not in self._keys:
            raise Unsealable(f"{place} is sealed with master key {version}, which is not configured.")
        try:
            data_key = self._keys[version].decrypt(
                sealed[_HEADER.size : start], sealed[start : start + _WRAPPED], place.encode()
            )
        except InvalidTag as error:
            raise Unsealable(f"{place} was changed, or master key {version} is another one.") from error
        return data_key, sealed[start + _WRAPPED :]


_vault: list[Vault] = []


def unlock(master_keys: Mapping[int, bytes]) -> None:
    """Makes these the process's master keys; called once by create_app."""
    _vault[:] = [Vault(master_keys)]


def seal(plain: bytes, *, place: str) -> bytes:
    """Seals with the process's vault; see Vault.seal."""
    return _vault[0].seal(plain, place=place)


def unseal(sealed: bytes, *, place: str) -> bytes:
    """Opens with the process's vault; see Vault.open."""
    return _vault[0].open(sealed, place=place)
