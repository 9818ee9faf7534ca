"""A codec for Perl's Storable, which TheSchwartz' Perl clients freeze their arguments with. Both ways, our own code."""

from wmcore.backends.storable.reading import looks_frozen, thaw
from wmcore.backends.storable.writing import freeze, plain

__all__ = ["freeze", "looks_frozen", "plain", "thaw"]
