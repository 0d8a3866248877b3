"""A client made with the packages busrt or elbus for threads: the first argument says which.

It takes the orders of the tests on standard input. One connection has the name, for messages; one has
the name with `.rpc` behind it, for calls.
"""

import importlib
import sys

from orders import answer, begin, payload_of, report, tell_event, tell_failure, tell_frame, text_of

library, path, name = sys.argv[1:]
client_module = importlib.import_module(f"{library}.client")
rpc_module = importlib.import_module(f"{library}.rpc")


def call(target, method, text):
    """Calls, and tells what came of it."""
    request = rpc_module.Request(method, params=payload_of(text))
    try:
        report("reply", text_of(rpc.call(target, request).wait_completed(10).get_payload()))
    except rpc_module.RpcException as error:
        tell_failure(error)


client = client_module.Client(path, name)
client.on_frame = tell_frame
client.connect()
rpc_client = client_module.Client(path, f"{name}.rpc")
rpc_client.connect()
rpc = rpc_module.Rpc(rpc_client)
rpc.on_call = lambda event: answer(rpc_module, event)
rpc.on_notification = lambda event: tell_event("notification", event, "-")
report("ready")
for line in sys.stdin:
    order = line.rstrip("\n").split(" ")
    if order[0] == "call":
        call(*order[1:])
    else:
        confirm = begin(client_module, rpc_module, client, rpc, order)
        report("done", confirm.wait_completed(10))
