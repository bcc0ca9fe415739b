"""pipeline.testing.server: what a test sees of the server that it has started."""

import pytest


def test_a_plugin_is_found_by_the_name_it_is_listed_under(sip):
    server = sip(application=["registrar"])
    assert type(server.plugin("registrar")).__name__ == "Registrar"
    with pytest.raises(LookupError, match="no stage lists a plugin 'presence'"):
        server.plugin("presence")
