import assert from "node:assert/strict"
import { beforeEach, suite, test } from "node:test"
import { ConnectionLost, RemoteError, type VortexError } from "../../src/errors.ts"
import { defaultLimits } from "../../src/limits.ts"
import { readMessage } from "../../src/protocol/envelope.ts"
import { Payload } from "../../src/protocol/payload.ts"
import { MESSAGE_ID, aboutOf, isSubset } from "../../src/routing/filt.ts"
import { PayloadEndpoint } from "../../src/routing/payload_endpoint.ts"
import { PayloadIO } from "../../src/routing/payload_io.ts"
import { DateTime } from "../../src/tuples/date_time.ts"

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
  const route = (filt: object, more: object = {}): Promise<void> =>
    io.route(
      readMessage(JSON.stringify({ _ct: "rpe", filt, data: null, result: null, ...more }), defaultLimits),
    )

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

  test("an answer goes to who waits for it, by its messageId", async () => {
    const { answer } = io.waitFor("7")
    await route({ key: "a", [MESSAGE_ID]: "8" })
    await route({ key: "a", [MESSAGE_ID]: "7" }, { result: true })

    assert.equal((await answer).result, true)
  })

  test("an answer that tells an error is one", async () => {
    const { answer } = io.waitFor("7")
    const refused = assert.rejects(answer, (error: VortexError) => {
      assert.deepEqual(
        [error instanceof RemoteError, error.code, error.message],
        [true, "stale-record", "it is: old"],
      )
      return true
    })
    await route({ key: "a", [MESSAGE_ID]: "7" }, { result: "stale-record: it is: old" })
    await refused
  })

  test("an answer that has come in is given, although the line is lost before it is unpacked", async () => {
    const { answer } = io.waitFor("7")
    const { answer: other } = io.waitFor("8")
    const delivered = route({ key: "a", [MESSAGE_ID]: "7" })
    io.failAll(new ConnectionLost("gone"))

    await assert.rejects(other, ConnectionLost)
    await delivered
    assert.equal((await answer).result, null)
  })

  test("messages come in the order they came, although one takes longer to unpack than the next", async () => {
    const order: unknown[] = []
    new PayloadEndpoint({ key: "a" }, (payload) => order.push(payload.tuples.length), io)
    const many = await new Payload(
      { key: "a" },
      Array.from({ length: 5_000 }, () => "x"),
    ).toVortexMsg()
    const none = await new Payload({ key: "a" }).toVortexMsg()
    await Promise.all([many, none].map((text) => io.route(readMessage(text, defaultLimits))))

    assert.deepEqual(order, [5_000, 0])
  })

  test("what cannot be read is reported, told to who waits for it, and the next one comes", async () => {
    const calls: unknown[] = []
    new PayloadEndpoint({ key: "a" }, () => calls.push("next"), io)
    const { answer } = io.waitFor("7")
    const failed = assert.rejects(answer, /expected a zlib stream/)
    await route({ key: "a", [MESSAGE_ID]: "7" }, { data: "AAAA" })
    await route({ key: "a" })

    await failed
    assert.deepEqual(calls, ["next"])
    assert.equal(errors.length, 1)
  })
})
