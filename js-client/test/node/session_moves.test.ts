/** What a connection makes of its session: moves, ends, and what it tells of them. */

import assert from "node:assert/strict"
import { afterEach, beforeEach, suite, test } from "node:test"
import { type ConnectionOptions, Payload, VortexConnection, type VortexError } from "../../src/index.ts"
import { FakePosts, FakeSockets, VirtualClock, settle } from "../transports/fakes.ts"
import { ack, close } from "../wire.ts"

let clock: VirtualClock
let sockets: FakeSockets
let posts: FakePosts
let connection: VortexConnection
let told: string[]
let errors: VortexError[]

function connect(options: ConnectionOptions = {}): void {
  connection = new VortexConnection("http://host/vortex", {
    clock,
    WebSocket: sockets.Socket,
    fetch: posts.fetch,
    random: () => 0.5,
    ...options,
  })
  const itsTold = told
  connection.addEventListener("state", ({ detail }) =>
    itsTold.push([detail.state, detail.transport].filter(Boolean).join(" ")),
  )
  connection.addEventListener("resumed", ({ detail: { replayed, afterMs } }) =>
    itsTold.push(`resumed ${replayed} after ${afterMs}`),
  )
  connection.addEventListener("reset", ({ detail: { reason } }) => itsTold.push(`reset ${reason}`))
  connection.addEventListener("expired", () => itsTold.push("expired"))
  connection.addEventListener("error", (event) => {
    event.preventDefault()
    errors.push(event.detail)
  })
}

/** The connection's state, and what carries it. */
const where = (): string => `${connection.state} ${String(connection.transport)}`

beforeEach(() => {
  clock = new VirtualClock()
  sockets = new FakeSockets()
  posts = new FakePosts()
  posts.session = sockets.session
  told = []
  errors = []
})

afterEach(async () => {
  connection.close()
  await settle()
  assert.equal(clock.timers.size, 0, "no timer is left")
  assert.equal(sockets.open, 0, "no WebSocket is left")
  assert.equal(posts.open, 0, "no request is left")
})

suite("what is told", () => {
  beforeEach(() => {
    connect({ transport: "websocket" })
    sockets.last.greet()
    told.length = 0
  })

  test("a session that goes on: how much is written again, and how long nothing carried it", async () => {
    for (const key of ["a", "b"]) await connection.send(new Payload({ key }))
    sockets.last.fail()
    clock.advance(125)
    clock.advance(500)
    sockets.last.greet({ outcome: "resumed", n: 3 })

    assert.deepEqual(told, ["waiting", "connecting websocket", "resumed 2 after 625", "open websocket"])
    assert.deepEqual([connection.resumes, connection.resets, connection.reconnects], [1, 0, 1])
  })

  test("another session in its place, and why", () => {
    for (const reason of ["unknown", "expired"]) {
      sockets.last.fail()
      connection.reconnect()
      told.length = 0
      sockets.last.greet({ outcome: "reset", reason, session: reason })
      assert.deepEqual(told, [
        ...(reason === "expired" ? ["expired"] : []),
        `reset ${reason}`,
        "open websocket",
      ])
    }
    assert.deepEqual([connection.resumes, connection.resets], [0, 2])
  })

  test("an end that the server has put to it is a reset, with the server's code", () => {
    sockets.last.receive(close("revoked", false))
    assert.equal(connection.state, "waiting")
    connection.reconnect()
    sockets.last.greet({ session: "another" })

    assert.deepEqual(told.slice(-2), ["reset revoked", "open websocket"])
  })

  test("whoever leaves while it is told hears no more", () => {
    connection.onReset(() => {
      connection.close()
    })
    sockets.last.fail()
    connection.reconnect()
    sockets.last.greet({ outcome: "reset", reason: "auth", session: "another" })

    assert.deepEqual(told.slice(-2), ["reset auth", "closed"])
  })

  test("the first line tells of nothing but itself", () => {
    connection.close()
    told.length = 0
    connect()
    sockets.last.greet()

    assert.deepEqual(told, ["open websocket"])
  })

  test("close has the server forget the session, behind what was sent", async () => {
    await connection.send(new Payload({ key: "last" }))
    connection.close()

    assert.deepEqual(sockets.last.told, ["HELLO", "ACK 0 0", "ACTION 1 1 0 last", "CLOSE"])
  })
})

suite("a live session moves", () => {
  beforeEach(() => {
    connect({ transport: "websocket" })
    sockets.last.greet()
    told.length = 0
  })

  test("and is carried by the old one until the new one has taken over", async () => {
    const [socket] = sockets.made
    connection.useTransport("post")
    await settle()
    assert.equal(posts.held.via, "stream")
    assert.equal(where(), "open websocket")
    await connection.send(new Payload({ key: "meanwhile" }))
    assert.equal(socket?.told.at(-1), "ACTION 1 1 0 meanwhile")

    posts.held.greet({ outcome: "resumed", token: "t2" })
    await settle()

    assert.equal(where(), "open post")
    assert.equal(sockets.open, 0)
    assert.deepEqual(told, ["resumed 1 after 0", "open post"])
    assert.deepEqual(
      posts.sends.map((post) => post.told),
      [["SEND", "ACK 0 0", "ACTION 1 1 0 meanwhile"]],
    )
    assert.equal(connection.reconnects, 0)
  })

  test("and what the old one still brings is taken once, or not at all", async () => {
    const heard: unknown[] = []
    const { session } = sockets
    connection.listen({ key: "k" }, ({ filt }) => heard.push(filt["n"]))
    const [one, two, three] = [1, 2, 3].map((n) => session.push({ f: { key: "k", n } }))
    connection.useTransport("post")
    await settle()
    sockets.last.receive(one)
    posts.held.greet({ outcome: "resumed", token: "t2" })
    posts.held.write(one ?? "", two ?? "")
    await settle()
    sockets.last.receive(two, three)
    posts.held.write(three ?? "")
    await settle()

    assert.deepEqual(heard, [1, 2, 3])
  })

  test("and stays where it is if the other cannot be opened, which is told", async () => {
    connection.useTransport("sse")
    await settle()
    posts.held.fail(new TypeError("no way through"))
    await settle()

    assert.equal(where(), "open websocket")
    assert.deepEqual(told, [])
    assert.deepEqual(
      errors.map(({ message }) => message),
      ["the line did not go over to sse: no way through"],
    )
  })

  test("and stays if that is asked for before the other has taken over", async () => {
    connection.useTransport("post")
    await settle()
    connection.useTransport("websocket")

    assert.equal(posts.open, 0)
    assert.equal(where(), "open websocket")
  })

  test("although the old one is gone before the new one is there", async () => {
    connection.useTransport("post")
    await settle()
    sockets.last.fail()
    assert.equal(connection.state, "open")
    clock.advance(400)
    posts.held.greet({ outcome: "resumed", token: "t2" })
    await settle()

    assert.deepEqual(told, ["resumed 0 after 400", "open post"])
  })

  test("and waits like any when both are gone", async () => {
    connection.useTransport("post")
    await settle()
    sockets.last.fail()
    posts.held.fail()
    await settle()

    assert.equal(connection.state, "waiting")
    clock.advance(125)
    await settle()
    posts.held.greet({ outcome: "resumed", token: "t2" })
    await settle()
    assert.equal(where(), "open post")
  })

  for (const transport of ["post", "sse", "poll"] as const)
    test(`to ${transport} and back, with requests under way`, async () => {
      const held: Record<string, string> = { post: "stream", sse: "sse", poll: "poll" }
      const first = connection.request({ key: "first" })
      await settle()
      sockets.last.receive(ack(1))
      connection.useTransport(transport)
      await settle()
      assert.equal(posts.held.via, held[transport])
      const answer = (): Uint8Array[] => [
        sockets.session.welcome({ outcome: "resumed", token: "t2", taken: 1, n: 1 }),
        sockets.session.reply(1),
      ]
      const isSse = transport === "sse"
      posts.held.head(200, { "Content-Type": isSse ? "text/event-stream" : "application/vnd.vortex" })
      for (const bytes of answer())
        posts.held.write(isSse ? `data: ${Buffer.from(bytes).toString("base64")}\n\n` : bytes)
      if (transport === "poll") posts.held.end()
      await first
      const second = connection.request({ key: "second" })
      await settle()
      connection.useTransport("websocket")
      await settle()
      sockets.last.greet({ outcome: "resumed", token: "t3", taken: 1 })
      assert.equal(sockets.last.told.at(-1), "ACTION 2 2 30000 second")
      sockets.last.reply(2)
      await second
      assert.equal(where(), "open websocket")
    })
})

suite("what holds back responses", () => {
  beforeEach(async () => {
    connect()
    sockets.last.fail()
    await settle()
  })

  test("is found out after 3 s without a word: then it polls, and stays with that", async () => {
    posts.held.head()
    clock.advance(3_000)
    await settle()

    assert.equal(posts.held.via, "poll")
    assert.equal(posts.held.first.json["wait"], 0)
    posts.held.greet()
    posts.held.end()
    await settle()
    assert.equal(where(), "open poll")
    assert.equal(posts.held.first.json["wait"], 25)
    posts.held.fail()
    await settle()
    clock.advance(125)
    await settle()
    assert.equal(posts.held.via, "poll")
  })

  test("is found out by the third response that ends within 2 s", async () => {
    for (let count = 0; count < 3; count++) {
      assert.equal(posts.held.via, "stream")
      posts.held.greet({ outcome: count ? "resumed" : "new" })
      await settle()
      assert.equal(where(), "open post")
      clock.advance(1_999)
      posts.held.end()
      await settle()
      clock.advance(125)
      await settle()
    }
    assert.equal(posts.held.via, "poll")
  })

  test("is not taken for that where one has lasted longer", async () => {
    for (let count = 0; count < 6; count++) {
      posts.held.greet({ outcome: count ? "resumed" : "new" })
      await settle()
      clock.advance(count % 3 === 2 ? 2_001 : 1_000)
      posts.held.end()
      await settle()
      clock.advance(125)
      await settle()
    }
    assert.equal(posts.held.via, "stream")
  })

  test("is tried again after 5 minutes, while the polls go on; what gets through carries the session", async () => {
    clock.advance(3_000)
    await settle()
    posts.held.greet()
    posts.held.end()
    await settle()
    const poll = posts.held
    const asked = posts.made.length
    const before = sockets.made.length
    for (let second = 0; second < 300; second += 20) {
      clock.advance(20_000)
      posts.held.greet({ outcome: "resumed", token: `t${second}` })
      posts.held.end()
      await settle()
    }
    assert.notEqual(posts.held, poll)
    assert.ok(posts.made.length > asked)
    assert.equal(sockets.made.length, before + 1)
    assert.equal(where(), "open poll")
    sockets.last.fail()
    await settle()
    assert.equal(posts.held.via, "stream")
    posts.held.greet({ outcome: "resumed", token: "last" })
    await settle()

    assert.equal(where(), "open post")
  })
})

suite("a response that is held", () => {
  test("is followed by another before it ends, without a word to the page", async () => {
    posts.onMade = (post) => {
      if (post.first.kind === "SEND") post.take(0)
    }
    connect({ transport: "post" })
    await settle()
    const first = posts.held
    first.greet()
    await settle()
    told.length = 0
    for (let second = 0; second < 300; second += 10) {
      assert.equal(posts.held, first)
      clock.advance(10_000)
      first.write(Uint8Array.of(2, 0x12, 0))
      await settle()
    }
    assert.notEqual(posts.held, first)
    assert.equal(first.isOpen, true)
    posts.held.greet({ outcome: "resumed", token: "t2" })
    await settle()

    assert.equal(first.isOpen, false)
    assert.deepEqual(told, ["resumed 0 after 0"])
  })
})
