"""A client made with the package busrt_async, which takes the orders of the tests on standard input.

One connection has the name, for messages; one has the name with `.rpc` behind it, for calls.
"""

import asyncio
import sys

from busrt_async import client as client_module
from busrt_async import rpc as rpc_module
from orders import answer, begin, payload_of, report, tell_event, tell_failure, tell_frame, text_of


async def on_frame(frame):
    """A message came."""
    tell_frame(frame)


async def on_call(event):
    """A call came."""
    return answer(rpc_module, event)


async def on_notification(event):
    """A notification came."""
    tell_event("notification", event, "-")


async def call(rpc, target, method, text):
    """Calls, and tells what came of it."""
    request = rpc_module.Request(method, params=payload_of(text))
    try:
        event = await (await rpc.call(target, request)).wait_completed(10)
        report("reply", text_of(event.get_payload()))
    except rpc_module.RpcException as error:
        tell_failure(error)


async def main(path, name):
    """Connects, and carries out orders."""
    client = client_module.Client(path, name)
    client.on_frame = on_frame
    await client.connect()
    rpc_client = client_module.Client(path, f"{name}.rpc")
    await rpc_client.connect()
    rpc = rpc_module.Rpc(rpc_client)
    rpc.on_call = on_call
    rpc.on_notification = on_notification
    orders = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(orders)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    report("ready")
    while line := (await orders.readline()).decode():
        order = line.rstrip("\n").split(" ")
        if order[0] == "call":
            await call(rpc, *order[1:])
        else:
            confirm = await begin(client_module, rpc_module, client, rpc, order)
            report("done", await confirm.wait_completed(10))


asyncio.run(main(*sys.argv[1:]))
