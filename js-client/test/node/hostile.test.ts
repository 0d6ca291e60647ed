/** What a broken or hostile server may do to a connection, and what a connection leaves behind. */

import assert from "node:assert/strict"
import { afterEach, beforeEach, suite, test } from "node:test"
import { deflateSync } from "node:zlib"
import { type TransportKind, VortexConnection } from "../../src/index.ts"
import { vectorFiles } from "../files.ts"
import { mutatedFrames, numbers, seeds } from "../protocol/mutations.ts"
import { FakePosts, FakeSockets, VirtualClock, settle, until } from "../transports/fakes.ts"
import { KINDS, data, frame, message, varint, welcome } from "../wire.ts"

const ROUNDS = { websocket: 10_000, post: 500, sse: 500, poll: 500 }
const SEEDS = await seeds(vectorFiles())

let clock: VirtualClock
let sockets: FakeSockets
let posts: FakePosts
let connection: VortexConnection
let errors: number
const escaped: unknown[] = []
const escape = (error: unknown): void => void escaped.push(error)

beforeEach(() => {
  clock = new VirtualClock()
  sockets = new FakeSockets()
  posts = new FakePosts()
  errors = 0
  process.on("unhandledRejection", escape)
  process.on("uncaughtException", escape)
})

afterEach(async () => {
  connection.close()
  await settle()
  process.off("unhandledRejection", escape)
  process.off("uncaughtException", escape)
  assert.deepEqual(escaped.splice(0), [], "nothing escapes")
  assert.deepEqual([clock.timers.size, sockets.open, posts.open], [0, 0, 0], "nothing is left")
})

function connect(transport: TransportKind): VortexConnection {
  connection = new VortexConnection("http://host/vortex", {
    transport,
    clock,
    WebSocket: sockets.Socket,
    fetch: posts.fetch,
    limits: { maxFrame: 20_000, maxInflated: 100_000, maxNodes: 5_000 },
  })
  connection.addEventListener("error", (event) => {
    event.preventDefault()
    errors++
  })
  return connection
}

suite("mutated frames", () => {
  for (const transport of ["websocket", "post", "sse", "poll"] as const)
    test(`${ROUNDS[transport]} by ${transport}: the connection is open or on its way back, and still works`, async () => {
      connect(transport)
      const random = numbers(42)
      let heard = 0
      let lost = 0
      let next = 1
      connection.listen({ key: "k" }, () => heard++)
      connection.addEventListener("state", ({ detail }) => (lost += detail.state === "waiting" ? 1 : 0))
      const isSse = transport === "sse"
      const type = isSse ? "text/event-stream" : "application/vnd.vortex"
      const write = (bytes: Uint8Array): void => {
        if (transport === "websocket") sockets.last.receive(bytes)
        else if (posts.held.isOpen)
          posts.held.write(isSse ? `data: ${Buffer.from(bytes).toString("base64")}\n\n` : bytes)
      }
      posts.onMade = (post) => {
        if (post.first.kind === "SEND") post.take(0)
      }
      const open = async (): Promise<void> => {
        while (connection.state !== "open") {
          if (connection.state === "waiting") connection.reconnect()
          await settle()
          if (transport === "websocket") sockets.last.accept()
          else posts.held.head(200, { "Content-Type": type })
          next = 1
          write(welcome({ session: String(random(1e9)) }))
          await settle()
        }
      }

      let round = 0
      for (const bytes of mutatedFrames(SEEDS, ROUNDS[transport], () => next, 7)) {
        if (round++ % 10 === 0 || connection.state !== "open") await open()
        write(bytes)
        if (transport !== "websocket") await settle()
        const kind = bytes[bytes.findIndex((byte) => byte < 128) + 1]
        if (kind === KINDS.DATA || kind === KINDS.REPLY) next++
      }
      await open()
      connection.cut()
      connection.reconnect()
      await settle()
      await open()

      let last = false
      connection.listen({ key: "last" }, () => (last = true))
      write(data(1, { f: { key: "last" } }))
      await until(() => last)
      assert.equal(connection.state, "open")
      assert.ok(errors > ROUNDS[transport] / 20, `${errors} errors were told`)
      assert.ok(heard > ROUNDS[transport] / 100, `${heard} were still messages`)
      assert.equal(Object.keys(Object.prototype).length, 0)
      assert.ok(lost > ROUNDS[transport] / 100, `${lost} lines were lost`)
    })
})

suite("answers that are none", () => {
  const lastReason = (): { is: string | null } => {
    const found: { is: string | null } = { is: null }
    connection.addEventListener("state", ({ detail }) => (found.is = detail.reason ?? found.is))
    return found
  }

  test("a page of a login, with 200, on every attempt", async () => {
    connect("post")
    const reason = lastReason()
    for (let attempt = 0; attempt < 20; attempt++) {
      await settle()
      posts.last.head(200, { "Content-Type": "text/html; charset=utf-8" })
      posts.last.write("<!doctype html><title>Sign in</title><p>Who are you? Really.</p>")
      posts.last.end()
      await settle()
      assert.equal(connection.state, "waiting")
      assert.match(
        reason.is ?? "",
        /^200: expected a vortex, got text\/html; charset=utf-8: is there a login/,
      )
      connection.reconnect()
    }
    assert.equal(errors, 0)
  })

  test("a page that says it is none", async () => {
    connect("post")
    const reason = lastReason()
    await settle()
    posts.last.head()
    posts.last.write("<!doctype html><title>Sign in</title><p>Who are you? Really.</p>")
    await settle()

    assert.equal(connection.state, "waiting")
    assert.match(reason.is ?? "", /^expected a vortex's WELCOME/)
  })

  test("a WELCOME that is none", () => {
    connect("websocket")
    const reason = lastReason()
    for (const text of ["{", "[]", '{"outcome":"new"}', '{"__proto__":{"outcome":"new"}}']) {
      sockets.last.accept()
      sockets.last.receive(frame(KINDS.WELCOME, Buffer.from(text)))
      assert.equal(connection.state, "waiting")
      assert.match(reason.is ?? "", /^expected (JSON|an object|a vortex's WELCOME)/)
      connection.reconnect()
    }
  })

  test("a frame without an end", async () => {
    connect("post")
    const reason = lastReason()
    await settle()
    posts.held.greet()
    posts.held.write(Uint8Array.of(0xff, 0xff, 0x7f))
    await settle()

    assert.equal(connection.state, "waiting")
    assert.match(reason.is ?? "", /maxFrame/)
  })

  test("an event without an end", async () => {
    connect("sse")
    const reason = lastReason()
    await settle()
    posts.held.head(200, { "Content-Type": "text/event-stream" })
    posts.held.write(`data: ${Buffer.from(welcome()).toString("base64")}\n\n`)
    for (let chunk = 0; chunk < 300 && posts.held.isOpen; chunk++) {
      posts.held.write("data: AAAA\n".repeat(100))
      await settle()
    }

    assert.equal(connection.state, "waiting")
    assert.match(reason.is ?? "", /maxFrame/)
  })

  test("an error's text without an end", async () => {
    connect("post")
    const reason = lastReason()
    await settle()
    posts.last.head(500)
    for (let chunk = 0; chunk < 10 && posts.last.isOpen; chunk++) posts.last.write("no ".repeat(100))
    await settle()

    assert.match(reason.is ?? "", /^500: (no )+/)
    assert.ok((reason.is ?? "").length < 400)
  })

  test("what is no UTF-8, and what is no base64", async () => {
    connect("websocket")
    sockets.last.greet()
    sockets.last.receive(frame(KINDS.DATA, varint(1), [0, 2, 0xff, 0xfe]))
    assert.deepEqual([connection.state, errors], ["open", 1])
    connection.close()
    connect("sse")
    await settle()
    posts.held.head(200, { "Content-Type": "text/event-stream" })
    posts.held.write("data: ***\n\n")
    await settle()

    assert.equal(connection.state, "waiting")
  })

  test("text, and what is nothing at all", () => {
    connect("websocket")
    for (const bytes of ["{}", new Uint32Array(8), new Blob(["{}"]), null, 5, { toString: 5 }]) {
      sockets.last.greet({ session: "s", outcome: "new" })
      sockets.last.receive(bytes)
      assert.equal(connection.state, "waiting")
      connection.reconnect()
    }
  })

  test("a body that inflates to more than may be is told to who asked, and nothing else is lost", async () => {
    connect("websocket")
    sockets.last.greet()
    const request = connection.request({ key: "test" })
    await settle()
    sockets.last.reply(1, { flags: 7, body: deflateSync(`[{"v":["${"x".repeat(200_000)}"]}]`) })

    await assert.rejects(request, { code: "limit-exceeded" })
    assert.equal(connection.state, "open")
  })

  test("a broken body behind one that takes long, on a line that is left at once", async () => {
    connect("websocket")
    sockets.last.greet()
    connection.listen({ key: "test" }, () => undefined)
    sockets.last.push({
      flags: 6,
      f: { key: "test" },
      body: deflateSync(`[{"v":["${"y".repeat(90_000)}"]}]`),
    })
    sockets.last.push({ flags: 6, f: { key: "test" }, body: Uint8Array.of(0x78, 0x9c, 0, 0) })
    connection.cut()
    await until(() => errors === 1)

    assert.equal(connection.state, "waiting")
  })

  test("__proto__ as a key, a field and a type reaches no prototype", async () => {
    connect("websocket")
    sockets.last.greet()
    const heard: unknown[] = []
    connection.listen({ key: "test" }, ({ filt, tuples }) => heard.push(filt, ...tuples))
    const bad = '"__proto__":{"bad":1},"constructor":{"prototype":{"bad":1}}'
    const head = Buffer.from(`{"f":{"key":"test",${bad}},${bad}}`)
    const tuple = `{"_ct":"rt","_c":"__proto__",${bad}}`
    const columns = '{"t":"__proto__","f":["constructor","prototype"],"k":"jj","r":[[{"bad":1},{"bad":1}]]}'
    const body = Buffer.from(`[{"v":[${tuple},{${bad}}]},${columns}]`)
    sockets.last.receive(frame(KINDS.DATA, varint(1), [4], varint(head.length), head, body))
    await until(() => heard.length + errors > 0)

    assert.deepEqual([heard.length, errors], [4, 0])
    assert.equal(({} as { bad?: number }).bad, undefined)
    for (const each of heard) {
      assert.equal((each as { bad?: number }).bad, undefined)
      assert.deepEqual(Object.keys(each as object).filter((key) => key !== "key"), []) // prettier-ignore
    }
    const other = '[{"t":"x","f":["__proto__"],"k":"j","r":[[{"bad":1}]]}]'
    sockets.last.receive(data(2, { f: { key: "test" }, flags: 4, body: Buffer.from(other) }))
    await until(() => errors === 1)
    assert.equal(({} as { bad?: number }).bad, undefined)
  })

  test("a message that nobody can be told of by its number", () => {
    connect("websocket")
    sockets.last.greet()
    sockets.last.receive(frame(KINDS.DATA, varint(2 ** 53 - 1), message({})))

    assert.equal(connection.state, "waiting")
  })
})

suite("what is left behind", () => {
  test("1,000 lines that were cut: no timer, no socket, no listener", async () => {
    connect("websocket")
    for (let count = 0; count < 1_000; count++) {
      sockets.last.greet()
      const stop = new AbortController()
      const request = connection.request({ key: "test" }, { signal: stop.signal }).catch(() => undefined)
      connection.cut()
      stop.abort()
      await request
      assert.equal(sockets.open, 0)
      assert.equal(clock.timers.size, 0)
      connection.reconnect()
    }
    assert.equal(connection.reconnects, 999)
  })

  test("1,000 held POSTs that were cut: no timer, no request, no listener on a signal", async () => {
    connect("post")
    const { signal } = new AbortController()
    let listeners = 0
    const counted = new Proxy(signal, {
      get: (target, name) => {
        if (name === "addEventListener") listeners++
        if (name === "removeEventListener") listeners--
        const value: unknown = Reflect.get(target, name)
        return typeof value === "function" ? (value.bind(target) as unknown) : value
      },
    })
    for (let count = 0; count < 1_000; count++) {
      await settle()
      posts.held.greet()
      await connection.connected
      const request = connection.request({ key: "test" }, { signal: counted, timeout: 50 })
      const told = request.catch((error: unknown) => (error as { code: string }).code)
      if (count % 3 === 0) connection.cut()
      await settle()
      if (count % 3 === 1) posts.held.fail()
      clock.advance(50)
      assert.equal(await told, "timeout")
      connection.cut()
      assert.equal(clock.timers.size, 0)
      assert.equal(posts.open, 0)
      connection.reconnect()
    }
    assert.equal(connection.reconnects, 999)
    assert.equal(listeners, 0)
  })
})
