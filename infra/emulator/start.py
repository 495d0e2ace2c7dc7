"""Starts the AWS emulator, with four things mended.

ministack 1.5.33 starts a process for each invocation that finds none free. Where many come at once, all of them load
at the same time, on the same cores as the emulator itself, whose answers come too late for each: what they all try
again then keeps it so. On AWS environments start on machines of their own. Here as many start at a time as there are
cores.

It ends a function's process at its time limit, by the clock. On AWS environments have processors of their own, and
a function that gives up in time is never ended so. On a machine that all share it is late by others' fault, the
process that has to be made in its place takes more of what there is too little of, and the next one is late, too. Here
a function is told its limit, and has some time more before it is ended.

It begins each asynchronous invocation at once. On AWS such an invocation waits in a queue of its own until there is
room for it. Here so many run at a time as the cores can serve, and the others wait; those that somebody waits for
begin at once as before, so that nothing that holds a place waits for one.

It keeps a function's warm processes under the function's name. An asynchronous invocation that is
tried again after its function was deleted makes such a process with the old environment, and one that was made
in the place of the deleted one is answered by it from then on. On AWS a function's execution environments are
its own: here they are kept under the name and what tells the two apart.
"""

import contextvars
import hashlib
import json
import os
import threading

from ministack.app import main
from ministack.core import lambda_runtime
from ministack.services import lambda_svc

worker_key = lambda_runtime._worker_key


def own_worker_key(func_name, config, qualifier):
    """The emulator's key, with a digest of the configuration at the end of the qualifier."""
    identity = [config.get(name) for name in ("CodeSha256", "Environment", "Handler", "Role")]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return f"{worker_key(func_name, config, qualifier)}@{digest[:16]}"


lambda_runtime._worker_key = own_worker_key

spawn = lambda_runtime.Worker._spawn
starting = threading.BoundedSemaphore(os.cpu_count() or 1)


def spawn_in_turn(self):
    """The emulator's start of a process, up to where its module is loaded."""
    with starting:
        spawn(self)


lambda_runtime.Worker._spawn = spawn_in_turn

GRACE_S = 120


class Limit(int):
    """Seconds after which a process is ended; as a float, which a function is told, those of its configuration."""

    def __float__(self):
        return float(int(self) - GRACE_S)


invoke = lambda_runtime.Worker.invoke


def invoke_patiently(self, *args, **kwargs):
    """The emulator's invocation, with a limit that is enforced a little later than it is told."""
    limit = self.config.get("Timeout", 30)
    if not isinstance(limit, Limit):
        self.config = {**self.config, "Timeout": Limit(limit + GRACE_S)}
    return invoke(self, *args, **kwargs)


lambda_runtime.Worker.invoke = invoke_patiently

invoke_async = lambda_svc.invoke_async_with_retry
execute = lambda_svc._execute_function
nobody_waits = contextvars.ContextVar("nobody_waits", default=False)
places = threading.BoundedSemaphore(4 * (os.cpu_count() or 1))


def invoke_from_queue(*args, **kwargs):
    """The emulator's asynchronous invocation, marked as such for the thread that it starts."""
    token = nobody_waits.set(True)
    try:
        invoke_async(*args, **kwargs)
    finally:
        nobody_waits.reset(token)


def execute_in_turn(*args, **kwargs):
    """The emulator's execution of a function; an asynchronous one has to find a place first."""
    if not nobody_waits.get():
        return execute(*args, **kwargs)
    with places:
        nobody_waits.set(False)  # The emulator's own calls itself.
        try:
            return execute(*args, **kwargs)
        finally:
            nobody_waits.set(True)


lambda_svc.invoke_async_with_retry = invoke_from_queue
lambda_svc._execute_function = execute_in_turn
main()
