/** The connection against the real Python server: each test on a server process, and time as it is. */

import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { after, before, suite, test } from "node:test"
import WebSocket from "ws"
import {
  type AnyTuple,
  type Clock,
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

/** Time that goes as fast as it is told to; the timers there are keep to it within milliseconds. */
class FastClock implements Clock {
  #speed = 1
  #base = 0
  #since = performance.now()
  readonly #timers = new Map<object, { at: number; callback: () => void; handle?: NodeJS.Timeout }>()

  now(): number {
    return this.#base + (performance.now() - this.#since) * this.#speed
  }

  set speed(speed: number) {
    this.#base = this.now()
    this.#since = performance.now()
    this.#speed = speed
    for (const timer of this.#timers.keys()) this.#set(timer)
  }

  #set(timer: object): void {
    const entry = this.#timers.get(timer)
    if (!entry) return
    clearTimeout(entry.handle)
    const delay = Math.min(1e9, Math.max(0, entry.at - this.now()) / this.#speed)
    entry.handle = setTimeout(() => {
      this.#timers.delete(timer)
      entry.callback()
    }, delay)
  }

  setTimer(callback: () => void, ms: number): unknown {
    const timer = {}
    this.#timers.set(timer, { at: this.now() + ms, callback })
    this.#set(timer)
    return timer
  }

  clearTimer(timer: unknown): void {
    clearTimeout(this.#timers.get(timer as object)?.handle)
    this.#timers.delete(timer as object)
  }
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

const ALL = ["websocket", "post", "sse", "poll"] satisfies TransportKind[]

for (const transport of ALL)
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

    test("after kill -9 the page is back by itself, and what was asked meanwhile is answered", async () => {
      const states: string[] = []
      const resets: string[] = []
      const end = connection.onStateChange((state) => states.push(state))
      connection.addEventListener("reset", ({ detail }) => resets.push(detail.reason))
      const { reconnects } = connection
      await connection.request({ key: "test.echo" })
      const oldServer = connection.peer?.uuid

      await server.kill()
      await isState(connection, "waiting")
      const meanwhile = connection.request({ key: "test.echo" }, { tuples: [note("meanwhile")] })
      const back = connection.connected
      await server.start()
      await back

      assert.deepEqual(texts(await meanwhile), ["meanwhile"])
      assert.notEqual(connection.peer?.uuid, oldServer)
      assert.equal(connection.reconnects, reconnects + 1)
      assert.equal(connection.transport, transport)
      assert.equal(resets.length, 1)
      end()
      assert.equal(states[0], "waiting")
      assert.equal(states.at(-1), "open")
    })

    test("a line that is cut in the middle of an answer has the rest on the next", async () => {
      const proxy = await new Proxy(server.port).start()
      const through = connect({ transport }, proxy.url)
      let resumes = 0
      through.addEventListener("resumed", () => resumes++)
      await through.connected
      const text = randomBytes(200_000).toString("hex")
      for (const allowance of [100, 1_000, 50_000, 100_000]) {
        proxy.allowance = allowance
        const asked = through.request({ key: "test.echo" }, { tuples: [note(text)] })
        await isState(through, "waiting")
        proxy.allowance = Infinity

        assert.deepEqual(texts(await asked), [text])
      }
      assert.equal(resumes, 4)
      assert.equal(through.resets, 0)
      through.close()
      await proxy.stop()
    })

    test("a line that takes everything and gives nothing is found out, and what was asked is answered", async () => {
      const proxy = await new Proxy(server.port).start()
      const clock = new FastClock()
      const through = connect({ transport, clock }, proxy.url)
      await through.connected
      proxy.silent = true

      const asked = through.request({ key: "test.echo" }, { tuples: [note("after all")], timeout: 1e9 })
      clock.speed = 1_000
      await isState(through, "waiting")
      clock.speed = 1
      proxy.silent = false

      assert.deepEqual(texts(await asked), ["after all"])
      assert.equal(through.resets, 0)
      through.close()
      await proxy.stop()
    })
  })

suite("a live session", () => {
  /** Wait until *connection* is carried by *kind*. */
  const carriedBy = async (connection: VortexConnection, kind: TransportKind): Promise<void> => {
    while (connection.transport !== kind || connection.state !== "open")
      await new Promise<void>((resolve) => {
        const end = connection.onStateChange(() => {
          end()
          resolve()
        })
      })
  }

  test("moves 200 times, in the middle of bursts both ways, and nothing is lost or comes twice", async () => {
    const connection = connect({ transport: "websocket", name: "moving" })
    const problems: unknown[] = []
    connection.addEventListener("error", (event) => {
      event.preventDefault()
      problems.push(event.detail)
    })
    await connection.connected
    const heard: number[] = []
    connection.listen({ key: "test.counted" }, ({ tuples }) => {
      heard.push(...(tuples as Note[]).map(({ text }) => Number(text)))
    })
    const echoed: Promise<string[]>[] = []
    let sent = 0
    for (let move = 0; move < 200; move++) {
      const kind = ALL[(move + 1) % ALL.length] ?? "websocket"
      for (let count = 0; count < 3; count++) {
        void connection.send(new Payload({ key: "test.count" }, [note(String(sent++))]))
        echoed.push(connection.request({ key: "test.echo" }, { tuples: [note(`echo ${move}.${count}`)] }).then(texts)) // prettier-ignore
      }
      connection.useTransport(kind)
      for (let count = 0; count < 3; count++)
        void connection.send(new Payload({ key: "test.count" }, [note(String(sent++))]))
      await carriedBy(connection, kind)
    }
    const answers = (await Promise.all(echoed)).flat()
    const counted = await connection.request({ key: "test.counted?" })

    const numbers = Array.from({ length: sent }, (_, number) => number)
    assert.deepEqual(texts(counted).map(Number), numbers)
    assert.deepEqual(heard, numbers)
    assert.deepEqual(
      answers,
      Array.from({ length: 600 }, (_, n) => `echo ${Math.floor(n / 3)}.${n % 3}`),
    )
    assert.deepEqual([connection.resets, connection.resumes, connection.reconnects], [0, 200, 0])
    assert.deepEqual(problems, [])
    connection.close()
  })

  test("is one peer to the server, wherever it moves", async () => {
    const connection = connect({ transport: "post", name: "the mover" })
    await connection.connected
    for (const kind of ["websocket", "poll", "sse", "post"] as const) {
      connection.useTransport(kind)
      await carriedBy(connection, kind)
      const there = texts(await connection.request({ key: "test.peers" }))
      assert.equal(there.filter((peer) => peer.startsWith("the mover ")).length, 1, there.join())
    }
    connection.close()
  })

  test("that is closed is forgotten by the server", async () => {
    const watching = connect({ transport: "websocket", name: "watching" })
    for (const transport of ALL) {
      const connection = connect({ transport, name: `leaving ${transport}` })
      await connection.request({ key: "test.echo" })
      connection.close()
      const isThere = async (): Promise<boolean> =>
        texts(await watching.request({ key: "test.peers" })).some((peer) => peer.startsWith("leaving "))
      const deadline = performance.now() + 5_000
      while ((await isThere()) && performance.now() < deadline);
      assert.equal(await isThere(), false, transport)
    }
    watching.close()
  })

  test("whose caller waits no more is cancelled at the server", async () => {
    const connection = connect({ transport: "websocket" })
    const stop = new AbortController()
    const asked = codeOf(connection.request({ key: "test.slow" }, { signal: stop.signal }))
    await connection.request({ key: "test.echo" })
    stop.abort(new Error("enough"))
    await asked
    await connection.request({ key: "test.release" })
    connection.close()
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
