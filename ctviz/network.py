"""This computer in the local network."""

from __future__ import annotations

import ipaddress
import socket


def network_address() -> str | None:
    """This computer's IPv4 address in the network that its packets leave by; None if it is in none.

    No packet is sent: the system is asked which address it would send one from.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("10.255.255.255", 1))
            found = ipaddress.IPv4Address(probe.getsockname()[0])
    except OSError:
        return None
    return None if found.is_unspecified or found.is_loopback else str(found)
