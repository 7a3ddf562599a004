"""What the tests of configuration begin with."""

import pytest
from tests.support.configuration import Scopes


@pytest.fixture
def scopes() -> Scopes:
    return Scopes()
