from django_outbox_pattern.headers import generate_headers


def persistent(message):
    """The library's headers, and the one by which STOMP keeps a message over a restart of the broker."""
    return {"persistent": "true", **generate_headers(message)}
