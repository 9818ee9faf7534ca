"""A site of TheSchwartz: a database that Perl's schema files made, Perl's programs, and wmcore pointed at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.integration.conftest import make_daemon, make_gearman
from tests.interop.perl import Perl, entry, need_perl
from tests.interop.site import WITH, Site

__all__ = ["make_daemon", "make_gearman", "site"]


@pytest.fixture
def site(dsn: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """As Perl's schema files leave it, "bare", or also "with our tables" where the test asks for both."""
    need_perl(make_url(dsn).get_backend_name())
    made = Site(dsn, tmp_path, Perl(entry(dsn), tmp_path), tables=getattr(request, "param", "") == WITH)
    made.create()
    yield made
    made.close()
