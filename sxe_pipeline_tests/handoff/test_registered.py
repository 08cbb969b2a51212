"""In production only a key that the database knows signs a batch."""

import dataclasses
from datetime import UTC, datetime

import pytest

from sxe_pipeline import settings, sign
from sxe_pipeline.errors import BadConfig
from sxe_pipeline.handoff import record
from sxe_pipeline.store import sql


def test_d04_a_key_that_nobody_registered_signs_nothing_in_production(database, tmp_path):
    signer = sign.Signer.generate()
    laptop = settings.load({"SXE_HOME": str(tmp_path), "SXE_SIGNING_KEY": signer.text()})
    production = dataclasses.replace(laptop, is_production=True)

    with sql.connect(database.dsn("sxe_contacts")) as conn:
        assert record.signer_of(conn, laptop).key_id == signer.key_id
        with pytest.raises(BadConfig, match="is not registered"):
            record.signer_of(conn, production)
        with sql.connect(database.dsn("sxe_admin")) as admin:
            record.know_key(admin, signer.public_key, actor="test", now=datetime.now(UTC))
        assert record.signer_of(conn, production).key_id == signer.key_id
