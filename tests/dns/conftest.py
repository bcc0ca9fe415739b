import pytest

from pipeline.clock import Clock
from pipeline.dns.resolver import Resolver
from pipeline.testing.loop import VirtualLoop
from pipeline.testing.names import NameServer
from pipeline.testing.network import Network


class Setting:
    """A resolver on a network in memory."""

    def __init__(self):
        self.loop = VirtualLoop()
        self.network = Network(1, loop=self.loop, delay=(0.01, 0.01))
        self.zone = self.network.zone
        self.clock = Clock(self.loop, 1_800_000_000.0)
        self.host = self.network.host("10.0.0.1")
        self.resolver = Resolver(self.host, self.clock, self.network.random.randrange)

    def second_server(self, address="10.53.53.54"):
        server = NameServer(self.network.names)
        server.serve(self.network.host(address), address)
        self.resolver.servers = (("10.53.53.53", 53), (address, 53))
        self.network.naming()
        return server

    def wait(self, value, seconds=30.0):
        """Return what a value, or a Pending, comes to."""
        if hasattr(value, "done"):
            self.loop.run_until(lambda: value.done, seconds)
            return value.value()
        return value

    def find(self, name, *kinds):
        return self.wait(self.resolver.addresses(name, *(kinds and [kinds])))

    def open_sockets(self):
        return [where for where in self.network.datagrams if where[0].startswith("10.0.0.1")]


@pytest.fixture
def dns():
    setting = Setting()
    yield setting
    setting.network.close()
    setting.loop.close()
