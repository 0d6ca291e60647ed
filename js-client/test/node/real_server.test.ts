/** The connection against the real Python server: each test on a server process, and time as it is. */

import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { after, before, suite, test } from "node:test"
import WebSocket from "ws"
import {
  type AnyTuple,
  type ConnectionOptions,
  Payload,
  type TransportKind,
  Tuple,
  VortexConnection,
  type VortexError,
} from "../../src/index.ts"
import { Proxy, PythonServer } from "./server.ts"

interface Note extends Tuple {
  text: string
}
const note = (text: string): Tuple => new Tuple("test.Note", { text })
const texts = ({ tuples }: Payload): string[] => (tuples as Note[]).map(({ text }) => text)

const server = new PythonServer()
const connections: VortexConnection[] = []

function connect(options: ConnectionOptions, url = server.url): VortexConnection {
  const connection = new VortexConnection(url, { WebSocket, firstDelayMs: 20, maxDelayMs: 200, ...options })
  connections.push(connection)
  return connection
}

async function isState(connection: VortexConnection, wanted: string): Promise<void> {
  if (connection.state !== wanted)
    await new Promise<void>((resolve) => {
      const end = connection.onStateChange((state) => {
        if (state !== wanted) return
        end()
        resolve()
      })
    })
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "ok",
    (error: unknown) => (error as VortexError).code,
  )

before(() => server.start())
after(async () => {
  for (const connection of connections) connection.close()
  await server.remove()
})

for (const transport of ["websocket", "post"] satisfies TransportKind[])
  suite(`by ${transport}`, () => {
    let connection: VortexConnection
    before(async () => {
      connection = connect({ transport, name: `page by ${transport}` })
      await connection.connected
    })
    after(() => {
      connection.close()
    })

    test("both ends know each other", async () => {
      assert.equal(connection.peer?.name, "test-server")
      const there = texts(await connection.request({ key: "test.peers" }))
      assert.ok(there.includes(`page by ${transport} ${transport}`), there.join())
    })

    test("a request is answered with what the server makes of it", async () => {
      const text = "Zoë, 大 and 🦡"
      assert.deepEqual(texts(await connection.request({ key: "test.echo" }, { tuples: [note(text)] })), [
        text,
      ])
    })

    test("a model answers", async () => {
      assert.deepEqual(texts(await connection.request({ key: "test.model" })), ["a model's row"])
    })

    test("an error has the server's code; what it keeps to itself has none of its text", async () => {
      await assert.rejects(connection.request({ key: "test.refuse" }), {
        name: "RemoteError",
        code: "closed-today",
        message: "not on a Sunday",
      })
      await assert.rejects(connection.request({ key: "test.fail" }), {
        code: "internal",
        message: /^[0-9a-f]{8}$/,
      })
    })

    test("rows are created, changed, loaded and deleted in the database", async () => {
      const rows = { key: "test.rows" }
      const titles = async (): Promise<unknown[]> =>
        ((await connection.request(rows)).tuples as AnyTuple[]).map(({ title }) => title)
      assert.deepEqual(await titles(), [])
      const stored = await connection.request(rows, { tuples: [new Tuple("test.Row", { title: "one" })] })
      const row = stored.tuples[0] as AnyTuple
      assert.equal(typeof row["id"], "number")
      await connection.request(rows, { tuples: [new Tuple("test.Row", { id: row["id"], title: "two" })] })
      assert.deepEqual(await titles(), ["two"])
      await connection.request({ ...rows, delete: true }, { tuples: [row] })
      assert.deepEqual(await titles(), [])
    })

    test("a hundred pushes come in order, whatever their size", async () => {
      const heard: string[] = []
      const controller = new AbortController()
      const all = new Promise<void>((resolve) =>
        connection.listen(
          { key: "test.pushed" },
          ({ tuples }) => {
            heard.push((tuples[0] as Note).text.split(":")[0] ?? "")
            if (heard.length === 100) resolve()
          },
          { signal: controller.signal },
        ),
      )
      await connection.send(new Payload({ key: "test.push", count: 50, size: 20_000 }))
      await connection.send(new Payload({ key: "test.push", count: 50, size: 1 }))
      await all
      controller.abort()

      const numbers = Array.from({ length: 50 }, (_, number) => String(number))
      assert.deepEqual(heard, [...numbers, ...numbers])
    })

    test("a hundred requests at once are all answered, each with its own", async () => {
      const asked = Array.from({ length: 100 }, (_, n) => `${n} ${randomBytes(n * 20).toString("hex")}`)
      const answers = await Promise.all(
        asked.map((text) => connection.request({ key: "test.echo" }, { tuples: [note(text)] })),
      )

      assert.deepEqual(answers.map(texts).flat(), asked)
    })

    test("a message of a megabyte goes there and comes back", async () => {
      const text = randomBytes(500_000).toString("hex")
      assert.deepEqual(texts(await connection.request({ key: "test.echo" }, { tuples: [note(text)] })), [
        text,
      ])
    })

    test("a ping takes some milliseconds", async () => {
      const took = await connection.ping()
      assert.ok(took > 0 && took < 1_000, `${took} ms`)
    })

    test("a request without an answer times out, the others do not", async () => {
      const never = codeOf(connection.request({ key: "test.never" }, { timeout: 60 }))
      const slow = connection.request({ key: "test.slow" })
      assert.equal(await never, "timeout")
      assert.deepEqual(texts(await connection.request({ key: "test.release" })), ["1"])
      assert.deepEqual(texts(await slow), ["at last"])
    })

    test("after kill -9 what waits is told once, and the page is back by itself", async () => {
      const states: string[] = []
      const end = connection.onStateChange((state) => states.push(state))
      const reconnects = connection.reconnects
      let told = 0
      const waiting = ["a", "b", "c"].map((name) =>
        codeOf(connection.request({ key: "test.never", name })).finally(() => told++),
      )
      await connection.request({ key: "test.echo" })
      const oldServer = connection.peer?.uuid

      await server.kill()
      assert.deepEqual(await Promise.all(waiting), ["connection-lost", "connection-lost", "connection-lost"])
      assert.equal(await codeOf(connection.request({ key: "test.echo" })), "not-connected")
      assert.notEqual(connection.state, "open")
      const back = connection.connected
      await server.start()
      await back

      assert.deepEqual(texts(await connection.request({ key: "test.echo" }, { tuples: [note("back")] })), [
        "back",
      ])
      assert.notEqual(connection.peer?.uuid, oldServer)
      assert.equal(connection.reconnects, reconnects + 1)
      assert.equal(told, 3)
      assert.equal(connection.transport, transport)
      end()
      assert.equal(states[0], "waiting")
      assert.equal(states.at(-1), "open")
    })

    test("a line that is cut in the middle of an answer gives it to nobody, and comes back", async () => {
      const proxy = await new Proxy(server.port).start()
      const through = connect({ transport }, proxy.url)
      await through.connected
      const text = randomBytes(200_000).toString("hex")
      proxy.allowance = 100_000

      const code = await codeOf(through.request({ key: "test.echo" }, { tuples: [note(text)] }))

      assert.equal(code, "connection-lost")
      proxy.allowance = Infinity
      await through.connected
      assert.deepEqual(texts(await through.request({ key: "test.echo" }, { tuples: [note("whole")] })), [
        "whole",
      ])
      through.close()
      await proxy.stop()
    })

    test("a line that takes everything and gives nothing is found out", async () => {
      const proxy = await new Proxy(server.port).start()
      const through = connect({ transport, limits: { silenceMs: 300 } }, proxy.url)
      await through.connected
      proxy.silent = true

      const code = await codeOf(through.request({ key: "test.echo" }))

      assert.equal(code, "connection-lost")
      proxy.silent = false
      await through.connected
      through.close()
      await proxy.stop()
    })

    test("going over to the other transport leaves one peer that is heard", async () => {
      const other = transport === "post" ? "websocket" : "post"
      const moving = connect({ transport, name: "moving" })
      await moving.connected
      for (const kind of [other, transport, other] as const) {
        moving.useTransport(kind)
        await moving.connected
        assert.equal(moving.transport, kind)
        assert.deepEqual(texts(await moving.request({ key: "test.echo" }, { tuples: [note(kind)] })), [kind])
      }
      moving.close()
    })
  })

test("auto falls back to POST where WebSockets are not let through, and stays there", async () => {
  const connection = connect({
    WebSocket: class extends WebSocket {
      constructor(url: string) {
        super(url.replace("/vortex", "/no-such-path"))
      }
    },
  })
  await connection.connected
  assert.equal(connection.transport, "post")
  connection.cut()
  connection.reconnect()
  await connection.connected
  assert.equal(connection.transport, "post")
  connection.close()
})

test("a server that lets nobody in says why", async () => {
  // The server takes a request that was forwarded for one from elsewhere.
  const connection = connect({
    transport: "post",
    fetch: (url, init) => fetch(url, { ...init, headers: { "X-Forwarded-For": "203.0.113.5" } }),
  })
  const reason = await new Promise<string | null>((resolve) => {
    connection.addEventListener("state", ({ detail }) => {
      resolve(detail.reason)
    })
  })
  connection.close()

  assert.match(reason ?? "", /^403: this vortex serves programs on its own machine only.*anonymous=True/)
})

test("a hundred connections that are closed leave nothing that keeps the process alive", async () => {
  const several = Array.from({ length: 100 }, (_, n) => connect({ transport: n % 2 ? "post" : "websocket" }))
  await Promise.all(several.map(({ connected }) => connected))
  for (const connection of several) connection.close()
  await isState(several[0] ?? connect({}), "closed")

  const left = (): number =>
    process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length
  const deadline = performance.now() + 5_000
  while (left() > 0 && performance.now() < deadline) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(left(), 0)
})
