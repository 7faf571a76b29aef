"""The VM that most of these tests are about."""

import pytest

from portal.domain.people.models import User
from portal.domain.tenants.models import Tenant
from portal.domain.vms.models import Vm
from tests.support.world import Worker, fresh, launch


@pytest.fixture
def vm(ada: User, lab: Tenant, work: Worker) -> Vm:
    """One of Ada's that runs."""
    made = launch(ada, lab)
    work()
    return fresh(made)
