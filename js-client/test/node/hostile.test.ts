/** What a broken or hostile server may do to a connection, and what a connection leaves behind. */

import assert from "node:assert/strict"
import { afterEach, beforeEach, suite, test } from "node:test"
import { Payload, VortexConnection } from "../../src/index.ts"
import {
  FakePosts,
  FakeSockets,
  SERVER,
  VirtualClock,
  base64Message,
  rawMessage,
  readSent,
  settle,
  until,
} from "../transports/fakes.ts"

const ROUNDS = 5_000
const NOTE = {
  _ct: "rt",
  _c: "test.Note",
  text: "some text",
  when: { _ft: "datetime", _fd: "2026-01-02 03:04:05" },
}

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

function connect(transport: "websocket" | "post", url = "http://host/vortex"): VortexConnection {
  connection = new VortexConnection(url, {
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

/** Random numbers that are the same at each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const ODD = [
  "__proto__",
  "constructor",
  '"_ft":"int"',
  '"_ct":"rpe"',
  "null",
  "1e999",
  "{",
  "}",
  "[",
  '"',
  "\\u0000",
  ".",
  "=",
  "é",
  "😀",
  "eJw",
  "eyJ",
]

/** *text* with something wrong: bytes changed, cut out, doubled, or something odd put in. */
function mutated(text: string, random: (below: number) => number): string {
  let found = text
  for (let count = random(3); count >= 0; count--) {
    const at = random(found.length + 1)
    const end = at + random(random(4) ? 8 : 400)
    const middle = [
      String.fromCharCode(random(256)),
      "",
      found.slice(at, end).repeat(2),
      ODD[random(ODD.length)] ?? "",
      found.slice(random(found.length), random(found.length)),
    ][random(5)]
    found = found.slice(0, at) + (middle ?? "") + found.slice(end)
  }
  return found
}

suite("mutated frames", () => {
  for (const transport of ["websocket", "post"] as const)
    test(`${ROUNDS} by ${transport}: the connection is open or on its way back, and still works`, async () => {
      connect(transport)
      const random = numbers(transport === "post" ? 7 : 42)
      let heard = 0
      let lost = 0
      connection.listen({ key: "test" }, () => heard++)
      connection.addEventListener("state", ({ detail }) => (lost += detail.state === "waiting" ? 1 : 0))
      const make = transport === "post" ? base64Message : rawMessage
      const receive = (text: string): void => {
        if (transport === "post") posts.last.write(`${text}.`)
        else sockets.last.receive(text)
      }
      const open = async (): Promise<void> => {
        while (connection.state !== "open") {
          if (connection.state === "waiting") connection.reconnect()
          await settle()
          if (transport === "post") posts.last.greet()
          else sockets.last.greet()
          await settle()
        }
      }

      for (let round = 0; round < ROUNDS; round++) {
        if (round % 10 === 0) {
          await settle()
          assert.ok(["open", "waiting", "connecting"].includes(connection.state), connection.state)
          await open()
        }
        const filts = [{ key: "test", n: round }, { key: "test", list: [1, "a", null] }, { ...SERVER }, {}]
        const whole = [make, rawMessage, base64Message][random(3)] ?? make
        const message = whole(filts[random(4)] ?? {}, random(4) ? [NOTE, round] : undefined)
        receive(random(10) ? mutated(message, random) : message)
      }
      await settle()
      await open()

      let last = false
      connection.listen({ key: "test", last: true }, () => (last = true))
      receive(make({ key: "test", last: true }, [NOTE]))
      await until(() => last)
      assert.equal(connection.state, "open")
      assert.ok(errors > 1_000, `${errors} errors were told`)
      assert.ok(heard > 100, `${heard} were still messages`)
      assert.equal(Object.keys(Object.prototype).length, 0)
      assert.ok(lost < ROUNDS / 10, `${lost} lines were lost`)
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
      assert.match(reason.is ?? "", /^200: expected a vortex, got a page/)
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
    assert.match(reason.is ?? "", /^expected a vortex: /)
  })

  test("a body without a dot and without an end", async () => {
    connect("post")
    const reason = lastReason()
    await settle()
    posts.last.greet()
    await settle()
    for (let chunk = 0; chunk < 100 && posts.last.isOpen; chunk++) {
      posts.last.write("A".repeat(1_000))
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

  test("bytes that are no UTF-8", async () => {
    connect("post")
    await settle()
    posts.last.greet()
    await settle()
    posts.last.write(Uint8Array.of(0xff, 0xfe, 0x80, 0x2e, 0xc3, 0x2e))
    await settle()

    assert.equal(connection.state, "open")
    assert.equal(errors, 2)
  })

  test("binary frames, and what is no text at all", () => {
    connect("websocket")
    for (const data of [new ArrayBuffer(8), new Uint8Array(8), new Blob(["{}"]), null, 5, { toString: 5 }]) {
      sockets.last.greet()
      sockets.last.receive(data)
      assert.equal(connection.state, "waiting")
      connection.reconnect()
    }
  })

  test("nothing but junk is left after a hundred frames", () => {
    connect("websocket")
    const reason = lastReason()
    sockets.last.greet()
    for (let count = 0; count < 101; count++) sockets.last.receive("junk")

    assert.equal(connection.state, "waiting")
    assert.equal(errors, 100)
    assert.match(reason.is ?? "", /^101 frames were no messages \(maxMalformed\)$/)
  })

  test("a body that inflates to more than may be is told to who asked, and nothing else is lost", async () => {
    connect("websocket")
    sockets.last.greet()
    const request = connection.request({ key: "test" })
    await settle()
    const { filt } = readSent(sockets.last.messages[0] ?? "")
    sockets.last.receive(rawMessage(filt, ["x".repeat(200_000)]))

    await assert.rejects(request, { code: "limit-exceeded" })
    assert.equal(connection.state, "open")
  })

  test("an era 0 message that is broken behind one that takes long", async () => {
    connect("websocket")
    sockets.last.greet()
    connection.listen({ key: "test" }, () => undefined)
    sockets.last.receive(rawMessage({ key: "test" }, ["y".repeat(90_000)]))
    sockets.last.receive("eJwAAAAA")
    sockets.last.receive("eJz//////w==")
    await until(() => errors === 2)

    assert.equal(connection.state, "open")
  })

  test("a broken era 0 message in the frame of the hello, on a line that is left at once", async () => {
    connect("websocket")
    connection.onStateChange((state) => {
      if (state === "open") connection.cut()
    })
    sockets.last.accept()
    sockets.last.receive(`${base64Message(SERVER)}.eJwAAAAA.`)
    // One that is whole takes at least as long to unpack.
    await Payload.fromVortexMsg(base64Message({}, ["z".repeat(90_000)]))
    await settle()

    assert.equal(connection.state, "waiting")
  })

  test("__proto__ as a key, a field and a type reaches no prototype", async () => {
    connect("websocket")
    sockets.last.greet()
    const heard: unknown[] = []
    connection.listen({ key: "test" }, ({ filt, tuples }) => heard.push(filt, ...tuples))
    const tuple = '{"_ct":"rt","_c":"__proto__","__proto__":{"bad":1},"constructor":{"prototype":{"bad":1}}}'
    const filt = '{"key":"test","__proto__":{"bad":1},"constructor":{"prototype":{"bad":1}}}'
    sockets.last.receive(
      rawMessage({ key: "test" })
        .replace('"filt":{"key":"test"}', `"filt":${filt}`)
        .replace('"data":null', `"data":[${tuple}]`),
    )
    await until(() => heard.length + errors > 0)

    assert.equal(({} as { bad?: number }).bad, undefined)
    for (const each of heard) assert.equal((each as { bad?: number }).bad, undefined)
  })
})

suite("what is left behind", () => {
  test("1,000 lines that were cut: no timer, no socket, no listener", async () => {
    connect("websocket")
    for (let count = 0; count < 1_000; count++) {
      sockets.last.greet()
      const request = connection.request({ key: "test" }).catch(() => undefined)
      connection.cut()
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
    let seen = 0
    for (let count = 0; count < 1_000; count++) {
      while (posts.made.length === seen) await settle()
      seen = posts.made.length
      posts.last.greet()
      await connection.connected
      const request = connection.request({ key: "test" }, { signal: counted }).catch(() => undefined)
      if (count % 3 === 0) connection.cut()
      while (connection.state === "open" && count % 3 === 1 && posts.made.length === seen) await settle()
      posts.last.fail()
      await request
      while (connection.state === "open") await settle()
      connection.cut()
      assert.equal(clock.timers.size, 0)
      assert.equal(posts.open, 0)
      seen = posts.made.length
      connection.reconnect()
    }
    assert.equal(connection.reconnects, 999)
    assert.equal(listeners, 0)
  })
})
