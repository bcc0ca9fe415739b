"""pipeline.dal.endpoint: the options of a phone, trunk or gateway."""

import attrs
import pytest

from pipeline.dal import TYPES, Endpoint
from pipeline.dal.stored import Stored


def test_it_is_the_registered_type():
    assert TYPES["endpoint"] is Endpoint
    assert issubclass(Endpoint, Stored)
    assert Endpoint.kind == "endpoint"


def test_nobody_need_say_anything():
    endpoint = Endpoint(id="alice")
    assert (endpoint.context, endpoint.max_calls, endpoint.rel100, endpoint.timers, endpoint.dtmf_mode) == (
        "default",
        0,
        "yes",
        "yes",
        "auto",
    )
    assert not (endpoint.trust_id_inbound or endpoint.trust_id_outbound or endpoint.privacy)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_calls": -1},
        {"rel100": "maybe"},
        {"timers": "never"},
        {"timers_min_se": 89},
        {"timers_sess_expires": 60},
        {"dtmf_mode": "morse"},
        {"media_address": "our.example.com"},
        {"rtp_timeout": -2.0},
        {"t38_udptl_ec": "t38UDPFEC"},
        {"t38_udptl_maxdatagram": -1},
    ],
)
def test_a_value_that_means_nothing_is_refused(wrong):
    with pytest.raises(ValueError):
        Endpoint(id="alice", **wrong)


def test_every_option_but_the_name_has_a_default():
    assert [field.name for field in attrs.fields(Endpoint) if field.default is attrs.NOTHING] == ["id"]
