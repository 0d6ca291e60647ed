import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { beforeEach, suite, test } from "node:test"
import { defaultLimits } from "../../src/limits.ts"
import { VortexPySession } from "../../src/protocol/vortexpy_session.ts"
import { SERVER, base64Message, rawMessage, readSent } from "./fakes.ts"

const HELLO = rawMessage(SERVER)
let session: VortexPySession

const types = (): string[] => [...session.events()].map(({ type }) => type)
const reason = (): string => {
  const [event, ...more] = session.events()
  assert.deepEqual(more, [])
  assert.ok(event?.type === "closed")
  return event.reason
}

beforeEach(() => {
  session = new VortexPySession({ uuid: "u-1", name: "page é" }, { ...defaultLimits, maxMalformed: 3 }, 1_000)
})

suite("opening", () => {
  test("our hello is the first frame, and says who we are", () => {
    assert.deepEqual(session.framesToSend(), [])

    session.attached("raw", 1_000)

    const [hello, ...more] = session.framesToSend()
    assert.deepEqual(more, [])
    assert.ok(hello?.startsWith("{"))
    assert.deepEqual(readSent(hello ?? "").filt, { __vortexUuid__: "u-1", __vortexName__: "page é" })
    assert.deepEqual(session.framesToSend(), [])
  })

  test("where frames end in dots the hello is base64", () => {
    session.attached("base64", 1_000)

    const [hello] = session.framesToSend()
    assert.match(hello ?? "", /^[A-Za-z0-9+/]+=*$/)
    assert.deepEqual(readSent(hello ?? "").filt, { __vortexUuid__: "u-1", __vortexName__: "page é" })
  })

  test("it is open once the server has said hello, in whatever form, and not before", () => {
    for (const hello of [HELLO, base64Message(SERVER), base64Message(SERVER) + ".."]) {
      session = new VortexPySession({ uuid: "u-1", name: "n" }, defaultLimits, 0)
      session.attached("raw", 0)
      session.receive(".", 0)
      assert.equal(session.state, "connecting")
      assert.deepEqual(types(), [])

      session.receive(hello, 0)

      assert.equal(session.state, "open")
      assert.deepEqual(
        [...session.events()],
        [{ type: "opened", peer: { uuid: "server-uuid", name: "server" } }],
      )
    }
  })

  test("the hello of a recorded VortexPY 6.2.2 opens it", () => {
    const { vectors } = JSON.parse(readFileSync("../tests/vectors/session_ws_vortexpy622.json", "utf8")) as {
      vectors: { direction: string; what: string; raw_b64: string }[]
    }
    const frame = vectors.find(({ direction, what }) => direction === "s2c" && what === "ws frame")
    const bytes = Buffer.from(frame?.raw_b64 ?? "", "base64")
    // A text frame with 16 bits of length.
    assert.deepEqual([bytes[0], bytes[1], bytes.readUInt16BE(2)], [0x81, 126, bytes.length - 4])
    session.attached("raw", 0)

    session.receive(bytes.toString("utf8", 4), 0)

    assert.equal(session.state, "open")
  })

  test("what is no message at all before the hello is no vortex", () => {
    session.attached("raw", 0)

    session.receive("<!doctype html><title>Sign in</title>", 0)

    assert.match(reason(), /^expected a vortex: /)
    assert.equal(session.state, "closed")
  })

  test("nothing is sent before it is open", () => {
    session.attached("raw", 0)
    session.framesToSend()

    session.send("too early")

    assert.deepEqual(session.framesToSend(), [])
  })
})

suite("messages", () => {
  beforeEach(() => {
    session.attached("raw", 1_000)
    session.receive(HELLO, 1_000)
    session.framesToSend()
    types()
  })

  test("come out in the order they came in, also from frames that old servers glue together", () => {
    session.receive(rawMessage({ key: "a", dot: "1.5" }), 1_000)
    session.receive(`${base64Message({ key: "b" })}.${base64Message({ key: "c" })}..`, 1_000)

    const keys = [...session.events()].map((event) => {
      assert.ok(event.type === "received" && !(event.envelope instanceof Promise))
      return event.envelope.filt["key"]
    })
    assert.deepEqual(keys, ["a", "b", "c"])
  })

  test("one that is none is told, and the next one still comes", () => {
    session.receive("{nonsense", 1_000)
    session.receive(rawMessage({ key: "b" }), 1_000)

    const events = [...session.events()]
    assert.deepEqual(
      events.map(({ type }) => type),
      ["malformed", "received"],
    )
    assert.equal(events[0]?.type === "malformed" && events[0].error.code, "bad-payload")
    assert.equal(session.state, "open")
  })

  test("too many that are none close the line, and name the limit", () => {
    for (let count = 0; count < 3; count++) session.receive("junk!", 1_000)
    assert.deepEqual(types(), ["malformed", "malformed", "malformed"])

    session.receive("junk!", 1_000)

    assert.match(reason(), /^4 frames were no messages \(maxMalformed\)$/)
  })

  test("leave in order, and nothing leaves or comes in once it is closed", () => {
    session.send("one")
    session.send("two")
    assert.deepEqual(session.framesToSend(), ["one", "two"])
    session.send("three")

    session.close("over")
    session.close("twice")
    session.receive(rawMessage({ key: "late" }), 1_001)
    session.attached("raw", 1_001)
    session.tick(99_999)

    assert.deepEqual(session.framesToSend(), [])
    assert.equal(reason(), "over")
    assert.equal(session.nextDeadline(), Infinity)
  })

  test("events that are taken while they are being taken keep their order", () => {
    session.receive(rawMessage({ key: "a" }), 1_000)
    session.receive("junk!", 1_000)
    const outer = session.events()
    const first = outer.next().value
    session.close("over")

    const inner = [...session.events()].map(({ type }) => type)

    assert.equal(first?.type, "received")
    assert.deepEqual(inner, ["malformed", "closed"])
    assert.equal(outer.next().done, true)
  })

  test("the same server may say hello again, another one closes the line", () => {
    session.receive(HELLO, 2_000)
    assert.deepEqual(types(), [])

    session.receive(rawMessage({ ...SERVER, __vortexUuid__: "another" }), 2_000)

    assert.equal(reason(), "another server answers at this address now")
  })
})

suite("time", () => {
  const open = (form: "raw" | "base64"): void => {
    session.attached(form, 1_000)
    session.receive(form === "raw" ? HELLO : base64Message(SERVER), 1_000)
    session.framesToSend()
    types()
  }
  /** Tick whenever it is due, until *end*. */
  const run = (end: number): void => {
    for (let due; (due = session.nextDeadline()) <= end;) session.tick(due)
    session.tick(end)
  }

  test("a WebSocket beats every 10 s", () => {
    open("raw")
    assert.equal(session.nextDeadline(), 11_000)

    session.tick(10_999)
    assert.deepEqual(session.framesToSend(), [])
    session.tick(11_000)
    assert.deepEqual(session.framesToSend(), [""])

    session.receive(".", 12_000)
    assert.equal(session.nextDeadline(), 21_000)
  })

  test("a held POST does not beat", () => {
    open("base64")
    assert.equal(session.nextDeadline(), 16_000)

    for (let now = 2_000; now < 60_000; now += 1_000) {
      session.receive("", now)
      session.tick(now)
    }

    assert.deepEqual(session.framesToSend(), [])
    assert.equal(session.state, "open")
  })

  test("15 s without a frame, and it is dead", () => {
    open("raw")
    session.receive(".", 3_000)
    run(17_999)
    assert.equal(session.state, "open")

    run(18_000)

    assert.equal(reason(), "nothing came for 15 s")
  })

  test("any frame is a sign of life, a beat or what is no message too", () => {
    open("raw")
    let now = 1_000
    for (const frame of [".", "junk!", rawMessage({ key: "a" })]) {
      session.receive(frame, now)
      run((now += 14_999))
      assert.equal(session.state, "open", frame)
    }
    run(now + 1)
    assert.equal(session.state, "closed")
  })

  test("a server that says nothing at all is given up like any", () => {
    session.tick(15_999)
    assert.equal(session.state, "connecting")

    session.tick(16_000)

    assert.equal(reason(), "nothing came for 15 s")
  })

  test("a machine that slept gives the line another 15 s, and beats at once", () => {
    open("raw")

    session.tick(3_600_000)

    assert.deepEqual(session.framesToSend(), [""])
    session.tick(3_614_999)
    assert.equal(session.state, "open")
    session.tick(3_615_000)
    assert.equal(reason(), "nothing came for 15 s")
  })

  test("a page whose timers are always late still finds out that its line is dead", () => {
    open("raw")

    session.tick(60_000)
    assert.equal(session.state, "open")
    session.tick(120_000)

    assert.equal(reason(), "nothing came for 15 s")
  })

  test("a machine that sleeps again, with frames in between, is given time again", () => {
    open("raw")
    for (let now = 60_000; now < 600_000; now += 60_000) {
      session.tick(now)
      session.receive(".", now + 1)
    }

    assert.equal(session.state, "open")
  })
})
