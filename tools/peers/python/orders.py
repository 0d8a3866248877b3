"""What the clients in Python have in common: the orders of the tests, and what is told of them."""

import threading

KINDS = {0x12: "message", 0x13: "broadcast", 0x01: "publication"}
OPERATIONS = {
    "send": 0x12,
    "broadcast": 0x13,
    "publish": 0x01,
    "subscribe": 0x02,
    "unsubscribe": 0x03,
}
output = threading.Lock()


def report(*words):
    """Tells the test something, on one line."""
    with output:
        print(*words, flush=True)


def payload_of(text):
    """The payload that a text stands for: itself, or, as x*N, as many bytes x."""
    return b"x" * int(text[2:]) if text.startswith("x*") else text.encode()


def text_of(payload):
    """The text that stands for a payload."""
    payload = bytes(payload)
    if len(payload) > 64 and payload.strip(b"x") == b"":
        return f"x*{len(payload)}"
    return payload.decode()


def tell_frame(frame):
    """Tells of a message, but for those of the broker."""
    if not (frame.topic or "").startswith(".broker/"):
        report("heard", KINDS[frame.type], frame.sender, frame.topic or "-", text_of(frame.payload))


def tell_event(kind, event, method):
    """Tells of a notification or a call."""
    report("heard", kind, event.frame.sender, method, text_of(event.get_payload()))


def tell_failure(error):
    """Tells of a call that failed."""
    data = error.rpc_error_payload
    report("failed", error.rpc_error_code, "" if isinstance(data, str) else text_of(data))


def answer(rpc_module, event):
    """What a call is answered with."""
    method = event.method.decode()
    if method == "echo":
        return event.get_payload()
    if method == "fail":
        raise rpc_module.RpcException(text_of(event.get_payload()), -32099)
    if method == "tell":
        tell_event("call", event, method)
        return None
    raise rpc_module.RpcException("", rpc_module.RPC_ERROR_CODE_METHOD_NOT_FOUND)


def begin(client_module, rpc_module, client, rpc, words):
    """Begins an order that is not a call: what it returns is waited for."""
    verb, place, text = (words + [""])[:3]
    if verb == "call0":
        request = rpc_module.Request(text, params=payload_of(words[3]))
        return rpc.call0(place, request)
    if verb == "notify":
        return rpc.notify(place, rpc_module.Notification(payload_of(text)))
    frame = client_module.Frame(payload_of(text), tp=OPERATIONS[verb], qos=1)
    if verb in ("subscribe", "unsubscribe"):
        frame.topic = place
        return client.send(None, frame)
    return client.send(place, frame)
