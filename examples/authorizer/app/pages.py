"""Three functions behind Sojourn's authorizer. They import nothing: whose request it is comes with the event."""


def orders(event, context):  # noqa: ANN001, ANN201, ARG001  # an application of its own
    """An HTTP API: what the authorizer says is under ``lambda``, numbers as numbers."""
    session = event["requestContext"]["authorizer"]["lambda"]
    return {"orders_of": session.get("subject"), "session": session["id"], "until": session["expires_at"]}


def invoices(event, context):  # noqa: ANN001, ANN201, ARG001
    """A REST API: everything is text."""
    session = event["requestContext"]["authorizer"]
    return {"statusCode": 200, "body": f"invoices of {session.get('subject')}, until {session['expires_at']}"}


def socket(event, context):  # noqa: ANN001, ANN201, ARG001
    """A WebSocket API: as a REST API. This one is for users alone; a session without a subject is a visitor's."""
    session = event["requestContext"]["authorizer"]
    return {"statusCode": 200 if "subject" in session else 403}
