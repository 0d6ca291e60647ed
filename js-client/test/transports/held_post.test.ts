import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { beforeEach, suite, test } from "node:test"
import { openHeldPost } from "../../src/transports/held_post.ts"
import type { FrameTransport } from "../../src/transports/transport.ts"
import { FakePosts, settle } from "./fakes.ts"

const URL_ = new URL("http://host/vortex?vortexUuid=u&vortexName=n")
let posts: FakePosts
let told: string[]
let transport: FrameTransport

function open(maxFrame = 1_000_000): void {
  posts = new FakePosts()
  told = []
  transport = openHeldPost(URL_, posts.fetch, maxFrame, {
    opened: (form) => told.push(`opened ${form}`),
    frame: (text) => told.push(text === "" ? "beat" : text),
    lost: (reason) => told.push(`lost: ${reason}`),
  })
}

/** As it is once the server holds a first POST. */
async function held(maxFrame?: number): Promise<void> {
  open(maxFrame)
  await settle()
  transport.send(["hello"])
  posts.last.head()
  await settle()
  told = []
}

suite("opening", () => {
  beforeEach(() => {
    open()
  })

  test("takes base64 at once, but not while it is being opened", async () => {
    open()
    assert.deepEqual(told, [])

    await settle()

    assert.deepEqual(told, ["opened base64"])
    assert.equal(posts.made.length, 0)
  })

  test("the request is what the wire asks for", () => {
    transport.send(["one", "two"])

    const { url, init, messages } = posts.last
    assert.equal(url, URL_.href)
    assert.equal(init.method, "POST")
    assert.equal(init.body, "one.two.")
    assert.deepEqual(messages, ["one", "two"])
    assert.deepEqual(init.headers, { "Content-Type": "text/plain" })
    assert.equal(init.credentials, "same-origin")
    assert.equal(init.cache, "no-store")
  })

  test("a beat is not worth a POST", () => {
    transport.send([""])

    assert.equal(posts.made.length, 0)
  })
})

suite("a response", () => {
  test("is cut into frames, wherever its chunks end", async () => {
    const { vectors } = JSON.parse(
      readFileSync("../tests/vectors/session_http_vortexpy241_server_rawclient.json", "utf8"),
    ) as { vectors: { what: string; raw_b64: string }[] }
    // What a real server wrote into a response: a beat, its hello, two messages.
    const written = vectors.filter(({ what }) => what.startsWith("http body frame"))
    const bytes = Buffer.concat(written.map(({ raw_b64 }) => Buffer.from(raw_b64, "base64")))
    const expected = bytes.toString().split(".").slice(0, -1)
    assert.deepEqual(expected.map(Boolean), [false, true, true, true])

    for (let cut = 1; cut < bytes.length; cut++) {
      await held()
      posts.last.write(bytes.subarray(0, cut))
      posts.last.write(bytes.subarray(cut))
      await settle()
      assert.deepEqual(
        told.filter((frame) => frame !== "beat"),
        expected.filter(Boolean),
        `cut at ${cut}`,
      )
      transport.close()
    }
  })

  test("in single bytes gives the same frames, and every byte is a sign of life", async () => {
    await held()

    for (const byte of Buffer.from(".ab.cde..")) posts.last.write(Uint8Array.of(byte))
    await settle()
    await settle()

    assert.deepEqual(told, ["beat", "beat", "beat", "ab", "beat", "beat", "beat", "cde", "beat"])
  })

  test("that ends by itself loses the line", async () => {
    await held()

    posts.last.write("last.")
    posts.last.end()
    await settle()

    assert.deepEqual(told, ["last", "lost: the server ended its response"])
    assert.equal(posts.open, 0)
  })

  test("that breaks loses the line, and says how", async () => {
    await held()

    posts.last.fail(new TypeError("terminated"))
    await settle()

    assert.deepEqual(told, ["lost: terminated"])
  })

  test("without any dot is given up at the limit, and not read on", async () => {
    await held(10_000)

    for (let chunk = 0; chunk < 11; chunk++) posts.last.write("A".repeat(1_000))
    await settle()

    assert.match(told.at(-1) ?? "", /^lost: .*10.?000/)
    assert.equal(posts.open, 0)
  })
})

suite("sending", () => {
  test("what is sent while a POST waits for its head goes together in the next", async () => {
    open()
    transport.send(["hello"])
    transport.send(["one"])
    transport.send(["two", "three"])
    await settle()
    assert.deepEqual(
      posts.made.map(({ messages }) => messages),
      [["hello"]],
    )

    posts.last.head()
    await settle()

    assert.deepEqual(
      posts.made.map(({ messages }) => messages),
      [["hello"], ["one", "two", "three"]],
    )
  })

  test("a thousand messages, or about a megabyte, share a POST at most", async () => {
    open()
    transport.send(["hello"])
    transport.send(Array.from({ length: 1_500 }, (_, number) => String(number)))
    transport.send(["x".repeat(700_000), "y".repeat(700_000), "z"])
    const sizes = []
    for (let count = 0; count < 4; count++) {
      posts.last.head()
      await settle()
      sizes.push(posts.last.messages.length)
    }

    assert.deepEqual(sizes, [1_000, 502, 1, 1])
    const all = posts.made.flatMap(({ messages }) => messages)
    assert.equal(all.length, 1_504)
    assert.deepEqual(all.slice(1, 4), ["0", "1", "2"])
    assert.equal(all.at(-1), "z")
  })

  test("the old response is read to its end before the new one is read", async () => {
    await held()
    const old = posts.last
    transport.send(["request"])
    const fresh = posts.last
    assert.notEqual(fresh, old)

    fresh.head()
    fresh.write("answer.")
    await settle()
    assert.deepEqual(told, [])
    old.write("earlier.")
    old.end()
    await settle()

    assert.deepEqual(told, ["earlier", "answer"])
    assert.equal(posts.open, 1)
  })

  test("a POST that fails loses the line, and the response that is held is let go", async () => {
    await held()
    const old = posts.last
    transport.send(["request"])

    posts.last.fail(new TypeError("fetch failed"))
    await settle()

    assert.deepEqual(told, ["lost: fetch failed"])
    assert.equal(old.aborted, true)
    assert.equal(posts.open, 0)
    transport.send(["late"])
    assert.equal(posts.made.length, 2)
  })
})

suite("a server that is none, or lets nobody in", () => {
  const cases: [string, number, Record<string, string>, string, RegExp][] = [
    [
      "its text",
      403,
      {},
      "this vortex serves programs on its own machine only\n",
      /^lost: 403: this vortex serves programs on its own machine only$/,
    ],
    [
      "401",
      401,
      { "Content-Type": "text/html" },
      "<h1>Who are you?</h1>",
      /^lost: 401: <h1>Who are you\?<\/h1>$/,
    ],
    ["405", 405, {}, "", /^lost: 405: $/],
    ["a long text is cut", 503, {}, "x".repeat(5_000), /^lost: 503: x{300}$/],
    [
      "a page, 200",
      200,
      { "Content-Type": "text/html; charset=utf-8" },
      "<p>Sign in.</p>",
      /^lost: 200: expected a vortex, got a page/,
    ],
  ]
  for (const [name, status, headers, text, reason] of cases)
    test(name, async () => {
      open()
      transport.send(["hello"])

      posts.last.head(status, headers)
      posts.last.write(text)
      if (status !== 503) posts.last.end()
      await settle()

      assert.equal(told.length, 2)
      assert.match(told[1] ?? "", reason)
      assert.equal(posts.open, 0)
    })

  test("a text whose chunks end within a character is read all the same", async () => {
    open()
    transport.send(["hello"])
    posts.last.head(403)
    for (const byte of Buffer.from("pas aujourd’hui, désolé")) posts.last.write(Uint8Array.of(byte))
    posts.last.end()
    await settle()
    await settle()

    assert.equal(told.at(-1), "lost: 403: pas aujourd’hui, désolé")
  })

  test("an answer without a body is an end", async () => {
    told = []
    const fetch = (): Promise<Response> => Promise.resolve(new Response(null, { status: 204 }))
    transport = openHeldPost(URL_, fetch, 1_000, {
      opened: () => undefined,
      frame: (text) => told.push(text),
      lost: (reason) => told.push(`lost: ${reason}`),
    })
    transport.send(["hello"])
    await settle()

    assert.deepEqual(told, ["lost: the server ended its response"])
  })
})

suite("closing", () => {
  test("ends every request at once and tells nothing", async () => {
    await held()
    transport.send(["request"])
    transport.send(["waits"])

    transport.close()
    await settle()

    assert.equal(posts.open, 0)
    assert.deepEqual(told, [])
    assert.equal(posts.made.length, 2)
  })

  test("before it has opened tells nothing", async () => {
    open()

    transport.close()
    await settle()

    assert.deepEqual(told, [])
  })

  test("of a page that goes away gives the browser what still waits", async () => {
    await held()
    transport.send(["request"])
    transport.send(["waits", "too"])

    transport.close(true)

    assert.equal(posts.made.length, 3)
    assert.deepEqual(posts.last.messages, ["waits", "too"])
    assert.equal(posts.last.init.keepalive, true)
    assert.equal(posts.last.init.signal, undefined)
    assert.equal(
      posts.made.slice(0, 2).every(({ aborted }) => aborted),
      true,
    )
  })
})
