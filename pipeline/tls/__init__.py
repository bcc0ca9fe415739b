"""TLS for the transports that want it: contexts of certificate files, names in certificates, encrypted streams. RFC 3261 26.2, 5922."""
