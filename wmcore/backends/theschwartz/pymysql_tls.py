"""PyMySQL's connections without their longest step.

Where the configuration says nothing of TLS, PyMySQL uses it if the server has it, and verifies no certificate; yet
each connection reads all certificates that the machine trusts, some twenty milliseconds. Here it is done once, in the
loader.
"""

from typing import Any

from pymysql.connections import Connection


class SharingConnection(Connection):
    """All that verify nothing share what they do not verify with. A TLS configuration is read anew each time."""

    _unverifying: Any = None

    def _create_ssl_ctx(self, options: Any) -> Any:
        """PyMySQL's own step; under another name in another version, it only takes its time again."""
        if options:
            return super()._create_ssl_ctx(options)  # type: ignore[misc]
        if SharingConnection._unverifying is None:
            SharingConnection._unverifying = super()._create_ssl_ctx(options)  # type: ignore[misc]
        return SharingConnection._unverifying


def read_certificates() -> None:
    """So that connections made from now on, and in processes forked from now on, need not."""
    SharingConnection(defer_connect=True)
