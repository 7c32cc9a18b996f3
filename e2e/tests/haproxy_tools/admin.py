"""Reads and sets by haproxyadmin, a library for HAProxy's stats socket: admin.py SOCKET BACKEND SERVER."""

import sys

from haproxyadmin import haproxy

socket, backend_name, server_name = sys.argv[1:]
proxy = haproxy.HAProxy(socket_file=socket)


def server():
    """The server as it is now."""
    (found,) = proxy.server(server_name, backend=backend_name)
    return found


print("version", proxy.version, "uptime", proxy.uptime, "requests", proxy.totalrequests)
assert proxy.totalrequests >= 10
assert [frontend.name for frontend in proxy.frontends()] == ["http", "https"]
assert proxy.frontend("http").requests >= 10, proxy.frontend("http").requests
(backend,) = proxy.backends()
assert (backend.name, backend.status) == (backend_name, "UP")
assert backend.metric("hrsp_2xx") == 10, backend.metric("hrsp_2xx")
# The library gives these numbers as text.
assert (server().status, server().weight, server().check_status, server().check_code) == ("UP", "100", "L7OK", "200")
assert [server().address, server().port] == server_name.split(":")
for state, shown in [("maint", "MAINT"), ("ready", "UP"), ("drain", "DRAIN"), ("enable", "UP"), ("disable", "MAINT"), ("ready", "UP")]:
    assert server().setstate(state) is True, state
    assert server().status == shown, (state, server().status)
for weight, shown in [(20, "20"), ("50%", "50"), ("100%", "100")]:
    assert server().setweight(weight) is True, weight
    assert server().weight == shown, (weight, server().weight)
assert proxy.clearcounters(all=True) is True
assert proxy.backend(backend_name).requests == 0
print("all is well")
