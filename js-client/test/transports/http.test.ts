/** The transports over POST, with a network in memory. */

import assert from "node:assert/strict"
import { afterEach, beforeEach, suite, test } from "node:test"
import { defaultLimits } from "../../src/limits.ts"
import { openFetchStream } from "../../src/transports/fetch_stream.ts"
import { openLongPoll } from "../../src/transports/long_poll.ts"
import { EventDecoder, openSse } from "../../src/transports/sse.ts"
import type { Transport } from "../../src/transports/transport.ts"
import { ack, beat, frame, joined, json, welcome } from "../wire.ts"
import { FakeListener } from "./fake_listener.ts"
import { FakePosts, VirtualClock, settle } from "./fakes.ts"

const TYPES = { post: "application/vnd.vortex", sse: "text/event-stream", poll: "application/vnd.vortex" }
const OPENERS = { post: openFetchStream, sse: openSse, poll: openLongPoll }
type Kind = keyof typeof OPENERS

let posts: FakePosts
let clock: VirtualClock
let listener: FakeListener
let transport: Transport

async function open(kind: Kind, maxFrame = 10_000): Promise<void> {
  posts = new FakePosts()
  clock = new VirtualClock()
  listener = new FakeListener()
  const limits = { ...defaultLimits, maxFrame }
  const options = {
    url: new URL("wss://host/vortex?a=b"),
    fetch: posts.fetch,
    limits,
    clock,
    random: () => 0.5,
    quickEnds: 0,
  }
  transport = OPENERS[kind](options, listener, false)
  assert.deepEqual([posts.made.length, listener.told], [0, []], "nothing is told while it is being opened")
  await settle()
}

const head = (kind: Kind): void => {
  posts.held.head(200, { "Content-Type": TYPES[kind] })
}

const event = (...frames: Uint8Array[]): string =>
  `id: 7\ndata: ${Buffer.from(joined(...frames)).toString("base64")}\n\n`

afterEach(async () => {
  transport.close()
  await settle()
  assert.deepEqual([clock.timers.size, posts.open], [0, 0], "nothing is left")
})

for (const kind of ["post", "sse", "poll"] as const)
  suite(`by ${kind}`, () => {
    beforeEach(() => open(kind))

    test("a request is what the wire asks for", () => {
      const { url, init, told } = posts.held
      assert.equal(url, "https://host/vortex?a=b")
      assert.deepEqual(told, ["HELLO"])
      assert.equal(posts.held.via, { post: "stream", sse: "sse", poll: "poll" }[kind])
      assert.deepEqual(
        [init.method, init.headers, init.credentials, init.cache],
        ["POST", { "Content-Type": "text/plain" }, "same-origin", "no-store"],
      )
    })

    test("a response that is refused is a loss, and says why", async () => {
      posts.held.head(403)
      posts.held.write("not you: pass anonymous=True")
      posts.held.end()
      await settle()

      assert.deepEqual(listener.told, ["lost: 403: not you: pass anonymous=True"])
    })

    test("a response that breaks is a loss, and says how", async () => {
      head(kind)
      posts.held.fail(new TypeError("terminated"))
      await settle()

      assert.deepEqual(listener.told, ["lost: terminated"])
    })

    test("one that is closed tells nothing more, and takes its last frames along", async () => {
      head(kind)
      transport.close([Uint8Array.from(beat(7))])
      await settle()

      assert.deepEqual(posts.last.told, ["SEND", "BEAT 7"])
      assert.equal(posts.last.init.keepalive, true)
      assert.deepEqual([listener.told, posts.held.aborted], [[], true])
      posts.last.take(0)
      await settle()
      assert.deepEqual(listener.told, [])
    })
  })

suite("a response that is held", () => {
  const RUN = joined(welcome(), beat(1), ack(300))
  const told = ["frame 02", "frame 12 01", "frame 11 ac 02 00"]
  const short = (): string[] => listener.told.map((line) => (line.startsWith("frame 02") ? "frame 02" : line))

  test("is cut into frames, wherever its chunks end", async () => {
    for (let cut = 1; cut < RUN.length; cut++) {
      await open("post")
      head("post")
      posts.held.write(RUN.subarray(0, cut), RUN.subarray(cut))
      await settle()
      assert.deepEqual(short(), told, `cut at ${cut}`)
      transport.close()
    }
  })

  test("of events is cut into frames, wherever its chunks end, and however its lines do", async () => {
    for (const newline of ["\n", "\r\n", "\r"]) {
      const text = `: padding\n\n${event(welcome())}${event(beat(1), ack(300))}`.replaceAll("\n", newline)
      for (let cut = 1; cut < text.length; cut += 3) {
        await open("sse")
        head("sse")
        posts.held.write(text.slice(0, cut), text.slice(cut))
        await settle()
        assert.deepEqual(short(), told, `cut at ${cut}`)
        transport.close()
      }
    }
  })

  test("tells of every chunk", async () => {
    await open("post")
    listener.tellsHeard = true
    head("post")
    for (const byte of ack(300)) posts.held.write(Uint8Array.of(byte))
    await settle()

    assert.deepEqual(listener.told, [...Array.from({ length: 5 }, () => "heard"), "frame 11 ac 02 00"])
  })

  test("that ends is a loss", async () => {
    await open("post")
    head("post")
    posts.held.write(RUN)
    posts.held.end()
    await settle()

    assert.deepEqual(listener.told.at(-1), "lost: the server ended its response")
  })

  for (const kind of ["post", "sse"] as const)
    test(`by ${kind} should be followed by another after 4 to 6 minutes, or 24 MiB`, async () => {
      await open(kind)
      head(kind)
      clock.advance(299_999)
      assert.deepEqual(listener.told, [])
      clock.advance(1)
      assert.deepEqual(listener.told, ["renew"])
      const chunk =
        kind === "sse" ? Buffer.from(":\n".repeat(1 << 19)) : joined(frame(5, new Uint8Array(9_000)))
      for (let size = 0; size < (24 << 20) - chunk.length; size += chunk.length) posts.held.write(chunk)
      await settle()
      await settle()
      assert.deepEqual(listener.told.filter((line) => line === "renew"), ["renew"]) // prettier-ignore
      posts.held.write(chunk, chunk)
      await settle()
      assert.deepEqual(listener.told.filter((line) => line === "renew"), ["renew", "renew"]) // prettier-ignore
    })
})

suite("what is sent", () => {
  const send = (number: number): void => {
    listener.out.push(Uint8Array.from(beat(number)))
    transport.flush()
  }
  beforeEach(async () => {
    await open("post")
    head("post")
  })

  test("goes by a POST of its own, and what is held is not touched", async () => {
    send(1)
    assert.deepEqual(posts.last.told, ["SEND", "BEAT 1"])
    posts.last.take(5)
    await settle()

    assert.deepEqual(listener.told, ["frame 11 05 00"])
    assert.equal(posts.held.isOpen, true)
  })

  test("goes one POST at a time: what is sent meanwhile goes together in the next", async () => {
    for (const number of [1, 2, 3]) send(number)
    assert.deepEqual(
      posts.sends.map(({ told }) => told),
      [["SEND", "BEAT 1"]],
    )
    posts.last.take(0)
    await settle()

    assert.deepEqual(posts.last.told, ["SEND", "BEAT 2", "BEAT 3"])
    posts.last.take(0)
  })

  test("and fails is told, and tried again a little later; the fourth time the connection is lost", async () => {
    send(1)
    for (const delay of [125, 250, 500]) {
      listener.told.length = 0
      posts.last.fail()
      await settle()
      assert.deepEqual(listener.told, ["not sent"])
      listener.out.push(Uint8Array.from(beat(1)))
      const { length } = posts.made
      clock.advance(delay - 1)
      assert.equal(posts.made.length, length)
      clock.advance(1)
      assert.equal(posts.made.length, length + 1)
      assert.deepEqual(posts.last.told, ["SEND", "BEAT 1"])
    }
    posts.last.fail()
    await settle()

    assert.deepEqual(listener.told, ["not sent", "lost: network error"])
  })

  test("and is answered by a status of 500 or more is tried again; below that all is over", async () => {
    send(1)
    posts.last.head(503)
    posts.last.end()
    await settle()
    assert.deepEqual(listener.told, ["not sent"])
    listener.out.push(Uint8Array.from(beat(1)))
    clock.advance(125)
    posts.last.head(410)
    posts.last.write("no such session")
    posts.last.end()
    await settle()

    assert.deepEqual(listener.told, ["not sent", "lost: 410: no such session"])
  })

  const refuse = async (): Promise<void> => {
    posts.last.head(413)
    posts.last.write("Request Entity Too Large")
    posts.last.end()
    await settle()
  }
  const again = (ms: number, ...numbers: number[]): void => {
    listener.out.push(...numbers.map((number) => Uint8Array.from(beat(number))))
    clock.advance(ms)
  }

  test("and is too long for a proxy goes in parts, which get longer again", async () => {
    listener.out.push(...[1, 2, 3, 4].map((number) => Uint8Array.from(beat(number))))
    send(5)
    await refuse()
    assert.deepEqual(listener.told, ["not sent"])
    again(125, 1, 2, 3, 4, 5)
    assert.deepEqual(posts.last.told, ["SEND", "BEAT 1", "BEAT 2"])
    posts.last.take(2)
    await settle()
    assert.deepEqual(posts.last.told, ["SEND", "BEAT 3", "BEAT 4", "BEAT 5"])
    posts.last.take(5)
    await settle()

    assert.equal(
      listener.told.some((told) => told.startsWith("cannot pass")),
      false,
    )
  })

  for (const mayPass of [true, false])
    test(`and is too long by itself is given up, and ${mayPass ? "all else goes on" : "all, if nothing helps"}`, async () => {
      listener.mayPass = mayPass
      send(1)
      await refuse()
      again(125, 1)
      await refuse()

      const reason =
        "cannot pass: a proxy refuses 3 bytes in one request, raise its bound: Error: 413: Request Entity Too Large"
      assert.deepEqual(listener.told.slice(0, 2), ["not sent", reason])
      assert.equal(listener.told[2], mayPass ? "not sent" : "lost: 413: Request Entity Too Large")
      again(250, 2)
      assert.equal(posts.made.length, mayPass ? 4 : 3)
    })

  test("with a token that another one has replaced meanwhile is tried again", async () => {
    send(1)
    listener.token = "t2"
    posts.last.head(410)
    posts.last.end()
    await settle()

    assert.deepEqual(listener.told, ["not sent"])
  })

  test("and is answered without an acknowledgement, or not at all, is tried again", async () => {
    send(1)
    posts.last.head()
    posts.last.end()
    await settle()
    assert.deepEqual(listener.told, ["not sent"])
    listener.out.push(Uint8Array.from(beat(1)))
    clock.advance(125)
    clock.advance(30_010)
    await settle()

    assert.deepEqual(listener.told, ["not sent", "not sent"])
  })

  test("and is long has more time, as an upload may be slow", async () => {
    listener.out.push(json("SEND", { text: "x".repeat(160_000) }))
    transport.flush()
    clock.advance(39_000)
    await settle()
    assert.deepEqual(listener.told, [])
    clock.advance(2_000)
    await settle()

    assert.deepEqual(listener.told, ["not sent"])
  })

  test("in a session that is over is nobody's, however it is answered", async () => {
    for (const answer of ["take", "fail"] as const) {
      send(1)
      listener.generation++
      if (answer === "take") posts.last.take(5)
      else posts.last.fail()
      await settle()
    }
    send(2)
    assert.deepEqual(posts.last.told, ["SEND", "BEAT 2"])
    assert.deepEqual(listener.told, [])
  })
})

suite("polls", () => {
  const answer = (...frames: Uint8Array[]): void => {
    head("poll")
    posts.held.write(...frames)
    posts.held.end()
  }
  beforeEach(() => open("poll"))
  const waits = (): unknown[] => posts.made.map(({ first }) => first.json["wait"])

  test("follow each other, the first without waiting", async () => {
    for (let count = 0; count < 3; count++) {
      answer(beat(count), beat(count))
      await settle()
    }

    assert.deepEqual(waits(), [0, 25, 25, 25])
    assert.equal(listener.told.length, 6)
    assert.equal(listener.told.includes("heard"), false)
  })

  test("are not made faster than once a second where the server does not wait", async () => {
    answer(beat(1))
    await settle()
    answer(beat(1))
    await settle()
    assert.equal(posts.made.length, 2)
    clock.advance(999)
    await settle()
    assert.equal(posts.made.length, 2)
    clock.advance(1)
    await settle()
    assert.equal(posts.made.length, 3)
  })

  test("are answered within what they wait and 10 s more, or are lost", async () => {
    answer(beat(1))
    await settle()
    clock.advance(34_999)
    await settle()
    assert.equal(listener.told.length, 1)
    clock.advance(1)
    await settle()

    assert.equal(listener.told.at(-1), "lost: no answer came within 35 s")
  })

  test("that bring nothing at all are lost", async () => {
    answer()
    await settle()

    assert.deepEqual(listener.told, ["lost: the server said nothing"])
  })

  test("wait while another connection is about to take over", async () => {
    listener.moving = true
    answer(beat(1))
    await settle()
    clock.advance(1_000)
    await settle()
    assert.equal(posts.made.length, 1)
    listener.moving = false
    clock.advance(100)
    await settle()

    assert.equal(posts.made.length, 2)
  })
})

suite("events", () => {
  test("may have several lines of data, and lines that are something else", () => {
    const decoder = new EventDecoder(100)
    assert.deepEqual(decoder.feed("id: 1\nretry: 5\n: x\ndata: a\ndata:b\n\ndata\n\nevent: x\n\n"), [
      "a\nb",
      "",
    ])
  })

  test("are bounded, whole or not", () => {
    assert.throws(() => new EventDecoder(10).feed("data: 12345678901"), /maxFrame/)
    const decoder = new EventDecoder(10)
    decoder.feed("data: 12345678\n")
    assert.throws(() => decoder.feed("data: 12345678\n"), /maxFrame/)
  })
})
