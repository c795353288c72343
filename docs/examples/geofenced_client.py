"""A client of geofenced's wire protocol ``geofenced/1``, written from docs/protocol.md alone.

It is meant to be read beside that page: the section numbers in the comments are the page's. As a library::

    async with Client("127.0.0.1", 7400, ca="cert.pem", token="gf_...") as client:
        await client.send([Ping(device, 37.5665, 126.978, now_ms())], app=1)
        await client.flush()
        print(client.refused())

It keeps every frame until its ack, and connects and resends by itself; a fault that only a person can mend raises
:class:`GiveUp`. As a program it sends pings and prints the acks; ``--self-test`` checks this file against every hex
dump and table of the specification.

The instance and the sequences live in memory, so each process draws a new instance. A gateway that must not lose
frames in a crash of its own keeps both, and the frames, on disk.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import random
import re
import secrets
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Any, NoReturn, Protocol
from uuid import UUID

from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.quic import events
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.packet import QuicErrorCode, QuicProtocolVersion

ALPN = "geofenced/1"
VERSION = 1
AGENT = "geofenced-example/1"

HEADER = struct.Struct("<BBHIQIIq")
HELLO = struct.Struct("<HHHH16s")
HELLO_ACK = struct.Struct("<HBxIIIIII4xq")
REFUSAL = struct.Struct("<H6xQ")

MAX_TOKEN_BYTES = 256
MAX_AGENT_BYTES = 128
MAX_HELLO_ACK_BYTES = 256
MAX_ACK_BYTES = 1024

CONNECT_TIMEOUT_S = 10.0
CLOSE_GRACE_S = 2.0
FIRST_PAUSE_S = 0.1
LAST_PAUSE_S = 10.0


# --- Names of the specification ----------------------------------------------------------------------------------


class FrameType(IntEnum):
    """Section 4."""

    HELLO = 1
    HELLO_ACK = 2
    ACK = 3
    PINGS = 16
    OUTCOMES = 17
    PROFILES = 18
    HINTS = 19


class Reason(IntEnum):
    """Why records were refused, section 8.1. A daemon may know more."""

    NIL_DEVICE = 1
    UNKNOWN_FLAGS = 2
    MOCK = 3
    BAD_COORDINATES = 4
    BAD_TIME = 5
    FUTURE = 6
    TOO_LATE = 7
    DUPLICATE = 8
    RESENT = 9
    JUMP = 10
    DEVICE_TABLE_FULL = 11
    APP_NOT_ALLOWED = 12
    UNKNOWN_ACCOUNT = 13
    PARTITION_NOT_OWNED = 14
    UNAVAILABLE = 15
    BAD_RECORD = 16
    UNKNOWN_JOB = 17


class CloseCode(IntEnum):
    """Why a connection was closed, section 10. A daemon may know more."""

    DONE = 0x00
    INTERNAL = 0x01
    DRAINING = 0x02
    SUPERSEDED = 0x03
    TOO_MANY_CONNECTIONS = 0x04
    TOO_MANY_FOR_ACCOUNT = 0x05
    UNAVAILABLE = 0x06
    HELLO_TIMEOUT = 0x07
    FRAME_TIMEOUT = 0x08
    UNSUPPORTED_VERSION = 0x10
    BAD_HELLO = 0x11
    UNAUTHENTICATED = 0x12
    FORBIDDEN = 0x13
    UNKNOWN_FRAME = 0x20
    UNEXPECTED_FRAME = 0x21
    BAD_HEADER = 0x22
    FRAME_TOO_LARGE = 0x23
    EMPTY_FRAME = 0x24
    BAD_SEQUENCE = 0x25
    BAD_STREAM = 0x26
    TRUNCATED = 0x27


LATER = {CloseCode.TOO_MANY_CONNECTIONS, CloseCode.TOO_MANY_FOR_ACCOUNT, CloseCode.UNAVAILABLE}
RECONNECT = {
    CloseCode.DONE,
    CloseCode.INTERNAL,
    CloseCode.DRAINING,
    CloseCode.HELLO_TIMEOUT,
    CloseCode.FRAME_TIMEOUT,
}


def label(number: int, names: type[IntEnum]) -> str:
    """The specification's name of a number, or the number itself: the other side may know more names."""
    try:
        return names(number).name.lower()
    except ValueError:
        return f"unknown_{number}"


# --- What can go wrong -------------------------------------------------------------------------------------------


class GeofencedError(Exception):
    """Anything that went wrong between this client and a daemon."""


class Closed(GeofencedError):
    """The connection ended. ``code`` is None when no application code came with it."""

    advice = "reconnect"

    def __init__(self, sentence: str, code: int | None = None) -> None:
        self.code = code
        self.sentence = sentence
        name = "connection lost" if code is None else f"{label(code, CloseCode)} (0x{code:02x})"
        super().__init__(f"{name}: {sentence} [{self.advice}]")


class Reconnect(Closed):
    """Worth another try after a short pause."""


class Later(Closed):
    """Worth another try, but not before 10 s."""

    advice = "later"


class GiveUp(Closed):
    """The same again would end the same; a person has to change something."""

    advice = "give up"


def closed_by_application(code: int, sentence: str) -> Closed:
    """What a close code of section 10 asks for."""
    if code in RECONNECT:
        return Reconnect(sentence, code)
    if code in LATER or code not in set(CloseCode):
        # A code of a later daemon: neither hammer it nor stop for ever.
        return Later(sentence, code)
    return GiveUp(sentence, code)


def closed_by_transport(error: int, sentence: str) -> Closed:
    """What a close by QUIC itself asks for."""
    if error == QuicErrorCode.CONNECTION_REFUSED:
        return Later(sentence or "connection refused")
    if QuicErrorCode.CRYPTO_ERROR <= error <= QuicErrorCode.CRYPTO_ERROR + 0xFF:
        # Certificate or ALPN: the handshake would fail the same way for ever.
        return GiveUp(sentence or "TLS handshake failed")
    return Reconnect(sentence or f"QUIC error 0x{error:x}")


def refuse(code: CloseCode, sentence: str) -> NoReturn:
    """The daemon broke the protocol: this client closes with the code and gives up."""
    raise GiveUp(sentence, code)


# --- Records -----------------------------------------------------------------------------------------------------


class PingFlag(IntFlag):
    """Section 7.1."""

    MOCK = 1
    BACKGROUND = 2
    NO_ADVERTISING = 4
    NIGHT_CONSENT = 8
    ANDROID = 16
    IOS = 32


class Record(Protocol):
    """What the four kinds of records have in common."""

    def pack(self, base_ms: int) -> bytes:
        """The record's bytes in a frame with this base time."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Where a device was, and when (section 7.1)."""

    device: UUID
    latitude: float
    longitude: float
    time_ms: int
    accuracy_m: float = 10.0
    flags: PingFlag = PingFlag(0)

    LAYOUT = struct.Struct("<16siiIHH")

    def pack(self, base_ms: int) -> bytes:
        accuracy = min(math.ceil(self.accuracy_m), 0xFFFF)
        return self.LAYOUT.pack(
            self.device.bytes,
            half_away(self.latitude * 1e7),
            half_away(self.longitude * 1e7),
            self.time_ms - base_ms,
            accuracy,
            self.flags,
        )


class OutcomeKind(IntEnum):
    """Section 7.2."""

    DELIVERED = 1
    CLICKED = 2
    DISMISSED = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a push job (section 7.2)."""

    device: UUID
    job: UUID
    time_ms: int
    kind: OutcomeKind

    LAYOUT = struct.Struct("<16s16sIB3x")

    def pack(self, base_ms: int) -> bytes:
        return self.LAYOUT.pack(self.device.bytes, self.job.bytes, self.time_ms - base_ms, self.kind)


class Platform(IntEnum):
    """Section 7.3."""

    UNKNOWN = 0
    ANDROID = 1
    IOS = 2


@dataclass(frozen=True, slots=True)
class Profile:
    """What a device is (section 7.3). It has no time."""

    device: UUID
    echo: bytes = bytes(16)
    platform: Platform = Platform.UNKNOWN
    advertising: bool = False
    advertising_at_night: bool = False

    LAYOUT = struct.Struct("<16s16sBB6x")

    def pack(self, base_ms: int) -> bytes:
        del base_ms
        if len(self.echo) != 16:
            raise ValueError("an echo has 16 bytes; 16 zeros when there is none")
        consents = self.advertising | self.advertising_at_night << 1
        return self.LAYOUT.pack(self.device.bytes, self.echo, self.platform, consents)


class Verdict(IntEnum):
    """Section 7.4."""

    ENTER = 1
    LEAVE = 2
    NEARBY = 3


@dataclass(frozen=True, slots=True)
class Hint:
    """A device's own verdict about a place (section 7.4)."""

    device: UUID
    place: int
    time_ms: int
    verdict: Verdict

    LAYOUT = struct.Struct("<16sIIB7x")

    def pack(self, base_ms: int) -> bytes:
        return self.LAYOUT.pack(self.device.bytes, self.place, self.time_ms - base_ms, self.verdict)


KINDS: dict[type, FrameType] = {
    Ping: FrameType.PINGS,
    Outcome: FrameType.OUTCOMES,
    Profile: FrameType.PROFILES,
    Hint: FrameType.HINTS,
}


def half_away(value: float) -> int:
    """The nearest integer, halves away from zero; Python's own round() goes to the even one."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def now_ms() -> int:
    """This machine's clock as the protocol counts it."""
    return time.time_ns() // 1_000_000


# --- Frames ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Header:
    """The 32 bytes before each body (section 4)."""

    type: int
    body_length: int
    flags: int = 0
    records: int = 0
    sequence: int = 0
    app: int = 0
    stream: int = 0
    base_ms: int = 0

    def pack(self) -> bytes:
        return HEADER.pack(
            self.type,
            self.flags,
            self.records,
            self.body_length,
            self.sequence,
            self.app,
            self.stream,
            self.base_ms,
        )

    @classmethod
    def unpack(cls, data: bytes) -> Header:
        kind, flags, records, length, sequence, app, stream, base = HEADER.unpack(data)
        return cls(kind, length, flags, records, sequence, app, stream, base)


def hello_frame(instance: bytes, token: str, agent: str = AGENT) -> bytes:
    """Section 5.1. An empty token leaves the client certificate to speak."""
    token_bytes, agent_bytes = token.encode("ascii"), agent.encode()
    if len(instance) != 16 or not any(instance):
        raise ValueError("an instance has 16 bytes that are not all zeros")
    if len(token_bytes) > MAX_TOKEN_BYTES or len(agent_bytes) > MAX_AGENT_BYTES:
        raise ValueError(f"a token has at most {MAX_TOKEN_BYTES} bytes, an agent {MAX_AGENT_BYTES}")
    body = HELLO.pack(VERSION, len(token_bytes), len(agent_bytes), 0, instance) + token_bytes + agent_bytes
    return Header(FrameType.HELLO, len(body)).pack() + body


def intake_frame(
    records: Sequence[Record], *, app: int, stream: int, sequence: int, base_ms: int | None = None
) -> bytes:
    """One frame of records of one kind. The base time is the earliest instant unless the caller has a better one."""
    kind = KINDS[type(records[0])]
    if any(KINDS[type(record)] is not kind for record in records):
        raise ValueError("a frame has records of one kind")
    if base_ms is None:
        base_ms = min((getattr(record, "time_ms", 0) for record in records), default=0)
    try:
        body = b"".join(record.pack(base_ms) for record in records)
    except struct.error as err:
        raise ValueError(f"a record does not fit its fields ({err}); instants may lie 49 days apart") from err
    return Header(kind, len(body), 0, len(records), sequence, app, stream, base_ms).pack() + body


@dataclass(frozen=True, slots=True)
class Limits:
    """The daemon's answer to a hello (section 5.2)."""

    ack_mode: int
    account: int
    max_frame_records: int
    max_frame_bytes: int
    max_streams: int
    max_unacked_frames: int
    idle_timeout_ms: int
    now_ms: int

    @classmethod
    def unpack(cls, body: bytes) -> Limits:
        version, *fields = HELLO_ACK.unpack(body[: HELLO_ACK.size])
        if version != VERSION:
            refuse(CloseCode.UNSUPPORTED_VERSION, f"this client speaks version {VERSION}, the daemon {version}")
        return cls(*fields)


@dataclass(frozen=True, slots=True)
class Ack:
    """Everything up to ``sequence`` is settled (section 8)."""

    stream: int
    sequence: int
    refused: dict[int, int]

    @classmethod
    def unpack(cls, header: Header, body: bytes) -> Ack:
        counts = list(REFUSAL.iter_unpack(body))
        reasons = [reason for reason, _ in counts]
        if reasons != sorted(set(reasons)):
            refuse(CloseCode.BAD_HEADER, "the reasons of an ack ascend, each at most once")
        return cls(header.stream, header.sequence, dict(counts))

    def __str__(self) -> str:
        refused = " ".join(f"{label(reason, Reason)}={count}" for reason, count in self.refused.items())
        return f"ack stream={self.stream} sequence={self.sequence} refused: {refused or 'none'}"


class FrameReader:
    """Cuts one QUIC stream's bytes into the daemon's frames; each header is judged before its body."""

    def __init__(self, expected: FrameType) -> None:
        self.expected = expected
        self.buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Header, bytes]]:
        self.buffer += data
        while len(self.buffer) >= HEADER.size:
            header = Header.unpack(bytes(self.buffer[: HEADER.size]))
            self.judge(header)
            end = HEADER.size + header.body_length
            if len(self.buffer) < end:
                return
            body = bytes(self.buffer[HEADER.size : end])
            del self.buffer[:end]
            yield header, body

    def finish(self) -> None:
        if self.buffer:
            refuse(CloseCode.TRUNCATED, "the daemon ended a stream within a frame")

    def judge(self, header: Header) -> None:
        if header.type not in set(FrameType):
            refuse(CloseCode.UNKNOWN_FRAME, f"there is no frame type {header.type}")
        if header.type != self.expected:
            refuse(CloseCode.UNEXPECTED_FRAME, f"expected {self.expected.name}, got {header.type}")
        if header.flags or header.app or header.base_ms:
            refuse(CloseCode.BAD_HEADER, "flags, app and base time are 0 in frames of the daemon")
        (judge_ack if self.expected is FrameType.ACK else judge_hello_ack)(header)


def judge_hello_ack(header: Header) -> None:
    """Section 4 and 5.2; longer bodies than ours come from later versions."""
    if header.records or header.sequence or header.stream:
        refuse(CloseCode.BAD_HEADER, "record count, sequence and stream number of a hello_ack are 0")
    if header.body_length > MAX_HELLO_ACK_BYTES:
        refuse(CloseCode.FRAME_TOO_LARGE, "a hello_ack has at most 256 bytes")
    if header.body_length < HELLO_ACK.size:
        refuse(CloseCode.BAD_HELLO, "a hello_ack has at least 40 bytes")


def judge_ack(header: Header) -> None:
    """Section 4 and 8."""
    if header.body_length != header.records * REFUSAL.size:
        refuse(CloseCode.BAD_HEADER, "the body length of an ack is 16 times its record count")
    if header.body_length > MAX_ACK_BYTES:
        refuse(CloseCode.FRAME_TOO_LARGE, "an ack's body has at most 1,024 bytes")


# --- Partitions --------------------------------------------------------------------------------------------------

U64 = (1 << 64) - 1


def mix(x: int) -> int:
    """Section 9."""
    x ^= x >> 33
    x = x * 0xFF51AFD7ED558CCD & U64
    x ^= x >> 33
    x = x * 0xC4CEB9FE1A85EC53 & U64
    return x ^ x >> 33


def device_hash(account: int, device: UUID) -> int:
    """The hash whose top byte is the device's partition (section 9)."""
    low, high = struct.unpack("<QQ", device.bytes)
    return mix(low ^ mix(high ^ mix(account + 0x9E3779B97F4A7C15 & U64)))


def partition(account: int, device: UUID) -> int:
    """Where a device lives, 0 to 255."""
    return device_hash(account, device) >> 56


# --- One connection ----------------------------------------------------------------------------------------------


@dataclass
class Lane:
    """A stream number, for the whole life of the instance (section 6.1): it outlives connections."""

    number: int
    next_sequence: int = 1
    unacked: dict[int, bytes] = field(default_factory=dict)
    refused: Counter[int] = field(default_factory=Counter)


@dataclass
class Pipe:
    """A lane on one connection: the QUIC stream that carries it."""

    lane: Lane
    reader: FrameReader = field(default_factory=lambda: FrameReader(FrameType.ACK))
    sent: int = 0
    acked: int = 0
    finished: bool = False


class Link(QuicConnectionProtocol):
    """One QUIC connection. All of it runs inside the event loop's callbacks, so frames cannot overtake each other."""

    def __init__(
        self, quic: QuicConnection, hello: bytes, on_ack: Callable[[Ack], None], on_change: Callable[[], None]
    ) -> None:
        super().__init__(quic)
        loop = asyncio.get_running_loop()
        self.hello = hello
        self.on_ack = on_ack
        self.on_change = on_change
        self.limits: asyncio.Future[Limits] = loop.create_future()
        self.ended: asyncio.Future[Closed] = loop.create_future()
        self.control = FrameReader(FrameType.HELLO_ACK)
        self.control_id: int | None = None
        self.closing = False
        self.pipes: dict[int, Pipe] = {}

    def say_hello(self) -> None:
        self.control_id = self._quic.get_next_available_stream_id()
        self._quic.send_stream_data(self.control_id, self.hello, end_stream=True)
        self.transmit()

    def write(self, lane: Lane, sequence: int, frame: bytes) -> None:
        """Give a frame to QUIC, which holds back what the daemon has no room for. The next connection resends it."""
        if self.closing:
            return
        stream_id = self.stream_id_of(lane)
        self._quic.send_stream_data(stream_id, frame)
        self.pipes[stream_id].sent = sequence
        self.transmit()

    def carries(self, lane: Lane) -> bool:
        return any(pipe.lane is lane for pipe in self.pipes.values())

    def finish(self, lane: Lane) -> None:
        """End the lane's QUIC stream; its number may be opened again once the daemon has ended its side."""
        if self.closing:
            return
        for stream_id, pipe in self.pipes.items():
            if pipe.lane is lane and not pipe.finished:
                pipe.finished = True
                self._quic.send_stream_data(stream_id, b"", end_stream=True)
        self.transmit()

    def keep_alive(self) -> None:
        self._quic.send_ping(0)
        self.transmit()

    def stream_id_of(self, lane: Lane) -> int:
        for stream_id, pipe in self.pipes.items():
            if pipe.lane is lane:
                return stream_id
        if len(self.pipes) >= self.limits.result().max_streams:
            raise ValueError(f"the daemon allows {self.limits.result().max_streams} streams at a time")
        # aioquic allots the id with the first write, which the caller does at once.
        stream_id = self._quic.get_next_available_stream_id()
        self.pipes[stream_id] = Pipe(lane)
        return stream_id

    def quic_event_received(self, event: events.QuicEvent) -> None:
        try:
            self.handle(event)
        except GiveUp as err:
            # The daemon broke the protocol; tell it why, and the caller too.
            self.end(err)
            self.close(err.code or 0, err.sentence)

    def handle(self, event: events.QuicEvent) -> None:
        match event:
            case events.HandshakeCompleted():
                self.say_hello()
            case events.StreamDataReceived():
                self.data_received(event)
            case events.ConnectionTerminated(error_code=code, frame_type=None, reason_phrase=reason):
                # aioquic marks the close by an application with the lack of a frame type.
                self.end(closed_by_application(code, reason))
            case events.ConnectionTerminated(error_code=code, reason_phrase=reason):
                self.end(closed_by_transport(code, reason))
            case events.StreamReset() | events.StopSendingReceived():
                self.await_close("the daemon reset a stream")

    def await_close(self, sentence: str) -> None:
        """Streams that the daemon resets or ends may overtake the close whose code says why; wait for that."""
        self.closing = True
        asyncio.get_running_loop().call_later(CLOSE_GRACE_S, self.abandon, sentence)

    def abandon(self, sentence: str) -> None:
        """Close from this side and let the client connect again."""
        if not self.ended.done():
            self.end(Reconnect(sentence))
            self.close(CloseCode.DONE, sentence)

    def end(self, closed: Closed) -> None:
        self.closing = True
        if not self.ended.done():
            self.ended.set_result(closed)

    def data_received(self, event: events.StreamDataReceived) -> None:
        pipe = self.pipes.get(event.stream_id)
        if pipe is None and event.stream_id != self.control_id:
            return
        reader = pipe.reader if pipe else self.control
        for header, body in reader.feed(event.data):
            if pipe:
                self.take_ack(pipe, Ack.unpack(header, body))
            else:
                self.take_hello_ack(body)
        if event.end_stream:
            reader.finish()
            self.stream_ended(event.stream_id)

    def stream_ended(self, stream_id: int) -> None:
        pipe = self.pipes.get(stream_id)
        if pipe and pipe.finished and pipe.acked == pipe.sent:
            del self.pipes[stream_id]
            self.on_change()
        elif pipe:
            self.await_close("the daemon ended a stream that this client had not ended")

    def take_hello_ack(self, body: bytes) -> None:
        if self.limits.done():
            refuse(CloseCode.UNEXPECTED_FRAME, "a second hello_ack")
        self.limits.set_result(Limits.unpack(body))

    def take_ack(self, pipe: Pipe, ack: Ack) -> None:
        if ack.stream != pipe.lane.number:
            refuse(CloseCode.BAD_STREAM, f"an ack of stream {ack.stream} on stream {pipe.lane.number}")
        if not pipe.acked < ack.sequence <= pipe.sent:
            refuse(CloseCode.BAD_SEQUENCE, f"ack {ack.sequence} after {pipe.acked}, with {pipe.sent} sent")
        pipe.acked = ack.sequence
        self.on_ack(ack)


def configuration(ca: str | Path, server_name: str) -> QuicConfiguration:
    """Section 2. Restricted to QUIC version 1; the library would offer version 2 as well."""
    config = QuicConfiguration(
        alpn_protocols=[ALPN],
        server_name=server_name,
        supported_versions=[QuicProtocolVersion.VERSION_1],
    )
    config.load_verify_locations(cafile=str(ca))
    return config


# --- The client --------------------------------------------------------------------------------------------------


class Client:
    """An instance (section 5.1): numbers frames, keeps them until their acks, connects and resends by itself."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        ca: str | Path,
        token: str,
        server_name: str | None = None,
        agent: str = AGENT,
        max_unacked: int = 64,
        on_ack: Callable[[Ack], None] | None = None,
        on_loss: Callable[[Closed], None] | None = None,
        instance: bytes | None = None,
    ) -> None:
        self.host, self.port = host, port
        self.ca, self.server_name = ca, server_name or host
        self.instance = instance or secrets.token_bytes(16)
        self.hello = hello_frame(self.instance, token, agent)
        self.max_unacked = max_unacked
        self.user_on_ack = on_ack or (lambda _ack: None)
        self.on_loss = on_loss or (lambda _closed: None)
        self.lanes: dict[int, Lane] = {}
        self.limits: Limits | None = None
        self.link: Link | None = None
        self.failure: GiveUp | None = None
        self.pause_s = FIRST_PAUSE_S
        self.changed = asyncio.Event()
        self.runner: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Client:
        self.runner = asyncio.create_task(self.run())
        try:
            await self.wait_for(lambda: self.link is not None)
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                await self.flush()
        finally:
            await self.stop()

    async def send(self, records: Sequence[Record], *, app: int, stream: int = 1) -> int:
        """Send one frame and return its sequence; waits while too many frames are unacknowledged."""
        if not records or stream < 1:
            raise ValueError("a frame has at least one record, and a stream number of 1 or more")
        await self.wait_for(lambda: self.limits is not None and self.unacked() < self.max_unacked)
        if len(records) > self.max_frame_records():
            raise ValueError(f"the daemon takes {self.max_frame_records()} records in a frame")
        lane = self.lanes.setdefault(stream, Lane(stream))
        sequence = lane.next_sequence
        frame = intake_frame(records, app=app, stream=stream, sequence=sequence)
        # Nothing waits between here and the write: the order of sequences is the order on the stream.
        if self.link:
            self.link.write(lane, sequence, frame)
        lane.next_sequence += 1
        lane.unacked[sequence] = frame
        return sequence

    def max_frame_records(self) -> int:
        """Records that fit a frame of any kind, by the daemon's two limits."""
        assert self.limits is not None, "known once connected"
        return min(self.limits.max_frame_records, (self.limits.max_frame_bytes - HEADER.size) // 40)

    async def flush(self) -> None:
        """Wait until everything sent is acknowledged."""
        await self.wait_for(lambda: not self.unacked())

    async def end_stream(self, stream: int) -> None:
        """Wait for the stream's acks and end it on this connection; its sequence goes on when it is used again."""
        lane = self.lanes[stream]
        await self.wait_for(lambda: not lane.unacked)
        if link := self.link:
            link.finish(lane)
            await self.wait_for(lambda: self.link is not link or not link.carries(lane))

    def unacked(self) -> int:
        """Frames that the daemon has not acknowledged."""
        return sum(len(lane.unacked) for lane in self.lanes.values())

    def refused(self) -> Counter[int]:
        """Records refused so far, by reason."""
        return sum((lane.refused for lane in self.lanes.values()), Counter())

    async def wait_for(self, predicate: Callable[[], bool]) -> None:
        while self.failure is None and not predicate():
            await self.changed.wait()
        if self.failure is not None:
            raise self.failure

    def notify(self) -> None:
        """Wake whoever waits; each looks again whether its own condition holds."""
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    def drop(self) -> None:
        """Lose the connection on purpose, as a rehearsal: the client connects again and resends."""
        if self.link:
            self.link.abandon("dropped on purpose")

    async def stop(self) -> None:
        """End the connection; frames without an ack may or may not have taken effect."""
        if self.runner:
            self.runner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.runner

    async def run(self) -> None:
        """The states of section 11, until a person is needed or the caller stops."""
        while self.failure is None:
            closed = await self.connection()
            self.link = None
            if isinstance(closed, GiveUp):
                self.failure = closed
                self.notify()
                return
            self.on_loss(closed)
            await asyncio.sleep(self.next_pause(closed))

    def next_pause(self, closed: Closed) -> float:
        """Doubling pauses with jitter, so that the clients of a restarted daemon do not come all at once."""
        if isinstance(closed, Later):
            return LAST_PAUSE_S * random.uniform(1.0, 1.5)
        pause = self.pause_s
        self.pause_s = min(pause * 2, LAST_PAUSE_S)
        return pause * random.uniform(0.5, 1.0)

    async def connection(self) -> Closed:
        """One connection from the handshake to its end."""
        try:
            link, transport = await self.open_link()
        except OSError as err:
            return Reconnect(str(err))
        try:
            return await self.serve(link)
        except GiveUp as err:
            return err
        except TimeoutError:
            return Reconnect(f"no answer within {CONNECT_TIMEOUT_S:.0f} s")
        finally:
            link.close(CloseCode.DONE, "done")
            await link.wait_closed()
            transport.close()

    async def open_link(self) -> tuple[Link, asyncio.DatagramTransport]:
        """Send the first packet from a socket of the daemon's address family."""
        loop = asyncio.get_running_loop()
        infos = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)
        family, *_, address = infos[0]
        quic = QuicConnection(configuration=configuration(self.ca, self.server_name))
        transport, link = await loop.create_datagram_endpoint(
            lambda: Link(quic, self.hello, self.take_ack, self.notify),
            local_addr=("::" if family == socket.AF_INET6 else "0.0.0.0", 0),
        )
        link.connect(address)
        return link, transport

    async def serve(self, link: Link) -> Closed:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            either: list[asyncio.Future[Any]] = [link.limits, link.ended]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if link.ended.done():
            return link.ended.result()
        self.limits = link.limits.result()
        self.resend(link)
        self.link = link
        self.notify()
        return await keep_alive(link, self.limits.idle_timeout_ms / 3000)

    def resend(self, link: Link) -> None:
        """Section 6.3: the same bytes, ascending from the lowest, before anything new."""
        for lane in self.lanes.values():
            for sequence, frame in lane.unacked.items():
                try:
                    link.write(lane, sequence, frame)
                except ValueError as err:
                    raise GiveUp(f"the daemon's limits shrank: {err}") from err

    def take_ack(self, ack: Ack) -> None:
        lane = self.lanes[ack.stream]
        for sequence in [s for s in lane.unacked if s <= ack.sequence]:
            del lane.unacked[sequence]
        lane.refused.update(ack.refused)
        # Only progress ends the doubling: a daemon that says hello and fails must not be hammered.
        self.pause_s = FIRST_PAUSE_S
        self.user_on_ack(ack)
        self.notify()


async def keep_alive(link: Link, every_s: float) -> Closed:
    """QUIC pings until the connection ends (section 2)."""
    while not (await asyncio.wait([link.ended], timeout=every_s))[0]:
        link.keep_alive()
    return link.ended.result()


# --- Self-test ---------------------------------------------------------------------------------------------------

DEVICE = UUID("00112233-4455-6677-8899-aabbccddeeff")
BASE_MS = 1_767_225_600_000


def check(name: str, found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{name}: found {found!r}, the specification has {expected!r}")


def frames_of_the_specification() -> dict[str, bytes]:
    """What the specification's prose says before each of its dumps of a client's frames."""
    pings = [
        Ping(DEVICE, 37.5665, 126.978, BASE_MS, 12, PingFlag.BACKGROUND | PingFlag.ANDROID),
        Ping(
            UUID("ffeeddcc-bbaa-9988-7766-554433221100"),
            -33.8688,
            -151.2093,
            BASE_MS + 1500,
            40,
            PingFlag.IOS | PingFlag.NIGHT_CONSENT,
        ),
    ]
    outcome = Outcome(DEVICE, UUID("0f1e2d3c-4b5a-8978-8796-a5b4c3d2e1f0"), BASE_MS + 250, OutcomeKind.CLICKED)
    profile = Profile(DEVICE, bytes(range(0xA0, 0xB0)), Platform.ANDROID, advertising=True)
    hint = Hint(DEVICE, 4711, BASE_MS + 10_000, Verdict.ENTER)
    return {
        "hello": hello_frame(DEVICE.bytes, "gf_" + 43 * "A", "acme-gateway/2.1"),
        "pings": intake_frame(pings, app=7, stream=1, sequence=1),
        "outcomes": intake_frame([outcome], app=7, stream=1, sequence=2, base_ms=BASE_MS),
        "profiles": intake_frame([profile], app=7, stream=2, sequence=1),
        "hints": intake_frame([hint], app=7, stream=1, sequence=3, base_ms=BASE_MS),
    }


def read_one(expected: FrameType, dump: bytes) -> tuple[Header, bytes]:
    """Feed a dump byte by byte, as the worst network would."""
    reader = FrameReader(expected)
    found = [frame for i in range(len(dump)) for frame in reader.feed(dump[i : i + 1])]
    reader.finish()
    check("frames in a dump", len(found), 1)
    return found[0]


def check_dumps(spec: str) -> int:
    dumps = {
        name: bytes.fromhex("".join(line[6:] for line in text.splitlines()))
        for name, text in re.findall(r"```hex (\w+)\n(.*?)```", spec, re.S)
    }
    for name, frame in frames_of_the_specification().items():
        check(name, frame.hex(" "), dumps[name].hex(" "))
        check(f"{name}, header", Header.unpack(frame[: HEADER.size]).pack(), frame[: HEADER.size])
    limits = Limits.unpack(read_one(FrameType.HELLO_ACK, dumps["hello_ack"])[1])
    check("hello_ack", limits, Limits(1, 1, 4096, 163_872, 16, 256, 30_000, BASE_MS))
    check("ack", Ack.unpack(*read_one(FrameType.ACK, dumps["ack"])), Ack(1, 9, {}))
    rejects = Ack.unpack(*read_one(FrameType.ACK, dumps["ack_rejects"]))
    check("ack_rejects", rejects, Ack(1, 12, {Reason.MOCK: 2, Reason.RESENT: 40}))
    known = {*frames_of_the_specification(), "hello_ack", "ack", "ack_rejects"}
    check("dumps that this test knows", known, set(dumps))
    return len(dumps)


def check_partitions(spec: str) -> int:
    rows = re.findall(r"^\| (\d+) \| `([0-9a-f-]{36})` \| `([0-9a-f]{16})` \| (\d+) \|$", spec, re.M)
    for account, device, hashed, number in rows:
        check(f"hash of {device}", f"{device_hash(int(account), UUID(device)):016x}", hashed)
        check(f"partition of {device}", partition(int(account), UUID(device)), int(number))
    check("partition vectors", bool(rows), True)
    return len(rows)


def check_names(spec: str) -> int:
    """The tables of reasons and of close codes, with what a client does about the latter."""
    reasons = dict(re.findall(r"^\| (\d+) \| `(\w+)` \| [^|]+ \|$", spec.partition("### 8.1")[2], re.M))
    check("reasons", {str(reason.value): reason.name.lower() for reason in Reason}, reasons)
    codes = re.findall(r"^\| 0x(\w\w) \| `(\w+)` \| \w+ \| .+ \| ([^|]+) \|$", spec, re.M)
    check("close codes", {f"{c.value:02x}": c.name.lower() for c in CloseCode}, {c: name for c, name, _ in codes})
    for code, name, advice in codes:
        # A client with nothing more to send has nothing to do about `done`; one with more must reconnect.
        check(name, closed_by_application(int(code, 16), "").advice, advice.replace("nothing", "reconnect"))
    return len(reasons) + len(codes)


def check_rounding() -> None:
    """Section 7.1: degrees to the nearest unit, halves away from zero; metres up."""
    check("rounding", [half_away(x) for x in (0.5, 1.5, -0.5, -2.5, 2.4)], [1, 2, -1, -3, 2])
    packed = [Ping(DEVICE, 0, 0, 0, metres).pack(0)[28:30] for metres in (0, 12.1, 1e9)]
    check("accuracy", packed, [b"\x00\x00", b"\x0d\x00", b"\xff\xff"])


def self_test(spec_path: Path) -> None:
    spec = spec_path.read_text(encoding="utf-8")
    dumps, vectors, names = check_dumps(spec), check_partitions(spec), check_names(spec)
    check_rounding()
    print(f"self-test ok: {dumps} dumps, {vectors} partition vectors, {names} names")


# --- Command line ------------------------------------------------------------------------------------------------


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Send pings to geofenced and print the acks.")
    parser.add_argument("--addr", default="127.0.0.1:7400", help="host:port of the daemon's QUIC listener")
    parser.add_argument("--ca", type=Path, help="PEM file that the daemon's certificate is verified with")
    parser.add_argument("--server-name", help="the name in the certificate, when it is not the host")
    parser.add_argument("--token", help="gf_..., as printed by `geofenced token create`")
    parser.add_argument("--app", type=int, default=1)
    parser.add_argument("--device", type=UUID, action="append", help="advertising id; may be given several times")
    parser.add_argument("--lat", type=float)
    parser.add_argument("--lon", type=float)
    parser.add_argument("--accuracy", type=float, default=10.0, help="metres")
    parser.add_argument("--count", type=int, default=1, help="frames, each with one ping of each device")
    parser.add_argument("--instance", type=UUID, help="of a run whose acks were lost: the same frames, sent again")
    parser.add_argument("--drop", action="store_true", help="lose the connection on the way, to see the resending")
    parser.add_argument("--self-test", action="store_true", help="check this client against the specification")
    parser.add_argument("--spec", type=Path, default=Path(__file__).parent.parent / "protocol.md")
    options = parser.parse_args()
    needed = ("ca", "token", "device", "lat", "lon")
    missing = [f"--{name}" for name in needed if getattr(options, name) is None]
    if missing and not options.self_test:
        parser.error(f"missing: {', '.join(missing)}")
    return options


async def send_pings(options: argparse.Namespace) -> None:
    host, _, port = options.addr.rpartition(":")
    client = Client(
        host.strip("[]"),
        int(port),
        ca=options.ca,
        token=options.token,
        server_name=options.server_name,
        instance=options.instance and options.instance.bytes,
        on_ack=lambda ack: print(ack, flush=True),
        on_loss=lambda closed: print(closed, file=sys.stderr, flush=True),
    )
    # Fixes a second apart that end now: none lies ahead of the daemon's clock, and none repeats an instant.
    start_ms = now_ms() - 1000 * options.count
    async with client:
        for i in range(options.count):
            pings = [
                Ping(device, options.lat, options.lon, start_ms + 1000 * i, options.accuracy)
                for device in options.device
            ]
            await client.send(pings, app=options.app)
        if options.drop:
            client.drop()
        await client.flush()
    sent, refused = options.count * len(options.device), client.refused().total()
    print(f"sent {sent} pings: {sent - refused} evaluated, {refused} refused")


def main() -> int:
    options = arguments()
    try:
        if options.self_test:
            self_test(options.spec)
        else:
            asyncio.run(send_pings(options))
    except (GeofencedError, AssertionError, ValueError, OSError) as err:
        print(f"{type(err).__name__}: {err}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
