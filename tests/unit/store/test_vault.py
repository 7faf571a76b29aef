"""A sealed value opens in its own place under a key that is here, and nowhere else."""

import pytest

from portal.domain.store.vault import MasterKeys, Unsealable, Vault

OLD, NEW = b"o" * 32, b"n" * 32


def test_what_is_sealed_opens_again() -> None:
    vault = Vault(MasterKeys({1: OLD}))
    sealed = vault.seal(b"hush", place="credentials.sealed/1")
    assert b"hush" not in sealed
    assert vault.open(sealed, place="credentials.sealed/1") == b"hush"


def test_a_value_moved_to_another_row_does_not_open() -> None:
    vault = Vault(MasterKeys({1: OLD}))
    sealed = vault.seal(b"hush", place="credentials.sealed/1")
    with pytest.raises(Unsealable):
        vault.open(sealed, place="credentials.sealed/2")


def test_resealing_moves_to_the_newest_key_and_keeps_the_value() -> None:
    sealed = Vault(MasterKeys({1: OLD})).seal(b"hush", place="p")
    both = Vault(MasterKeys({1: OLD, 2: NEW}))
    resealed = both.reseal(sealed, place="p")
    assert (both.version(sealed), both.version(resealed)) == (1, 2)
    assert Vault(MasterKeys({2: NEW})).open(resealed, place="p") == b"hush"


def test_a_lost_key_is_named() -> None:
    sealed = Vault(MasterKeys({1: OLD})).seal(b"hush", place="p")
    with pytest.raises(Unsealable, match="master key 1, which is not configured"):
        Vault(MasterKeys({2: NEW})).open(sealed, place="p")


def test_another_key_of_the_same_version_is_told() -> None:
    sealed = Vault(MasterKeys({1: OLD})).seal(b"hush", place="p")
    with pytest.raises(Unsealable, match="master key 1 is another one"):
        Vault(MasterKeys({1: NEW})).open(sealed, place="p")


def test_a_changed_byte_anywhere_is_found() -> None:
    vault = Vault(MasterKeys({1: OLD}))
    sealed = vault.seal(b"hush", place="p")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(Unsealable):
            vault.open(bytes(changed), place="p")


def test_a_short_or_foreign_value_is_refused() -> None:
    with pytest.raises(Unsealable, match="doesn't hold a sealed value"):
        Vault(MasterKeys({1: OLD})).open(b"\x01\x00", place="p")


def test_a_vault_needs_a_key() -> None:
    with pytest.raises(ValueError, match="master key"):
        Vault(MasterKeys({}))
