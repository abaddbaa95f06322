"""How kernels are compiled by numba, and when their cached code is stale: when any file of this
folder has changed, since one calls functions of another.

By itself numba looks at a function's own file alone. Importing this module imports numba.
"""

import hashlib
from functools import cache
from pathlib import Path

from numba import config
from numba.core.caching import InTreeCacheLocator, UserProvidedCacheLocator, UserWideCacheLocator

# numba infers types and compiles no checker's wrapper (the tests' import hook adds one): hence no
# annotations in kernels, and no_type_check.
EXACT = {"error_model": "numpy", "nogil": True}
COMPILED = {**EXACT, "fastmath": {"contract"}}
""""contract" lets LLVM fuse a multiplication and an addition; it never reorders."""
INLINED = {"forceinline": True}
"""Of functions that others call. Left apart, the process that compiles would run such a
function as it was compiled by itself, every later one as the cached code of its caller holds
it: with other roundings."""
FOLDER = Path(__file__).parent


@cache
def digest_of_sources() -> str:
    """Return the SHA-256 of all that may be part of a kernel."""
    return hashlib.sha256(
        b"".join(path.read_bytes() for path in sorted(FOLDER.glob("*.py")))
    ).hexdigest()


class _OfThisFolder:
    """Makes of one of numba's places for cached code one that only functions of this folder are
    kept in.
    """

    @classmethod
    def from_function(cls, function, file):
        return super().from_function(function, file) if Path(file).parent == FOLDER else None

    def get_source_stamp(self):
        return digest_of_sources()


class InGivenFolder(_OfThisFolder, UserProvidedCacheLocator):
    """Of NUMBA_CACHE_DIR."""


class BesideTheSource(_OfThisFolder, InTreeCacheLocator):
    """Of __pycache__ here, where it can be written."""


class InTheUsersCache(_OfThisFolder, UserWideCacheLocator):
    """Of the user's folder for caches."""


_OF_OTHERS = (
    config.CACHE_LOCATOR_CLASSES
    or "UserProvidedCacheLocator,InTreeCacheLocator,UserWideCacheLocator,"
    "IPythonCacheLocator,ZipCacheLocator"
)
config.CACHE_LOCATOR_CLASSES = ",".join(
    [
        *(
            f"{__name__}.{place.__name__}"
            for place in (InGivenFolder, BesideTheSource, InTheUsersCache)
        ),
        _OF_OTHERS,
    ]
)
