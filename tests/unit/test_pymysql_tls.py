"""What connections to MySQL share, and what they do not."""

import ssl

from wmcore.backends.theschwartz.pymysql_tls import SharingConnection, read_certificates


def test_certificates_that_nobody_looks_at_are_read_once() -> None:
    read_certificates()
    one, other = SharingConnection(defer_connect=True), SharingConnection(defer_connect=True)
    assert one.ctx is other.ctx
    assert one.ctx.verify_mode is ssl.CERT_NONE


def test_what_is_configured_is_not_shared() -> None:
    ca = ssl.get_default_verify_paths().cafile
    one, other = (SharingConnection(defer_connect=True, ssl={"ca": ca, "check_hostname": True}) for _ in range(2))
    assert one.ctx is not other.ctx
    assert one.ctx.verify_mode is ssl.CERT_REQUIRED if ca else ssl.CERT_NONE
