"""What surrounds every request: limits, the wait for Kafka, the log line, the metrics; for ASGI and for WSGI.

Flask's views do not wait. They hand messages to the producer and return a `Later`. The front turns it into an answer
once Kafka has acknowledged the messages. So one thread serves thousands of requests a second. With a thread for each
request the threads would mostly wait for Python's lock (docs/decisions/0009).
"""

from __future__ import annotations

import asyncio
import gc
import io
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from flask import Flask, Response

from api import logs, problems
from api.later import Later
from api.metrics import Metrics
from api.notifications import EventStream, Listener
from api.problems import Problem
from api.publish import Publisher, Receipt
from api.sender import set_host_aside
from api.stopping import when_announced

T = TypeVar("T")
Environ = dict[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

_GRACE_SECONDS = 1.0  # beyond the time after which the producer gives up by itself
BODY_SECONDS = 60.0  # in which a body must be whole
HELD_BYTES = 256 * 2**20  # of all bodies at once, in one process
_LARGE_BYTES = 65_536  # a request with a larger body gets a thread, so that others need not wait for it


class Front:
    """Answers requests of one app."""

    def __init__(self, app: Flask, publisher: Publisher, metrics: Metrics, max_header_bytes: int) -> None:
        self.app = app
        self._metrics = metrics
        self._max_header_bytes = max_header_bytes
        self.seconds = publisher.ack_timeout_seconds + _GRACE_SECONDS

    def begin(self, environ: Environ) -> Response | Later:
        """The app's answer. After a `Later` the caller waits for its receipt. Then it calls `end`."""
        set_host_aside(environ)
        if _TWICE in environ:
            detail = f"The header {environ[_TWICE]} was sent more than once; send it once."
            return problems.response(Problem(400, "Ambiguous request", detail))
        size = sum(len(key) + len(value) for key, value in environ.items() if key.startswith("HTTP_"))
        if size > self._max_header_bytes:
            detail = f"The headers have {size} bytes, allowed are {self._max_header_bytes}."
            return problems.response(Problem(431, "Request Header Fields Too Large", detail))
        try:
            context = self.app.request_context(environ)
            with context:
                response: Response | Later
                try:
                    response = self.app.full_dispatch_request()
                except Exception as error:
                    response = self.app.handle_exception(error)
                rule = context.request.url_rule
                environ[_RULE] = rule.rule if rule else None
                return response
        except Exception as error:
            return problems.unexpected(error)

    def refuse(self, environ: Environ, problem: Problem) -> Response:
        """The answer to a request that is refused before any view sees it. It is logged and counted."""
        return self.end(environ, problems.response(problem))

    def end(self, environ: Environ, response: Response | Later) -> Response:
        """The answer to send. It is logged and counted."""
        noted = logs.noted_in(environ)
        if isinstance(response, Later):
            if response.receipt.reason:
                noted["reason"] = response.receipt.reason
            response = self._finished(response)
        seconds = time.perf_counter() - environ[_STARTED]
        try:
            logs.request_line(environ, response.status_code, seconds, noted)
            self._metrics.measure(environ.get(_RULE), environ["REQUEST_METHOD"], response.status_code, seconds)
        except Exception as error:  # a full disk must not turn what Kafka has taken into an error
            problems.unexpected(error)
        return response

    def _finished(self, response: Later) -> Response:
        try:
            return response.finish(response.receipt.acknowledged)
        except Problem as problem:
            return problems.response(problem)
        except Exception as error:
            return problems.unexpected(error)


_STARTED, _RULE, _TWICE = "lakehouse.started", "lakehouse.rule", "lakehouse.twice"


class WsgiFront:
    """The app for WSGI servers, whose thread waits."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ[_STARTED] = time.perf_counter()
        response = self._front.begin(environ)
        if isinstance(response, Later):
            response.receipt.wait(self._front.seconds)
        if isinstance(response, EventStream):
            response = problems.response(
                Problem(501, "Not Implemented", "This server cannot send events; an ASGI server can.")
            )
        return self._front.end(environ, response)(environ, start_response)


class AsgiFront:
    """The app for ASGI servers. The views run in the event loop's thread; waiting for Kafka blocks nothing."""

    def __init__(self, front: Front, publisher: Publisher, max_body_bytes: int) -> None:
        self._front = front
        self._publisher = publisher
        self._max_body_bytes = max_body_bytes
        self._streams: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._held_bytes = 0  # bodies that are being read or worked on
        # One thread: more would take Python's lock from the loop and from Kafka's delivery reports, and finish no
        # sooner.
        self._pool = ThreadPoolExecutor(1, "large-bodies")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        environ = environ_of(scope)
        environ[_STARTED] = time.perf_counter()
        try:
            size = await self._read(environ, receive)
        except Problem as problem:  # the client stopped before the end of the body
            await _send(environ, self._front.refuse(environ, problem), send)
            return
        large = size > _LARGE_BYTES
        try:
            response = await self._done(large, partial(self._front.begin, environ))
            environ["wsgi.input"] = None
        finally:
            self._held_bytes -= size
        if isinstance(response, Later):
            await _until_done(response.receipt, self._front.seconds)
        if isinstance(response, EventStream):
            await self._stream(environ, response, receive, send)
            return
        await _send(environ, await self._done(large, partial(self._front.end, environ, response)), send)

    async def _stream(self, environ: Environ, response: EventStream, receive: Receive, send: Send) -> None:
        """Sends events until the client goes, their source ends, or the server stops."""
        try:
            listener = await self._listener(response)
        except Problem as problem:
            await _send(environ, self._front.refuse(environ, problem), send)
            return
        tasks: list[asyncio.Task[None]] = []
        try:
            self._front.end(environ, response)
            await send({"type": "http.response.start", "status": response.status_code, "headers": _headers(response)})
            if environ["REQUEST_METHOD"] != "HEAD":
                tasks += [asyncio.create_task(_send_parts(listener, send)), asyncio.create_task(_until_gone(receive))]
                self._streams.update(tasks)
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception):
                    problems.unexpected(result)
            self._streams.difference_update(tasks)
            await listener.close()
        await send({"type": "http.response.body", "body": b""})  # to a client that is gone it goes nowhere

    async def _listener(self, response: EventStream) -> Listener:
        """Raises Problem: the server stops, or began to while the listener was made, when all others had been ended."""
        listener = None if self._stopping else await response.begin()
        if listener is not None and not self._stopping:
            return listener
        if listener is not None:
            await listener.close()
        raise Problem(503, "Stopping", "The server stops. Listen again.")

    async def _done(self, large: bool, work: Callable[[], T]) -> T:
        """The result of the work. That of a large body is done in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work) if large else work()

    async def _live(self, receive: Receive, send: Send) -> None:
        """The server's lifespan.

        It takes no request before it knows whether Kafka answers, or the first request would wait for that.
        """
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._publisher.start()
                when_announced(self._end_streams)
                await asyncio.get_running_loop().run_in_executor(None, self._publisher.wait_for_probe)
                gc.collect()
                gc.freeze()  # what exists now stays for ever, and each search through it takes tens of ms
            stop = message["type"] == "lifespan.shutdown"
            if stop:
                self._publisher.stop()
                self._end_streams()
            await send({"type": message["type"] + ".complete"})
            if stop:
                return

    def _end_streams(self) -> None:
        self._stopping = True
        for task in self._streams:
            task.cancel()

    async def _read(self, environ: Environ, receive: Receive) -> int:
        """Reads the body into the environ. Returns its length, which counts against the budget of all bodies.

        Raises:
            Problem: the body is too long, comes too slowly, is not whole, or exceeds the budget.
        """
        if "HTTP_TRANSFER_ENCODING" not in environ and environ.get("CONTENT_LENGTH", "0") == "0":
            return 0
        parts: list[bytes] = []
        size, more, whole = 0, True, False
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while (
                    more and size <= 4 * self._max_body_bytes
                ):  # one that is cut off while it sends would see no answer
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Problem(400, "Incomplete body", "The connection was closed before the body was whole.")
                    part = message.get("body", b"")
                    size += len(part)
                    if size <= self._max_body_bytes:
                        parts.append(part)
                        self._held_bytes += len(part)
                    more = message.get("more_body", False)
                    if self._held_bytes > HELD_BYTES:
                        raise Problem(503, "Too busy", "Too many large requests at once. Send it again.")
            if size > self._max_body_bytes:
                detail = f"The body is longer than the {self._max_body_bytes} bytes that are allowed; send several."
                raise Problem(413, "Request Entity Too Large", detail)
            whole = True
        except TimeoutError:
            raise Problem(408, "Request Timeout", f"The body was not whole within {BODY_SECONDS:g} s.") from None
        finally:
            if not whole:
                self._held_bytes -= sum(map(len, parts))
        environ["wsgi.input"] = io.BytesIO(b"".join(parts))
        return size


async def _until_done(receipt: Receipt, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def end() -> None:
        if not done.done():
            done.set_result(None)

    guard = loop.call_later(seconds, end)
    receipt.when_done(partial(loop.call_soon_threadsafe, end))
    await done
    guard.cancel()


async def _send_parts(listener: Listener, send: Send) -> None:
    async for part in listener.parts():
        await send({"type": "http.response.body", "body": part, "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _headers(response: Response) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]


async def _send(environ: Environ, response: Response, send: Send) -> None:
    body = b"" if environ["REQUEST_METHOD"] == "HEAD" else response.get_data()
    await send({"type": "http.response.start", "status": response.status_code, "headers": _headers(response)})
    await send({"type": "http.response.body", "body": body})


def environ_of(scope: Scope) -> Environ:
    """A WSGI environ of an ASGI scope, all texts as Latin-1 (PEP 3333); its body is still empty.

    Headers with `_` in their names are left out: in an environ they could not be told from those with `-`. Headers of
    one name are joined by a comma. A header that may come only once and came again is noted as _TWICE.
    """
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": scope["client"][0] if scope.get("client") else None,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(),
        "wsgi.input_terminated": True,
        "wsgi.errors": None,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        if b"_" in raw_name:
            continue
        key = _KEYS.get(raw_name) or "HTTP_" + raw_name.decode("latin-1").upper().replace("-", "_")
        value = raw_value.decode("latin-1")
        if key in environ:
            value = f"{environ[key]},{value}"
            if key in _ONCE:
                environ[_TWICE] = raw_name.decode("latin-1")
        environ[key] = value
    return environ


# Two values of these, joined, would make a third one: a player whom nobody named, a body of another length or type.
_ONCE = frozenset({"HTTP_HOST", "HTTP_X_PLAYER_ID", "CONTENT_TYPE", "CONTENT_LENGTH"})
_KEYS = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH", b"host": "HTTP_HOST"}
