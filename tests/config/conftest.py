"""Fixtures of the tests of configuration."""

import pytest
from tests.support.configuration import Scopes


@pytest.fixture
def scopes() -> Scopes:
    return Scopes()
