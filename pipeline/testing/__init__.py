r"""The testing kit: a pytest plugin, a virtual clock, a lossy network in memory, scripted phones.

def test_a_call_outside_hours_is_refused(sip):
    server = sip("[plugin.curfew]\nopens = 0\ncloses = 0", intercept=["curfew"])
    assert server.request("INVITE", to="bob").status == 480
"""
