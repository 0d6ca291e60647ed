import assert from "node:assert/strict"
import { beforeEach, suite, test } from "node:test"
import { LimitExceeded } from "../../src/errors.ts"
import { type Limits, defaultLimits } from "../../src/limits.ts"
import type { SessionEvent } from "../../src/protocol/events.ts"
import { NativeDecoder } from "../../src/protocol/native.ts"
import { type Action, ClientSession, type Via } from "../../src/protocol/session.ts"
import {
  type MessageParts,
  type Sent,
  ack,
  beat,
  close,
  data,
  frame,
  framesIn,
  joined,
  message,
  reply,
  varint,
  welcome,
} from "../wire.ts"

let session: ClientSession
let now: number
let actions: Action[]

function begin(limits: Partial<Limits> = {}): void {
  session = new ClientSession({ uuid: "u-1", name: "page é" }, { ...defaultLimits, ...limits })
  now = 1_000
  actions = []
}

/** Give the session frames, as bytes with their lengths. */
function receive(...frames: Uint8Array[]): void {
  for (const bytes of new NativeDecoder(1e6).feed(joined(...frames))) session.receive(bytes, now)
}

function greet(fields: object = {}, via?: Via, isSame = false): void {
  for (const bytes of new NativeDecoder(1e6).feed(welcome(fields))) session.welcome(bytes, via, isSame, now)
}

const taken = (): Sent[] => framesIn(joined(...session.framesToSend(now)))
const events = (): SessionEvent[] => [...session.events()]
const types = (): string[] => events().map(({ type }) => type)
const hello = (via?: Via, wait?: number): Readonly<Record<string, unknown>> =>
  framesIn(session.hello(via, wait))[0]?.json ?? {}

function send(text: string, isAwaited = true, expiresAt = Infinity): Action {
  const parts: MessageParts = { flags: isAwaited ? 8 : 0, f: { text } }
  const action = session.send(Uint8Array.from(message(parts)), isAwaited, expiresAt)
  actions.push(action)
  return action
}

/** What was sent, in short: its kind, its numbers, and an action's text. */
const told = (frames: readonly Sent[] = taken()): string[] =>
  frames.map(({ kind, numbers, head }) => [kind, ...numbers, ...Object.values(head.f ?? {})].join(" "))

function lostBy(...frames: Uint8Array[]): string {
  receive(...frames)
  const [event, ...more] = events().filter(({ type }) => type === "lost")
  assert.deepEqual(more, [])
  assert.ok(event?.type === "lost", "it was lost")
  assert.equal(session.isCarried, false)
  return event.reason
}

/** As it is once the server has said who it is. */
function open(fields: object = {}, via?: Via): void {
  greet(fields, via)
  events()
  taken()
}

beforeEach(() => {
  begin()
})

suite("the beginning", () => {
  test("a hello says who we are, and nothing of what there is not", () => {
    assert.deepEqual(hello(), { wire: 1, uuid: "u-1", name: "page é", epoch: 1, next: 1 })
    assert.deepEqual(hello("poll", 25), {
      wire: 1,
      uuid: "u-1",
      name: "page é",
      epoch: 1,
      next: 1,
      via: "poll",
      wait: 25,
    })
  })

  test("nothing is sent before the server's word, and what comes before it is not taken", () => {
    send("early")
    assert.deepEqual(taken(), [])
    session.receive(Uint8Array.of(0x12, 9), now)
    assert.deepEqual(types(), [])

    greet()

    assert.deepEqual(events(), [
      { type: "opened", peer: { uuid: "server-uuid", name: "server" }, reset: null, replayed: null },
    ])
    assert.deepEqual(told(), ["ACK 0 0", "ACTION 1 1 0 early"])
  })

  test("its word is acknowledged at once, which ends an older token's life", () => {
    greet()

    assert.deepEqual(told(), ["ACK 0 0"])
    assert.deepEqual(told(), [])
  })

  test("the next hello has the client's secret, what is to be resumed, and the next action", () => {
    open()
    send("a")
    send("b", false)
    taken()
    receive(data(1, { f: { key: "k" } }))
    session.detach()

    assert.deepEqual(hello("stream"), {
      wire: 1,
      uuid: "u-1",
      name: "page é",
      client: "the-secret",
      epoch: 1,
      next: 3,
      resume: { session: "0123456789abcdef0123456789abcdef", token: "t1", epoch: "e1", n: 1 },
      via: "stream",
    })
  })

  test("a secret that is given once is kept, and so is the last token", () => {
    open()
    greet({ outcome: "resumed", token: "t2", client: undefined })

    const { client, resume } = hello()
    assert.equal(client, "the-secret")
    assert.deepEqual(resume, { session: "0123456789abcdef0123456789abcdef", token: "t2", epoch: "e1", n: 0 })
  })

  for (const [what, fields] of [
    ["without a token", { token: undefined }],
    ["whose session is no text", { session: 5 }],
    ["whose beat is no number", { beat: "10" }],
    ["whose numbers are below 0", { n: -1 }],
    ["that resumes what there is not", { outcome: "resumed" }],
  ] as const)
    test(`a WELCOME ${what} is none`, () => {
      assert.throws(() => {
        greet(fields)
      }, /^DecodeError: expected (a vortex's WELCOME|the same session)/)
      assert.equal(session.isCarried, false)
    })

  test("a WELCOME that resumes another session, or one that lacks messages we have, is none", () => {
    open()
    receive(data(1, {}))
    assert.throws(() => {
      greet({ outcome: "resumed", session: "another" })
    }, /expected the same session/)
    assert.throws(() => {
      greet({ outcome: "resumed", n: 0 })
    }, /expected the same session/)
  })
})

suite("what comes", () => {
  beforeEach(() => {
    open()
  })
  const keys = (): unknown[] =>
    events().map((event) => (event.type === "received" ? event.envelope.filt["key"] : event.type))

  test("is taken once, in its order", () => {
    receive(data(1, { f: { key: "a" } }), data(2, { f: { key: "b" } }))
    receive(data(1, { f: { key: "a" } }), data(2, { f: { key: "b" } }), data(3, { f: { key: "c" } }))

    assert.deepEqual(keys(), ["a", "b", "c"])
  })

  test("with a gap is not taken, and ends the connection", () => {
    receive(data(1, { f: { key: "a" } }))

    assert.equal(lostBy(data(3, { f: { key: "c" } }), data(2, {})), "of 2 messages 1 have come")
    assert.deepEqual((hello()["resume"] as { n: number }).n, 1)
  })

  test("as a beat above what was taken tells of a loss", () => {
    receive(data(1, {}), beat(1))
    assert.equal(session.isCarried, true)

    assert.equal(lostBy(beat(2)), "of 2 messages 1 have come")
  })

  test("is acknowledged after a second, if nothing else is to be said", () => {
    receive(data(1, {}))
    now += 500
    receive(data(2, {}))
    assert.deepEqual(told(), [])
    assert.equal(session.nextDeadline(), 2_000)

    now += 500

    assert.deepEqual(told(), ["ACK 2 0"])
    now += 1_000
    assert.deepEqual(told(), [])
  })

  test("is acknowledged after 64 messages", () => {
    receive(...Array.from({ length: 63 }, (_, index) => data(index + 1, {})))
    assert.deepEqual(told(), [])

    receive(data(64, {}))

    assert.deepEqual(told(), ["ACK 64 0"])
  })

  test("is acknowledged after 128 KiB", () => {
    const parts = { f: { key: "x".repeat(65_400) } }
    receive(data(1, parts))
    assert.deepEqual(told(), [])

    receive(data(2, { f: { key: "x".repeat(65_800) } }))

    assert.deepEqual(told(), ["ACK 2 0"])
  })

  test("is acknowledged with whatever else is written", () => {
    receive(data(1, {}))
    send("a")

    assert.deepEqual(told(), ["ACK 1 0", "ACTION 1 1 0 a"])
  })

  test("and is no message counts, is told, and is all that is wrong", () => {
    receive(frame(0x10, varint(1), [64, 2, 0x7b, 0x7d]), data(2, { f: { key: "b" } }))

    assert.deepEqual(keys(), ["failed", "b"])
    assert.equal(session.isCarried, true)
  })

  test("padding and kinds from 80 on are nothing", () => {
    receive(frame(0x05, new Uint8Array(2_048)), frame(0x80), frame(0xff, [1, 2, 3]))

    assert.deepEqual(types(), [])
    assert.equal(session.isCarried, true)
  })

  for (const [what, bytes] of [
    ["a kind that nobody knows", frame(0x16)],
    ["a kind that is a client's", frame(0x13, varint(1), varint(1), varint(0), message({}))],
    ["a second WELCOME", welcome()],
    ["a number that is cut short", frame(0x10, [0x80])],
    ["an acknowledgement of what was not written", ack(1)],
    ["a CLOSE that is no JSON", frame(0x03, [0xff])],
  ] as const)
    test(`${what} ends the connection`, () => {
      lostBy(bytes)
    })

  test("of an old connection is nothing", () => {
    session.detach()
    receive(data(1, {}), beat(7))

    assert.deepEqual(types(), [])
  })
})

suite("what is sent", () => {
  beforeEach(() => {
    open()
  })

  test("is numbered, as a message and as an action", () => {
    send("a")
    send("b", false)

    assert.deepEqual(told(), ["ACTION 1 1 0 a", "ACTION 2 2 0 b"])
    assert.deepEqual(told(), [])
  })

  test("tells how long its answer is waited for", () => {
    send("a", true, now + 30_000)
    now += 10_000.5
    assert.deepEqual(told().at(-1), "ACTION 1 1 20000 a")
    send("b", true, now - 5)
    assert.deepEqual(told().at(-1), "ACTION 2 2 1 b")
  })

  test("is answered by its action's number", () => {
    const [a, b] = [send("a"), send("b")]
    taken()
    receive(reply(1, 2, { f: { key: "2" } }), reply(2, 1, { f: { key: "1" } }), reply(3, 1))

    const found = events().map((event) => (event.type === "received" ? event.action : null))
    assert.deepEqual(found, [b, a, null])
  })

  test("is settled once it is answered, or acknowledged where no answer is waited for", () => {
    for (const text of ["a", "b", "c", "d"]) send(text, text !== "b")
    taken()
    receive(reply(1, 1))
    now += 1_000
    assert.deepEqual(told(), ["ACK 1 1"])
    receive(ack(2), reply(2, 4))
    now += 1_000
    assert.deepEqual(told(), ["ACK 2 2"])
    receive(reply(3, 3))
    now += 1_000
    assert.deepEqual(told(), ["ACK 3 4"])
  })

  test("stops at 512 messages that are not acknowledged, and goes on as they are", () => {
    for (let n = 1; n <= 600; n++) send(String(n), false)
    assert.equal(taken().length, 512)
    assert.equal(taken().length, 0)

    receive(ack(10))
    assert.deepEqual(
      taken().map(({ numbers }) => numbers[0]),
      [0, 513, 514, 515, 516, 517, 518, 519, 520, 521, 522],
    )
  })

  test("stops at 1 MiB that is not acknowledged; one larger message passes alone", () => {
    send("x".repeat(2 << 20), false)
    send("y", false)
    assert.deepEqual(taken().map(({ numbers }) => numbers[0]), [1]) // prettier-ignore
    receive(ack(1))
    send("z".repeat(1 << 20), false)
    assert.deepEqual(taken().map(({ kind, numbers }) => [kind, numbers[0]]), [["ACK", 0], ["ACTION", 2]]) // prettier-ignore
    receive(ack(2))
    assert.deepEqual(taken().map(({ kind, numbers }) => [kind, numbers[0]]), [["ACK", 0], ["ACTION", 3]]) // prettier-ignore
  })

  test("goes so many at once as are asked for", () => {
    for (const text of ["a", "b", "c"]) send(text)

    assert.deepEqual(told(framesIn(joined(...session.framesToSend(now, 1)))), ["ACTION 1 1 0 a"])
    assert.deepEqual(told(), ["ACTION 2 2 0 b", "ACTION 3 3 0 c"])
  })

  test("and does not get through is empty from then on, and fails; what follows is as it was", () => {
    const action = send("x".repeat(5_000))
    session.framesToSend(now, 1)
    send("after")

    assert.equal(session.cannotPass("too long"), true)
    const [failed] = events()
    assert.ok(failed?.type === "failed" && failed.action === action)
    assert.deepEqual([failed.error.code, failed.error.message], ["limit-exceeded", "too long"])
    session.rewind()
    assert.deepEqual(told(), ["ACK 0 0", "ACTION 1 1 0", "ACTION 2 2 0 after"])
  })

  test("does not get through even so: nothing else helps", () => {
    send("a")
    taken()
    assert.equal(session.cannotPass("too long"), true)

    assert.equal(session.cannotPass("too long"), false)
    receive(ack(1))
    assert.equal(session.cannotPass("too long"), false)
  })

  test("and nobody waits for, is told as well where it does not get through; in another session it is empty too", () => {
    send("a", false)
    taken()
    session.cannotPass("too long")
    const [failed] = events()
    assert.ok(failed?.type === "failed" && failed.action === null)

    session.detach()
    greet({ outcome: "reset", session: "s2" })

    assert.deepEqual(taken().map(({ kind, numbers, head }) => [kind, ...numbers, head]), [["ACK", 0, 0, {}], ["ACTION", 1, 1, 0, {}]]) // prettier-ignore
  })

  test("beyond what may wait is refused to who sends it", () => {
    begin({ maxOutboxItems: 3, maxOutboxBytes: 1_000 })
    for (const text of ["a", "b", "c"]) send(text)
    assert.throws(() => send("d"), LimitExceeded)
    begin({ maxOutboxBytes: 1_000 })
    send("x".repeat(5_000))
    assert.throws(() => send("d"), /too much waits to be sent \(maxOutboxBytes\)/)
  })

  test("and is larger than the server takes is refused, then and before it is known", () => {
    begin()
    const [early] = [send("x".repeat(2_000)), send("y")]
    greet({ maxFrame: 1_000 })

    assert.deepEqual(told(), ["ACK 0 0", "ACTION 1 1 0 y"])
    const [, refused] = events()
    assert.ok(refused?.type === "failed" && refused.action === early)
    assert.equal(refused.error.code, "limit-exceeded")
    assert.throws(() => send("x".repeat(1_000)), LimitExceeded)
  })
})

suite("whoever asked waits no more", () => {
  beforeEach(() => {
    open()
  })

  test("is told, where the action was written", () => {
    const action = send("a")
    taken()
    session.cancel(action)
    session.cancel(action)

    assert.deepEqual(told(), ["CANCEL 2 1"])
    receive(ack(2))
    session.detach()
    greet({ outcome: "reset", reason: "expired" })
    assert.deepEqual(told(), ["ACK 0 1"])
  })

  test("and what was not written is not written at all, and has no number", () => {
    begin()
    const action = send("a")
    send("b")
    session.cancel(action)
    greet()

    assert.deepEqual(told(), ["ACK 0 0", "ACTION 1 1 0 b"])
  })

  test("but what may not have arrived is sent again, as numbers leave none out", () => {
    const action = send("a")
    taken()
    session.cancel(action)
    taken()
    session.detach()
    greet({ outcome: "reset", reason: "expired" })

    assert.deepEqual(told(), ["ACK 0 0", "ACTION 1 1 0 a", "CANCEL 2 1"])
    receive(ack(2))
    now += 1_000
    send("b")
    assert.deepEqual(told(), ["ACK 0 1", "ACTION 3 2 0 b"])
  })

  test("nobody is given the answer", () => {
    const action = send("a")
    taken()
    session.cancel(action)
    receive(reply(1, 1))

    assert.deepEqual(events().map((event) => event.type === "received" && event.action), [null]) // prettier-ignore
  })
})

suite("after a loss", () => {
  beforeEach(() => {
    open()
  })

  test("what was not taken is written again, and no more than that", () => {
    for (const text of ["a", "b", "c"]) send(text, false)
    taken()
    receive(data(1, {}))
    session.detach()
    send("d", false)
    assert.deepEqual(taken(), [])

    greet({ outcome: "resumed", taken: 1, n: 4 })

    assert.deepEqual(events().at(-1), {
      type: "opened",
      peer: { uuid: "server-uuid", name: "server" },
      reset: null,
      replayed: 2,
    })
    assert.deepEqual(told(), ["ACK 1 1", "ACTION 2 2 0 b", "ACTION 3 3 0 c", "ACTION 4 4 0 d"])
  })

  test("a request that was taken is waited for, and not sent again", () => {
    const action = send("a")
    taken()
    session.detach()
    greet({ outcome: "resumed", taken: 1, n: 1 })
    events()
    assert.deepEqual(told(), ["ACK 0 0"])

    receive(reply(1, 1))
    assert.deepEqual(events().map((event) => event.type === "received" && event.action), [action]) // prettier-ignore
  })

  for (const reason of ["expired", "unknown", "overflow", "epoch", "schema", "superseded"])
    test(`a reset (${reason}) begins anew, with all that was not acknowledged or not answered`, () => {
      for (const text of ["answered", "waiting", "told", "unknown", "untold"])
        send(text, !text.includes("told"))
      taken()
      receive(reply(1, 1), ack(3))
      session.detach()
      send("new")

      greet({ outcome: "reset", reason, session: "another", token: "u1" })

      const opened = events().at(-1)
      assert.ok(opened?.type === "opened" && opened.reset === reason && opened.replayed === null)
      assert.deepEqual(told(), [
        "ACK 0 1",
        "ACTION 1 2 0 waiting",
        "ACTION 2 4 0 unknown",
        "ACTION 3 5 0 untold",
        "ACTION 4 6 0 new",
      ])
      receive(data(1, { f: { key: "k" } }))
      assert.deepEqual(types(), ["received"])
    })

  test("a second reset sends again what the first had to send, once and in order", () => {
    for (const text of ["a", "b", "c"]) send(text)
    taken()
    for (const token of ["u1", "u2", "u3"]) {
      session.detach()
      greet({ outcome: "reset", reason: "unknown", session: token, token })
    }

    assert.deepEqual(told(), ["ACK 0 0", "ACTION 1 1 0 a", "ACTION 2 2 0 b", "ACTION 3 3 0 c"])
  })

  test("a server that says new where something was to be resumed has reset it", () => {
    send("a")
    taken()
    session.detach()
    greet({ session: "another" })

    const opened = events().at(-1)
    assert.ok(opened?.type === "opened" && opened.reset === "unknown")
    assert.deepEqual(told(), ["ACK 0 0", "ACTION 1 1 0 a"])
  })

  test("a CLOSE says whether there is something to resume", () => {
    assert.equal(lostBy(close("slow", true)), "slow: it is slow")
    assert.ok(hello()["resume"])
    greet({ outcome: "resumed" })

    assert.equal(lostBy(close("revoked", false)), "revoked: it is revoked")
    assert.equal(hello()["resume"], undefined)
    assert.equal(hello()["client"], "the-secret")
    greet({ session: "another" })
    const opened = events().at(-1)
    assert.ok(opened?.type === "opened" && opened.reset === "revoked")
  })

  test("a CLOSE of ours has the server forget the session", () => {
    const [frame_] = framesIn(session.closing("over"))
    assert.deepEqual([frame_?.kind, frame_?.json], ["CLOSE", { code: "closed", reason: "over", again: false }]) // prettier-ignore
    session.forget("closed")
    assert.equal(hello()["resume"], undefined)
    assert.equal(session.sendHead(), null)
  })

  test("moving to another connection drops nothing: each end writes again what the other has not", () => {
    for (const text of ["a", "b"]) send(text, false)
    taken()
    // The hello is on its way on the new one; on the old one it goes on.
    assert.equal((hello()["resume"] as { n: number }).n, 0)
    receive(data(1, { f: { key: "1" } }), ack(1))
    send("c", false)
    assert.deepEqual(told(), ["ACK 0 1", "ACTION 3 3 0 c"])

    greet({ outcome: "resumed", taken: 2, n: 2 })
    receive(data(1, { f: { key: "1" } }), data(2, { f: { key: "2" } }))

    assert.deepEqual(told(), ["ACK 2 2", "ACTION 3 3 0 c"])
    assert.deepEqual(types(), ["received", "opened", "received"])
  })
})

suite("over HTTP", () => {
  test("what only sends says whose it is, by the token there is now", () => {
    assert.equal(session.sendHead(), null)
    open({}, "stream")
    const head = (): unknown => framesIn(session.sendHead() ?? Uint8Array.of()).map(({ kind, json }) => [kind, json]) // prettier-ignore
    const id = "0123456789abcdef0123456789abcdef"
    assert.deepEqual(head(), [["SEND", { session: id, token: "t1" }]])
    greet({ outcome: "resumed", token: "t2" }, "stream")
    assert.deepEqual(head(), [["SEND", { session: id, token: "t2" }]])
  })

  test("what may not have arrived is taken again", () => {
    open({}, "stream")
    receive(data(1, {}))
    for (const text of ["a", "b"]) send(text, false)
    assert.deepEqual(told(), ["ACK 1 0", "ACTION 1 1 0 a", "ACTION 2 2 0 b"])
    session.rewind()
    send("c", false)
    assert.deepEqual(told(), ["ACK 1 0", "ACTION 1 1 0 a", "ACTION 2 2 0 b", "ACTION 3 3 0 c"])
    receive(ack(3))
    session.rewind()
    assert.deepEqual(told(), ["ACK 1 3"])
  })

  test("a poll's next hello is an acknowledgement: no POST is made for that", () => {
    open({}, "poll")
    receive(data(1, {}))
    now += 60_000
    assert.deepEqual(told(), [])
    assert.equal((hello("poll", 25)["resume"] as { n: number }).n, 1)
    send("a", false)
    assert.deepEqual(told(), ["ACTION 1 1 0 a"])
  })

  test("a poll that goes on is no news, and writes nothing again that is on its way", () => {
    open({}, "poll")
    send("a", false)
    taken()
    greet({ outcome: "resumed", token: "t2", n: 2 }, "poll", true)
    receive(data(1, {}), data(2, {}))

    assert.deepEqual(types(), ["received", "received"])
    assert.deepEqual(told(), [])
    assert.equal((hello("poll", 25)["resume"] as { token: string }).token, "t2")
  })

  test("a poll that is reset begins another session", () => {
    open({}, "poll")
    const { generation } = session
    send("a")
    taken()
    greet({ outcome: "reset", reason: "expired", session: "another" }, "poll", true)

    assert.deepEqual(types(), ["opened"])
    assert.equal(session.generation, generation + 1)
    assert.deepEqual(told(), ["ACTION 1 1 0 a"])
  })
})

suite("time", () => {
  test("a beat is written when nothing else was, and says how many messages there were", () => {
    open()
    now += 9_999
    assert.deepEqual(told(), [])
    now += 1
    assert.deepEqual(told(), ["BEAT 0"])
    now += 5_000
    send("a", false)
    assert.deepEqual(told(), ["ACTION 1 1 0 a"])
    now += 9_999
    assert.deepEqual(told(), [])
    now += 1
    assert.deepEqual(told(), ["BEAT 1"])
  })

  test("no beat goes out over HTTP", () => {
    for (const via of ["stream", "sse", "poll"] as const) {
      begin()
      open({}, via)
      now += 14_000
      assert.deepEqual(told(), [])
    }
  })

  test("a connection that brings nothing for one and a half beats is lost", () => {
    open({ beat: 4 })
    now += 3_000
    receive(beat(0))
    now += 5_999
    session.tick(now)
    assert.deepEqual(types(), [])
    assert.equal(session.nextDeadline() <= now + 1, true)

    now += 1
    session.tick(now)

    assert.deepEqual(events(), [{ type: "lost", reason: "nothing came for 6 s" }])
    assert.equal(session.nextDeadline(), Infinity)
  })

  test("part of a frame is a sign of life", () => {
    open()
    now += 14_000
    session.heard(now)
    now += 14_000
    session.tick(now)

    assert.equal(session.isCarried, true)
  })

  test("a poll knows by itself when it should be answered", () => {
    open({}, "poll")
    assert.equal(session.nextDeadline(), Infinity)
  })
})

test("while a hello is on its way no more is acknowledged than it says: more could not be resumed from", () => {
  open()
  receive(data(1, {}))
  hello()
  receive(data(2, {}), data(3, {}))
  send("a", false)
  assert.deepEqual(told(), ["ACK 1 0", "ACTION 1 1 0 a"])
  session.stay()
  send("b", false)
  assert.deepEqual(told(), ["ACK 3 0", "ACTION 2 2 0 b"])
  hello()
  receive(data(4, {}))
  greet({ outcome: "resumed", n: 4, taken: 2 })
  assert.deepEqual(told(), ["ACK 4 2"])
})
