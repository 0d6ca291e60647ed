import assert from "node:assert/strict"
import { getEventListeners } from "node:events"
import { beforeEach, suite, test } from "node:test"
import { RemoteError, type VortexError } from "../../src/errors.ts"
import { defaultLimits } from "../../src/limits.ts"
import type { Envelope } from "../../src/protocol/envelope.ts"
import { encodeMessage, readMessage } from "../../src/protocol/native_message.ts"
import { Payload } from "../../src/protocol/payload.ts"
import { MESSAGE_ID, aboutOf, isSubset } from "../../src/routing/filt.ts"
import { PayloadEndpoint } from "../../src/routing/payload_endpoint.ts"
import { PayloadIO, type Waiting } from "../../src/routing/payload_io.ts"
import { DateTime } from "../../src/tuples/date_time.ts"
import { Tuple } from "../../src/tuples/tuple.ts"
import { type MessageParts, message } from "../wire.ts"

suite("isSubset", () => {
  const cases: [wanted: Record<string, unknown>, filt: Record<string, unknown>, matches: boolean][] = [
    [{ key: "jobs" }, { key: "jobs", id: 3 }, true],
    [{ key: "jobs", id: 4 }, { key: "jobs", id: 3 }, false],
    [{ key: "jobs", id: 3 }, { key: "jobs" }, false],
    [{ key: "jobs", id: null }, { key: "jobs" }, false],
    [{ key: "jobs", id: null }, { key: "jobs", id: null }, true],
    [{ key: "jobs", id: 1 }, { key: "jobs", id: "1" }, false],
    [{ tags: ["b", "a"] }, { tags: ["a", "b"] }, true],
    [{ tags: ["a"] }, { tags: ["a", "b"] }, false],
    [{ key: "jobs", more: { a: 1 } }, { key: "jobs" }, true],
    [{ on: new DateTime("2026-01-02") }, { on: new DateTime("2026-01-02") }, true],
    [{ on: new DateTime("2026-01-02") }, { on: new DateTime("2026-01-03") }, false],
  ]
  for (const [wanted, filt, matches] of cases)
    test(`${JSON.stringify(wanted)} ${matches ? "matches" : "does not match"} ${JSON.stringify(filt)}`, () => {
      assert.equal(isSubset(wanted, filt), matches)
    })
})

suite("Values in a filt, as the server compares them", () => {
  const at = (text: string): DateTime => new DateTime(text)
  const selector = (fields: object): Tuple => new Tuple("vortex.TupleSelector", { name: "jobs", ...fields })
  const same: [what: string, one: unknown, other: unknown][] = [
    ["a number and a boolean", 1, true],
    ["a number and a BigInt", 5, 5n],
    ["a long number and a BigInt", 1e22, 10n ** 22n],
    ["not-a-numbers", NaN, NaN],
    ["zeros", 0, -0],
    ["lists in another order", [2, 1], [1, 2]],
    ["lists of everything", [1, "a", null, 2.5], [null, 2.5, "a", 1]],
    ["lists in lists", [[2, 1], ["a"]], [["a"], [1, 2]]],
    ["a set and a list", new Set([1, 2]), [2, 1]],
    ["dicts in lists", [{ a: 1, b: [1, 2] }], [{ b: [2, 1], a: 1 }]],
    ["a Map and an object in lists", [new Map([["a", 1]])], [{ a: 1, b: undefined }]],
    ["bytes", Uint8Array.of(1, 2), Uint8Array.of(1, 2)],
    ["instants", at("2024-01-01 12:00:00.000005+0000"), at("2024-01-01 22:00:00.000005+1000")],
    ["a Date and a DateTime", new Date(1_704_110_400_000), at("2024-01-01 12:00:00")],
    ["days", at("2024-02-29"), at("2024-02-29")],
    ["tuples", selector({ a: 1, b: 2 }), selector({ b: 2, a: 1 })],
  ]
  for (const [what, one, other] of same)
    test(`${what} are the same`, () => {
      assert.ok(isSubset({ key: one }, { key: other, more: 1 }))
      assert.ok(isSubset({ key: other }, { key: one }))
    })

  const different: [what: string, one: unknown, other: unknown][] = [
    ["numbers", 1, 2],
    ["a number and its text", 1, "1"],
    ["nothing and no", null, false],
    ["nothing and an empty text", null, ""],
    ["nothing and an empty list", null, []],
    ["a NaN and its text", NaN, "NaN"],
    ["a list and its item", [1], 1],
    ["an item and it twice", [1, 2], [1, 2, 2]],
    ["what is in which list", [[1], 2], [1, [2]]],
    ["dicts in lists", [{ a: 1 }], [{ a: 2 }]],
    ["a dict and a list of its items", [{ a: 1 }], [["a", 1]]],
    ["an empty dict and an empty list", [{}], [[]]],
    ["bytes and their base64", Uint8Array.of(1, 2, 3), "AQID"],
    ["numbers that floats do not tell apart", 2n ** 53n + 1n, 2 ** 53],
    ["the same hour elsewhere", at("2024-01-01 00:00:00+0000"), at("2024-01-01 00:00:00+1000")],
    ["microseconds", at("2024-01-01 00:00:00.000001"), at("2024-01-01 00:00:00.000002")],
    ["a day and its midnight", at("2024-01-01"), at("2024-01-01 00:00:00")],
    ["a date and its text", at("2024-01-01"), "2024-01-01"],
    ["tuples", selector({ a: 1 }), selector({ a: 2 })],
    ["the order in a tuple's list", selector({ at: [1, 2] }), selector({ at: [2, 1] })],
    ["tuples of two types", selector({}), new Tuple("x.Y", { name: "jobs" })],
    ["functions", isSubset, aboutOf],
  ]
  for (const [what, one, other] of different)
    test(`${what} are not`, () => {
      assert.ok(!isSubset({ key: one }, { key: other }))
      if (typeof other !== "object" || other === null || Object.getPrototypeOf(other) !== Object.prototype)
        assert.ok(!isSubset({ key: other }, { key: one }))
    })

  test("a dict puts no condition, nor does undefined; neither is met by what is not there", () => {
    assert.ok(isSubset({ key: "a", more: { b: 1 }, id: undefined, map: new Map() }, { key: "a", more: 5 }))
    assert.ok(!isSubset({ key: "a", more: 5 }, { key: "a", more: { b: 1 } }))
  })

  test("what does not travel is the same as itself only, and stops nothing", () => {
    assert.ok(
      !isSubset({ toString: Reflect.get({}, "toString") as unknown }, {}),
      "what is inherited is not there",
    )
    assert.ok(isSubset({ key: isSubset }, { key: isSubset }))
    assert.ok(!isSubset({ key: [isSubset] }, { key: [1] }))
    const ring: unknown[] = []
    ring.push(ring)
    assert.ok(!isSubset({ key: ring }, { key: [1] }))
  })
})

test("a message is about its filt less what is of one message", () => {
  assert.deepEqual(aboutOf({ key: "k", id: 1, [MESSAGE_ID]: "7", rapuiServerEcho: true }), {
    key: "k",
    id: 1,
  })
})

suite("PayloadIO", () => {
  let sent: Payload[]
  let errors: unknown[]
  let io: PayloadIO
  beforeEach(() => {
    sent = []
    errors = []
    io = new PayloadIO(
      defaultLimits,
      (payload) => {
        sent.push(payload)
        return Promise.resolve()
      },
      (error) => errors.push(error),
    )
  })
  const envelope = (filt: object, more: MessageParts = {}): Envelope =>
    readMessage(Uint8Array.from(message({ f: filt, ...more })), defaultLimits)
  const route = (filt: object, more: MessageParts = {}, waiting?: Waiting): Promise<void> =>
    io.route(envelope(filt, more), waiting)
  /** Somebody who waits for an answer. */
  const waiter = (): { answer: Promise<Payload>; waiting: Waiting } => {
    let waiting!: Waiting
    const answer = new Promise<Payload>((resolve, reject) => (waiting = { resolve, reject }))
    return { answer, waiting }
  }

  test("calls every endpoint that matches, and no other", async () => {
    const calls: string[] = []
    new PayloadEndpoint({ key: "a" }, () => calls.push("a"), io)
    new PayloadEndpoint({ key: "a", id: 1 }, () => calls.push("a1"), io)
    new PayloadEndpoint({ key: "b" }, () => calls.push("b"), io)
    await route({ key: "a", id: 1 })

    assert.deepEqual(calls, ["a", "a1"])
  })

  test("one that raises, now or later, is reported and is nothing to the next", async () => {
    const calls: string[] = []
    const boom = new Error("boom")
    new PayloadEndpoint({ key: "a" }, () => { throw boom }, io) // prettier-ignore
    new PayloadEndpoint({ key: "a" }, () => Promise.reject(boom), io)
    new PayloadEndpoint({ key: "a" }, () => calls.push("last"), io)
    await route({ key: "a" })
    await Promise.resolve()

    assert.deepEqual(calls, ["last"])
    assert.deepEqual(errors, [boom, boom])
  })

  test("calls none after its shutdown, nor after its signal", async () => {
    const calls: string[] = []
    const abort = new AbortController()
    const first = new PayloadEndpoint({ key: "a" }, () => calls.push("first"), io)
    new PayloadEndpoint({ key: "a" }, () => calls.push("second"), io, { signal: abort.signal })
    new PayloadEndpoint({ key: "a" }, () => calls.push("never"), io, { signal: AbortSignal.abort() })
    await route({ key: "a" })
    first.shutdown()
    abort.abort()
    await route({ key: "a" })

    assert.deepEqual(calls, ["first", "second"])
    assert.deepEqual(io.endpoints, [])
  })

  test("an endpoint that was shut down leaves nothing at its signal", () => {
    const { signal } = new AbortController()
    for (let count = 0; count < 100; count++)
      new PayloadEndpoint({ key: "a" }, () => 0, io, { signal }).shutdown()

    assert.deepEqual(getEventListeners(signal, "abort"), [])
  })

  test("an endpoint that another one shuts down is not called any more", async () => {
    const calls: string[] = []
    new PayloadEndpoint({ key: "a" }, () => { second.shutdown() }, io) // prettier-ignore
    const second = new PayloadEndpoint({ key: "a" }, () => calls.push("second"), io)
    await route({ key: "a" })

    assert.deepEqual(calls, [])
  })

  test("an endpoint's filt needs a key", () => {
    assert.throws(
      () => new PayloadEndpoint({ id: 1 }, () => 0, io),
      /needs a 'key' to route by, got \{"id":1\}/,
    )
  })

  test("an answer goes out under the filt that was asked with", async () => {
    new PayloadEndpoint({ key: "a" }, (_, delivery) => delivery.reply(["yes"]), io)
    await route({ key: "a", [MESSAGE_ID]: "7" })

    assert.deepEqual(
      sent.map(({ filt, tuples, result }) => [filt, tuples, result]),
      [[{ key: "a", [MESSAGE_ID]: "7" }, ["yes"], true]],
    )
  })

  test("an answer goes to who waits for it, and to who listens", async () => {
    const calls: unknown[] = []
    new PayloadEndpoint({ key: "a" }, ({ result }) => calls.push(result), io)
    const { answer, waiting } = waiter()
    await route({ key: "a" }, { r: true }, waiting)

    assert.equal((await answer).result, true)
    assert.deepEqual(calls, [true])
  })

  test("an answer that tells an error is one", async () => {
    const { answer, waiting } = waiter()
    const refused = assert.rejects(answer, (error: VortexError) => {
      assert.deepEqual(
        [error instanceof RemoteError, error.code, error.message],
        [true, "stale-record", "it is: old"],
      )
      return true
    })
    await route({ key: "a" }, { r: "stale-record: it is: old" }, waiting)
    await refused
  })

  for (const [result, text] of [
    [{ _ft: "int", _fd: "12345678901234567890" }, '"12345678901234567890"'],
    [{ text: 5, list: [null] }, '{"text":5,"list":[null]}'],
    [false, "false"],
  ] as const)
    test(`an answer whose result is ${text} is an error too`, async () => {
      const { answer, waiting } = waiter()
      const refused = assert.rejects(answer, { code: "remote-error", message: text })
      await route({}, { r: result }, waiting)
      await refused
      assert.deepEqual(errors, [])
    })

  test("messages come in the order they came, although one takes longer to unpack than the next", async () => {
    const order: unknown[] = []
    new PayloadEndpoint({ key: "a" }, (payload) => order.push(payload.tuples.length), io)
    const many = await encodeMessage(
      new Payload(
        { key: "a" },
        Array.from({ length: 5_000 }, () => "x"),
      ),
    )
    assert.equal(many[0], 6, "it is compressed")
    const none = await encodeMessage(new Payload({ key: "a" }))
    await Promise.all([many, none].map((bytes) => io.route(readMessage(bytes, defaultLimits))))

    assert.deepEqual(order, [5_000, 0])
  })

  test("what cannot be read is reported, told to who waits for it, and the next one comes", async () => {
    const calls: unknown[] = []
    new PayloadEndpoint({ key: "a" }, () => calls.push("next"), io)
    const { answer, waiting } = waiter()
    const failed = assert.rejects(answer, /expected a zlib stream/)
    await route({ key: "a" }, { flags: 6, body: Uint8Array.of(0, 0, 0) }, waiting)
    await route({ key: "a" })

    await failed
    assert.deepEqual(calls, ["next"])
    assert.equal(errors.length, 1)
  })
})
