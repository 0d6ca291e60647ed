import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { afterEach, beforeEach, suite, test } from "node:test"
import { inspect } from "node:util"
import { deflateSync } from "node:zlib"
import {
  type ConnectionOptions,
  NotConnected,
  Payload,
  RemoteError,
  type StateChange,
  Tuple,
  VortexConnection,
  type VortexError,
} from "../../src/index.ts"
import { FakePosts, FakeSockets, VirtualClock, bodyOf, note, settle, until } from "../transports/fakes.ts"
import { KINDS, type Sent, beat, bytesOf, frame, message, varint, welcome } from "../wire.ts"

const ID = "PayloadResponse.messageId"

let clock: VirtualClock
let sockets: FakeSockets
let posts: FakePosts
let connection: VortexConnection
let states: string[]
let errors: VortexError[]

function connect(options: ConnectionOptions = {}, url = "http://host/vortex"): VortexConnection {
  connection = new VortexConnection(url, {
    uuid: "u-1",
    name: "a page",
    clock,
    WebSocket: sockets.Socket,
    fetch: posts.fetch,
    random: () => 0.5,
    ...options,
  })
  const [itsStates, itsErrors] = [states, errors]
  connection.addEventListener("state", ({ detail }) => itsStates.push(told(detail)))
  connection.addEventListener("error", (event) => {
    event.preventDefault()
    itsErrors.push(event.detail)
  })
  return connection
}

const told = ({ previous, state, transport, reason }: StateChange): string =>
  `${previous} > ${state}${transport ? ` (${transport})` : ""}${reason === null ? "" : `: ${reason}`}`

/** What a promise comes to, as text, without waiting for it. */
function outcome(promise: Promise<unknown>): { is: string } {
  const found = { is: "pending" }
  promise.then(
    (value) => (found.is = `ok: ${value instanceof Payload ? JSON.stringify(value.tuples) : String(value)}`),
    (error: unknown) => (found.is = (error as VortexError).code || String(error)),
  )
  return found
}

/** The newest action that went out, once it has. */
async function lastSent(count = 1): Promise<Sent> {
  while (sockets.last.actions.length < count) await settle()
  const last = sockets.last.actions.at(-1)
  assert.ok(last)
  return last
}

/** The number of an action. */
const actionOf = ({ numbers }: Sent): number => numbers[1] ?? NaN

beforeEach(() => {
  clock = new VirtualClock()
  sockets = new FakeSockets()
  posts = new FakePosts()
  states = []
  errors = []
})

afterEach(async () => {
  connection.close()
  await settle()
  assert.equal(clock.timers.size, 0, "no timer is left")
  assert.equal(sockets.open, 0, "no WebSocket is left")
  assert.equal(posts.open, 0, "no request is left")
})

suite("connecting", () => {
  test("begins at once, by a WebSocket of this wire", () => {
    connect({}, "https://host:8443/below/vortex?token=1#part")

    assert.equal(connection.state, "connecting")
    assert.equal(connection.transport, "websocket")
    assert.equal(sockets.last.url, "wss://host:8443/below/vortex?token=1")
    assert.equal(sockets.last.protocol, "vortex.1")
    assert.equal(sockets.last.binaryType, "arraybuffer")
  })

  test("is open with the server's word, not with the WebSocket", async () => {
    connect()
    const connected = outcome(connection.connected.then(({ name }) => name))

    sockets.last.accept()
    assert.equal(connection.state, "connecting")
    const [hello, ...more] = sockets.last.sent
    assert.deepEqual(more, [])
    assert.deepEqual(hello?.json, { wire: 1, uuid: "u-1", name: "a page", epoch: 1, next: 1 })
    sockets.last.greet()
    await settle()

    assert.deepEqual(states, ["connecting > open (websocket)"])
    assert.deepEqual(connection.peer, { uuid: "server-uuid", name: "server" })
    assert.equal(connected.is, "ok: server")
    assert.equal((await connection.connected).name, "server")
    assert.equal(connection.reconnects, 0)
  })

  test("by held POST: http stands for ws, and the hello is in the first POST", async () => {
    connect({ transport: "post" }, "wss://host/vortex?token=1")
    await settle()

    assert.equal(posts.last.url, "https://host/vortex?token=1")
    assert.deepEqual(posts.last.told, ["HELLO"])
    const { uuid, name, via } = posts.last.first.json
    assert.deepEqual([uuid, name, via], ["u-1", "a page", "stream"])
    posts.last.greet()
    await settle()
    assert.deepEqual(states, ["connecting > open (post)"])
    assert.equal(sockets.made.length, 0)
  })

  test("each connection is a client of its own: the secret that it is given is nowhere but in itself", async () => {
    const names = (): string[] => Object.getOwnPropertyNames(globalThis)
    const before = names()
    const secrets = ["the first", "the second"]
    const made = secrets.map(() => connect())
    const opened = sockets.made.slice()
    opened.forEach((socket, index) => {
      socket.accept()
      socket.receive(welcome({ client: secrets[index] }))
    })
    await settle()

    assert.deepEqual(opened.map(({ sent }) => sent[0]?.json["client"]), [undefined, undefined]) // prettier-ignore
    for (const socket of opened) socket.fail()
    clock.advance(1_000)
    const again = sockets.made.slice(2)
    for (const socket of again) socket.accept()
    assert.deepEqual(
      again.map(({ sent }) => sent[0]?.json["client"]),
      secrets,
    )
    for (const each of made)
      assert.doesNotMatch(
        JSON.stringify(each) + inspect(each, { depth: 9, getters: true }),
        /the (first|second)/,
      )
    assert.deepEqual(names(), before)
    for (const each of made) each.close()
    await settle()
    connect()
    sockets.last.accept()
    assert.equal(sockets.last.sent[0]?.json["client"], undefined)
  })

  test("two connections are two peers", () => {
    const uuids = new Set<string>()
    for (let count = 0; count < 3; count++) {
      const { uuid } = new VortexConnection("ws://host/", { WebSocket: sockets.Socket, clock })
      assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
      uuids.add(uuid)
    }
    assert.equal(uuids.size, 3)
    clock.timers.clear()
    sockets = new FakeSockets()
    connect()
  })

  test("what is no URL is told to who wrote it", () => {
    connect()
    assert.throws(() => new VortexConnection("http://"), TypeError)
    assert.throws(() => new VortexConnection("/relative/without/a/page"), TypeError)
  })
})

suite("requests", () => {
  beforeEach(() => {
    connect()
    sockets.last.greet()
  })

  test("come back with what the server answers to them", async () => {
    const first = connection.request({ key: "a", n: 1 }, { tuples: [new Tuple("test.Note", { text: "é" })] })
    const sent = await lastSent()
    assert.deepEqual(sent.head.f, { key: "a", n: 1 })
    assert.deepEqual([sent.flags, sent.numbers], [12, [1, 1, 30_000]])
    assert.deepEqual(bodyOf(sent), [{ ...note("é"), k: "j" }])
    const second = connection.request(new Payload({ key: "b" }))
    const other = await lastSent(2)

    sockets.last.reply(actionOf(other), { f: { key: "b" }, body: [note("second")] })
    sockets.last.reply(actionOf(sent), { f: { key: "a" }, r: true, body: [note("first")] })

    assert.equal(((await first).tuples[0] as { text: string } & Tuple).text, "first")
    assert.equal(((await second).tuples[0] as { text: string } & Tuple).text, "second")
  })

  test("fail with the server's code and text", async () => {
    const request = connection.request({ key: "a" })
    sockets.last.reply(actionOf(await lastSent()), { r: "closed-today: not on a Sunday" })

    await assert.rejects(request, (error: unknown) => {
      assert.ok(error instanceof RemoteError)
      assert.equal(error.code, "closed-today")
      assert.equal(error.message, "not on a Sunday")
      return true
    })
    assert.deepEqual(errors, [])
  })

  test("time out after 30 s, or as long as they say; the server is told, and what comes later is nobody's", async () => {
    const usual = outcome(connection.request({ key: "a" }))
    const short = outcome(connection.request({ key: "b" }, { timeout: 100 }))
    const sent = await lastSent(2)
    assert.deepEqual(sent.numbers, [2, 2, 100])

    clock.advance(99)
    await settle()
    assert.equal(short.is, "pending")
    clock.advance(1)
    await settle()
    assert.equal(short.is, "timeout")
    assert.deepEqual(sockets.last.told.at(-1), "CANCEL 3 2")
    sockets.last.reply(actionOf(sent), { body: [note("late")] })
    for (let count = 0; count < 3; count++) {
      clock.advance(9_966)
      sockets.last.receive(beat(1))
    }
    await settle()
    assert.equal(usual.is, "pending")
    clock.advance(2)
    await settle()
    assert.equal(usual.is, "timeout")
    assert.deepEqual(errors, [])
  })

  test("end with the signal's reason, before and after they are sent", async () => {
    const before = new AbortController()
    before.abort(new Error("never mind"))
    await assert.rejects(connection.request({ key: "a" }, { signal: before.signal }), /never mind/)

    const during = new AbortController()
    const request = outcome(connection.request({ key: "b" }, { signal: during.signal }))
    during.abort(new Error("too late"))
    await settle()
    assert.equal(request.is, "Error: too late")
    assert.deepEqual(sockets.last.actions, [])

    const after = new AbortController()
    const other = outcome(connection.request({ key: "c" }, { signal: after.signal }))
    await lastSent()
    after.abort(new Error("enough"))
    await settle()
    assert.equal(other.is, "Error: enough")
    assert.deepEqual(sockets.last.told.at(-1), "CANCEL 2 1")
  })

  test("are answered on the next line when theirs is lost, and not sent again", async () => {
    const request = outcome(connection.request({ key: "a" }))
    await lastSent()

    sockets.last.fail(1006)
    await settle()
    assert.deepEqual([request.is, connection.state], ["pending", "waiting"])
    connection.reconnect()
    sockets.last.greet({ outcome: "resumed", taken: 1, n: 1 })
    sockets.last.reply(1, { body: [note("after all")] })
    while (request.is === "pending") await settle()

    assert.equal(request.is, 'ok: [{"text":"after all"}]')
    assert.deepEqual(sockets.last.told, ["HELLO", "ACK 0 0"])
  })

  test("that did not arrive are written again, with the same numbers", async () => {
    const request = outcome(connection.request({ key: "a" }))
    await lastSent()
    sockets.last.fail(1006)
    connection.reconnect()
    clock.advance(0)
    sockets.last.greet({ outcome: "resumed" })

    assert.deepEqual(sockets.last.told, ["HELLO", "ACK 0 0", "ACTION 1 1 30000 a"])
    sockets.last.reply(1)
    await settle()
    assert.equal(request.is, "ok: []")
  })

  test("that are not answered are sent again in another session, with their action's number", async () => {
    const answered = outcome(connection.request({ key: "answered" }))
    const waiting = outcome(connection.request({ key: "waiting" }))
    await lastSent(2)
    sockets.last.reply(1)
    await settle()
    sockets.last.fail(1006)
    connection.reconnect()
    sockets.last.greet({ outcome: "reset", reason: "expired", session: "another" })

    assert.deepEqual(sockets.last.told, ["HELLO", "ACK 0 1", "ACTION 1 2 30000 waiting"])
    sockets.last.reply(2)
    await settle()
    assert.deepEqual([answered.is, waiting.is], ["ok: []", "ok: []"])
  })

  test("whose answer came just before the line was lost have it", async () => {
    const request = outcome(connection.request({ key: "a" }))
    const { numbers } = await lastSent()

    // The body of the answer is still to be inflated when the connection is closed.
    const body = deflateSync(JSON.stringify([note("in time")]))
    sockets.last.reply(numbers[1] ?? NaN, { flags: 7, body })
    connection.close()
    while (request.is === "pending") await settle()

    assert.equal(request.is, 'ok: [{"text":"in time"}]')
  })

  test("wait for a line where there is none, as long as they would for an answer", async () => {
    connection.cut()
    const request = outcome(connection.request({ key: "a" }))
    const late = outcome(connection.request({ key: "late" }, { timeout: 1_000 }))
    const send = outcome(connection.send(new Payload({ key: "b" })))
    await settle()
    assert.deepEqual([request.is, late.is, send.is], ["pending", "pending", "ok: undefined"])
    clock.advance(1_000)
    await settle()
    assert.equal(late.is, "timeout")

    connection.reconnect()
    sockets.last.greet({ outcome: "resumed" })

    assert.deepEqual(sockets.last.told, ["HELLO", "ACK 0 0", "ACTION 1 1 29000 a", "ACTION 2 2 0 b"])
    sockets.last.reply(1)
    await settle()
    assert.equal(request.is, "ok: []")
  })

  test("before the first line wait for it", async () => {
    connection.close()
    connect()
    const request = outcome(connection.request({ key: "a" }))
    await settle()
    sockets.last.greet()
    sockets.last.reply(1)
    await settle()

    assert.equal(request.is, "ok: []")
  })

  test("end with connection-lost when the connection is closed, and not-connected after that", async () => {
    const request = outcome(connection.request({ key: "a" }))
    await lastSent()
    connection.close()
    await settle()
    const late = outcome(connection.request({ key: "a" }))
    const send = outcome(connection.send(new Payload({ key: "b" })))
    await settle()

    assert.deepEqual([request.is, late.is, send.is], ["connection-lost", "not-connected", "not-connected"])
  })

  test("that are being encoded when the connection is closed were never sent", async () => {
    const request = outcome(connection.request({ key: "a" }, { tuples: ["x"] }))
    const send = outcome(connection.send(new Payload({ key: "b" }, ["x"])))

    connection.close()
    while (send.is === "pending") await settle()

    assert.deepEqual([request.is, send.is], ["not-connected", "not-connected"])
    assert.deepEqual(
      sockets.made.flatMap(({ actions }) => actions),
      [],
    )
  })

  test("of which too many wait are refused to who makes them", async () => {
    connection.close()
    connect({ limits: { maxOutboxItems: 2 } })
    const all = ["a", "b", "c"].map((key) => outcome(connection.request({ key })))
    await settle()

    assert.deepEqual(
      all.map(({ is }) => is),
      ["pending", "pending", "limit-exceeded"],
    )
  })

  test("larger than the server takes are refused, whoever waits for them or not", async () => {
    connection.close()
    connect()
    const text = Array.from({ length: 300 }, (_, n) => String((n * 7919) % 10_007)).join()
    const request = outcome(connection.request({ key: text }))
    const send = outcome(connection.send(new Payload({ key: text })))
    await settle()
    sockets.last.greet({ maxFrame: 1_000 })
    await settle()

    assert.deepEqual([request.is, send.is], ["limit-exceeded", "ok: undefined"])
    assert.deepEqual(
      errors.map(({ code }) => code),
      ["limit-exceeded"],
    )
    assert.deepEqual(sockets.last.told, ["HELLO", "ACK 0 0"])
  })

  test("that cannot be encoded fail by themselves, and those after them are sent", async () => {
    const broken = outcome(connection.request({ key: "a" }, { tuples: [() => undefined] }))
    const whole = outcome(connection.send(new Payload({ key: "b" })))
    await lastSent()
    await settle()

    assert.deepEqual([broken.is, whole.is], ["cannot-encode", "ok: undefined"])
  })

  test("leave in the order they were made, however long each takes to encode", async () => {
    const random = randomBytes(60_000).toString("hex")
    const keys = ["a", "b", "c", "d"]
    await Promise.all(keys.map((key, n) => connection.send(new Payload({ key }, n % 2 ? [] : [random]))))

    assert.deepEqual(
      sockets.last.actions.map(({ head }) => head.f?.["key"]),
      keys,
    )
  })

  test("a ping tells how long the way there and back took", async () => {
    const heard: number[] = []
    connection.addEventListener("roundtrip", ({ detail }) => heard.push(detail))
    assert.equal(connection.roundTripMs, null)
    const ping = connection.ping()
    const sent = await lastSent()
    assert.deepEqual(sent.head.f, { rapuiServerEcho: true })
    assert.deepEqual(bodyOf(sent), [])
    clock.advance(42)
    sockets.last.reply(actionOf(sent))

    assert.equal(await ping, 42)
    assert.equal(connection.roundTripMs, 42)
    assert.deepEqual(heard, [42])
  })
})

suite("what comes in", () => {
  beforeEach(() => {
    connect()
    sockets.last.greet()
  })

  test("is delivered in the order it came, however long each takes to unpack", async () => {
    const heard: unknown[] = []
    connection.listen({ key: "a" }, ({ filt }) => heard.push(filt["n"]))
    const long = randomBytes(300_000).toString("hex")

    const packed = deflateSync(JSON.stringify([{ v: [long] }]))
    for (let n = 0; n < 6; n++)
      sockets.last.push({ f: { key: "a", n }, ...(n % 2 ? {} : { flags: 7, body: packed }) })
    sockets.last.fail()
    while (heard.length < 6) await settle()

    assert.deepEqual(heard, [0, 1, 2, 3, 4, 5])
    assert.equal(connection.state, "waiting")
  })

  test("is answered under the filt that it came with, as a reply", async () => {
    connection.listen({ key: "a" }, (_, delivery) => delivery.reply(["pong"]))

    sockets.last.push({ flags: 8, f: { key: "a", [ID]: "server-1" } })
    const sent = await lastSent()

    assert.deepEqual(sent.head.f, { key: "a", [ID]: "server-1" })
    assert.deepEqual(bodyOf(sent), [{ v: ["pong"] }])
    assert.equal(sent.head.r, true)
    assert.equal(sent.flags & 9, 1)
    assert.deepEqual(sent.numbers, [1, 1, 0])
  })

  test("a callback that fails, at once or later, is told, and the others are called", async () => {
    const heard: string[] = []
    connection.listen({ key: "a" }, () => {
      throw new Error("at once")
    })
    connection.listen({ key: "a" }, () => Promise.reject(new Error("later")))
    connection.listen({ key: "a" }, () => heard.push("called"))

    sockets.last.push({ f: { key: "a" } })
    await settle()

    assert.deepEqual(heard, ["called"])
    assert.deepEqual(
      errors.map(({ code, message }) => [code, message]),
      [
        ["internal", "at once"],
        ["internal", "later"],
      ],
    )
    assert.equal(connection.state, "open")
  })

  test("a frame that is no message is told, and the line stays", async () => {
    sockets.last.receive(frame(KINDS.DATA, varint(1), bytesOf("{nonsense")))
    sockets.last.receive(frame(KINDS.DATA, varint(2), message({ flags: 64 })))
    await until(() => errors.length === 2)

    assert.deepEqual(
      errors.map(({ code }) => code),
      ["bad-payload", "bad-payload"],
    )
    assert.equal(connection.state, "open")
  })

  test("an answer that nobody can read is told to who asked for it", async () => {
    const requests = ["a", "b"].map((key) => outcome(connection.request({ key })))
    await lastSent(2)

    sockets.last.reply(1, { body: Uint8Array.of(1, 2, 3), flags: 5 })
    sockets.last.receive(frame(KINDS.REPLY, varint(2), varint(2), [64]))
    await until(() => requests.every(({ is }) => is !== "pending"))

    assert.deepEqual(
      requests.map(({ is }) => is),
      ["bad-payload", "bad-payload"],
    )
    assert.equal(connection.state, "open")
  })

  test("what the server could not read of ours is told", async () => {
    sockets.last.push({ flags: 1, r: "bad-payload: expected an object" })
    await settle()

    assert.deepEqual(
      errors.map(({ code, message }) => [code, message]),
      [["bad-payload", "expected an object"]],
    )
  })

  test("an error that nobody listens to is on the console, once", (context) => {
    const log = context.mock.method(console, "error", () => undefined)
    connection.report(new Error("seen"))
    assert.equal(log.mock.callCount(), 0)
    const quiet = new VortexConnection("ws://host/", { WebSocket: sockets.Socket, clock })
    const error = new Error("heard")

    quiet.report(error)
    quiet.close()

    assert.deepEqual(
      log.mock.calls.map((call) => call.arguments),
      [[error]],
    )
  })

  test("a state callback that fails is told, and ends when it is asked to", () => {
    const heard: string[] = []
    const end = connection.onStateChange((state, it) => {
      heard.push(state)
      assert.equal(it, connection)
      throw new Error("oops")
    })
    connection.cut()
    end()
    connection.reconnect()

    assert.deepEqual(heard, ["waiting"])
    assert.deepEqual(
      errors.map(({ message }) => message),
      ["oops"],
    )
  })
})

suite("coming back", () => {
  test("waits with jitter, from 250 ms to 8 s, and says until when", () => {
    connect({ transport: "websocket" })
    const delays: number[] = []
    for (let attempt = 0; attempt < 8; attempt++) {
      sockets.last.fail()
      assert.equal(connection.state, "waiting")
      const delay = (connection.retryAtMs ?? NaN) - clock.now()
      delays.push(delay)
      clock.advance(delay - 1)
      assert.equal(connection.state, "waiting")
      clock.advance(1)
      assert.equal(connection.state, "connecting")
      assert.equal(connection.retryAtMs, null)
    }

    assert.deepEqual(delays, [125, 250, 500, 1_000, 2_000, 4_000, 4_000, 4_000])
  })

  test("begins with short delays again once it was open, not once the WebSocket was", () => {
    connect({ transport: "websocket" })
    const lose = (): number => {
      sockets.last.fail()
      const delay = (connection.retryAtMs ?? NaN) - clock.now()
      clock.advance(delay)
      return delay
    }
    assert.deepEqual([lose(), lose()], [125, 250])
    sockets.last.accept()
    assert.equal(lose(), 500)
    sockets.last.greet()
    assert.equal(lose(), 125)
    sockets.last.greet()
    assert.equal(connection.reconnects, 1)
  })

  test("the reason is told with each state", () => {
    connect({ transport: "websocket" })
    sockets.last.greet()
    sockets.last.fail(1001, "the server is shutting down")

    assert.deepEqual(states, ["connecting > open (websocket)", "open > waiting: the server is shutting down"])
    assert.equal(connection.transport, null)
  })

  test("one and a half beats of silence, and the line is left; before, a beat of ours", async () => {
    connect({ transport: "websocket" })
    sockets.last.greet()
    const request = outcome(connection.request({ key: "a" }))
    await lastSent()

    clock.advance(14_999)
    assert.equal(connection.state, "open")
    assert.deepEqual(sockets.last.told.slice(-1), ["BEAT 1"])
    clock.advance(1)
    await settle()

    assert.equal(states.at(-1), "open > waiting: nothing came for 15 s")
    assert.equal(request.is, "pending")
    assert.equal(sockets.last.closed, true)
  })

  test("a beat of the server's is enough", () => {
    connect({ transport: "websocket" })
    sockets.last.greet()
    for (let count = 0; count < 20; count++) {
      clock.advance(14_000)
      sockets.last.receive(beat(0))
    }

    assert.equal(connection.state, "open")
    assert.equal(sockets.made.length, 1)
  })

  test("a held POST that goes silent is left too, and so is one whose head does not come", async () => {
    connect({ transport: "post" })
    await settle()
    posts.last.greet()
    await settle()
    clock.advance(15_000)
    assert.equal(states.at(-1), "open > waiting: nothing came for 15 s")
    clock.advance(125)
    await settle()
    clock.advance(10_000)
    await settle()
    assert.equal(states.at(-1), "connecting > waiting: nothing came for 10 s")
    assert.equal(posts.open, 0)
  })

  test("what the server says by a status is the reason, and it is tried again", async () => {
    connect({ transport: "post" })
    await settle()
    posts.last.head(403)
    posts.last.write("this vortex serves programs on its own machine only; pass anonymous=True")
    posts.last.end()
    await settle()

    assert.equal(
      states.at(-1),
      "connecting > waiting: 403: this vortex serves programs on its own machine only; pass anonymous=True",
    )
    clock.advance(125)
    await settle()
    posts.last.greet()
    await settle()
    assert.equal(connection.state, "open")
  })

  test("a window that is online again is reason to try now", () => {
    const events = pretendWindow()
    try {
      connect({ transport: "websocket" })
      sockets.last.fail()
      assert.equal(connection.state, "waiting")

      events.dispatchEvent(new Event("online"))

      assert.equal(connection.state, "connecting")
      sockets.last.greet()
      events.dispatchEvent(new Event("online"))
      assert.equal(connection.state, "open")
      assert.equal(sockets.made.length, 2)

      connection.cut()
      events.dispatchEvent(new Event("online"))
      assert.equal(connection.state, "waiting")

      assert.equal(events.listeners, 3)
      connection.close()
      assert.equal(events.listeners, 0)
    } finally {
      events.end()
    }
  })

  test("a page that is left has no line, and comes back from the cache with one", async () => {
    const events = pretendWindow()
    try {
      connect({ transport: "post" })
      await settle()
      posts.last.greet()
      await settle()
      void connection.send(new Payload({ key: "on its way" }))
      while (posts.sends.length < 2) {
        await settle()
        posts.sends.at(-1)?.take(0)
      }
      void connection.send(new Payload({ key: "waits for that one" }))
      await settle()
      const before = posts.made.length

      events.dispatchEvent(new Event("pagehide"))

      assert.equal(states.at(-1), "open > waiting: the page was left")
      assert.equal(posts.made.length, before + 1)
      assert.equal(posts.last.init.keepalive, true)
      assert.deepEqual(posts.last.told, [
        "SEND",
        "ACK 0 0",
        "ACTION 1 1 0 on its way",
        "ACTION 2 2 0 waits for that one",
        "CLOSE",
      ])
      assert.equal(posts.last.sent.at(-1)?.json["again"], false)
      posts.last.fail()
      events.dispatchEvent(new Event("online"))
      assert.equal(connection.state, "waiting")
      clock.advance(60_000)
      assert.equal(posts.made.length, before + 1)

      events.dispatchEvent(new Event("pageshow"))
      await settle()
      posts.last.greet()
      await settle()
      assert.equal(connection.state, "open")
    } finally {
      events.end()
    }
  })

  test("a page that was cut before it was left stays cut", () => {
    const events = pretendWindow()
    try {
      connect()
      connection.cut()
      events.dispatchEvent(new Event("pagehide"))
      events.dispatchEvent(new Event("pageshow"))

      assert.equal(connection.state, "waiting")
    } finally {
      events.end()
    }
  })
})

suite("auto", () => {
  test("a WebSocket that cannot be opened is followed by a POST, at once", async () => {
    connect()
    sockets.last.fail(1006)
    await settle()
    assert.deepEqual(states, ["connecting > connecting (post): the WebSocket was closed (1006)"])

    posts.last.greet()
    await settle()

    assert.equal(connection.transport, "post")
    assert.equal(connection.state, "open")
  })

  test("a WebSocket that is refused by its constructor is one that cannot be opened", async () => {
    connect({
      WebSocket: function () {
        throw new DOMException("an insecure WebSocket from a page that came by https", "SecurityError")
      } as never,
    })
    await settle()

    assert.match(states[0] ?? "", /connecting \(post\): SecurityError: an insecure/)
    assert.equal(posts.made.length, 1)
  })

  test("one that never opens is followed by a POST after 10 s", async () => {
    connect()
    clock.advance(9_999)
    assert.equal(connection.transport, "websocket")
    clock.advance(1)
    await settle()

    assert.equal(connection.transport, "post")
    assert.equal(sockets.open, 0)
  })

  test("one that opens and says nothing is followed by a POST as well", async () => {
    connect()
    sockets.last.accept()
    clock.advance(10_000)
    await settle()

    assert.equal(posts.made.length, 1)
  })

  test("with neither it waits, and begins with a WebSocket again", async () => {
    connect()
    for (let turn = 1; turn <= 3; turn++) {
      assert.equal(connection.transport, "websocket")
      sockets.last.fail()
      await settle()
      assert.equal(connection.transport, "post")
      posts.last.fail()
      await settle()
      assert.equal(connection.state, "waiting")
      assert.deepEqual([sockets.made.length, posts.made.length], [turn, turn])
      clock.advance(8_000)
    }
  })

  test("stays with the POST that worked, and goes on to a WebSocket when that does not", async () => {
    connect()
    sockets.last.fail()
    await settle()
    posts.last.greet()
    await settle()

    posts.held.end()
    await settle()
    clock.advance(125)
    await settle()
    assert.equal(connection.transport, "post")
    posts.held.fail()
    await settle()
    assert.equal(connection.transport, "websocket")
    sockets.last.greet()
    sockets.last.fail()
    clock.advance(8_000)
    assert.equal(connection.transport, "websocket")
  })

  test("one transport alone is never left for the other", async () => {
    connect({ transport: "websocket" })
    for (let turn = 0; turn < 4; turn++) {
      sockets.last.fail()
      clock.advance(8_000)
      await settle()
    }

    assert.equal(posts.made.length, 0)
    assert.equal(sockets.made.length, 5)
  })
})

suite("by hand", () => {
  test("useTransport with the one that is in use does nothing", () => {
    connect()
    sockets.last.greet()

    connection.useTransport("websocket")
    connection.useTransport("auto")

    assert.equal(sockets.made.length, 1)
    assert.equal(connection.state, "open")
  })

  test("useTransport auto begins with a WebSocket again, and stays where it is if that cannot be opened", async () => {
    connect({ transport: "post" })
    await settle()
    posts.last.greet()
    await settle()

    connection.useTransport("auto")
    sockets.last.fail()
    await settle()
    assert.deepEqual([connection.transport, connection.state], ["post", "open"])
    connection.useTransport("auto")
    sockets.last.greet({ outcome: "resumed" })
    await settle()
    assert.deepEqual([connection.transport, connection.state], ["websocket", "open"])
  })

  test("a cut lasts until reconnect", async () => {
    connect()
    sockets.last.greet()
    const request = outcome(connection.request({ key: "a" }))
    await lastSent()

    connection.cut()
    clock.advance(3_600_000)
    await settle()

    assert.equal(request.is, "timeout")
    assert.equal(connection.state, "waiting")
    assert.equal(connection.retryAtMs, null)
    assert.equal(sockets.made.length, 1)
    connection.useTransport("post")
    assert.equal(connection.state, "waiting")
    connection.reconnect()
    await settle()
    posts.last.greet()
    await settle()
    assert.equal(connection.state, "open")
    assert.equal(connection.reconnects, 1)
  })

  test("reconnect tries now, and leaves an open line alone", () => {
    connect({ transport: "websocket" })
    sockets.last.fail()
    connection.reconnect()
    assert.equal(connection.state, "connecting")
    assert.equal(connection.retryAtMs, null)

    sockets.last.greet()
    connection.reconnect()

    assert.equal(connection.state, "open")
    assert.equal(sockets.made.length, 2)
  })

  test("close is for good", async () => {
    connect()
    const waiting = outcome(connection.connected)
    connection.close()
    await settle()

    connection.reconnect()
    connection.cut()
    connection.useTransport("post")
    connection.close()
    sockets.last.greet()
    clock.advance(3_600_000)
    await settle()

    assert.deepEqual(states, ["connecting > closed: the connection was closed"])
    assert.equal(waiting.is, "not-connected")
    await assert.rejects(connection.connected, NotConnected)
    await assert.rejects(connection.request({ key: "a" }), NotConnected)
    assert.deepEqual([sockets.made.length, posts.made.length], [1, 0])
  })

  test("that a connection was closed is no error of one who asked for the line and went away", async () => {
    connect()
    void connection.connected

    connection.close()
    await settle()

    assert.equal(connection.state, "closed")
  })

  test("what a callback does to the connection while it is told is done in order", () => {
    connect({ transport: "websocket" })
    let closed = false
    connection.onStateChange((state) => {
      if (state === "open") connection.cut()
      else if (state === "waiting" && !closed) connection.reconnect()
      if (sockets.made.length === 5 && !closed) {
        closed = true
        connection.close()
      }
    })

    for (let turn = 0; turn < 5; turn++) sockets.last.greet()

    assert.equal(connection.state, "closed")
    assert.equal(sockets.made.length, 5)
  })
})

/** A window's events, where there is no window. */
function pretendWindow(): EventTarget & { listeners: number; end: () => void } {
  class Window extends EventTarget {
    listeners = 0
    override addEventListener(type: string, listener: EventListener, options: AddEventListenerOptions): void {
      this.listeners++
      super.addEventListener(type, listener, options)
      options.signal?.addEventListener("abort", () => this.listeners--)
    }
    end(): void {
      Reflect.deleteProperty(globalThis, "addEventListener")
    }
  }
  const window = new Window()
  const value = window.addEventListener.bind(window)
  Object.defineProperty(globalThis, "addEventListener", { value, configurable: true })
  return window
}
