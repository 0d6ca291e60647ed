import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { suite, test } from "node:test"
import { deflateSync, inflateSync } from "node:zlib"
import { DecodeError, EncodeError, LimitExceeded, VortexError } from "../../src/errors.ts"
import { defaultLimits } from "../../src/limits.ts"
import { EXPECTS_ANSWER, IS_REPLY, encodeMessage, readMessage } from "../../src/protocol/native_message.ts"
import { Payload } from "../../src/protocol/payload.ts"
import { DateTime } from "../../src/tuples/date_time.ts"
import { addTupleType } from "../../src/tuples/registry.ts"
import { Tuple } from "../../src/tuples/tuple.ts"
import { message } from "../wire.ts"
import { canonical, normal, notationOf } from "./notation.ts"

interface Case {
  readonly name: string
  readonly hex: string
  readonly refused?: "message" | "body"
  readonly code?: string
  readonly envelope?: Readonly<Record<string, unknown>>
  readonly tuples?: readonly unknown[] | null
}

const { cases } = JSON.parse(readFileSync("../tests/conformance/bodies.json", "utf8")) as { cases: Case[] }

/** Node's own inflater lets pass what is behind a stream; those of browsers do not. */
const NOT_IN_NODE = "compressed, and something behind it"

suite("the shared cases", () => {
  for (const { name, hex, refused, code, envelope = {}, tuples } of cases)
    test(name, async () => {
      const bytes = Uint8Array.from(Buffer.from(hex, "hex"))
      const error = (found: unknown): boolean => found instanceof VortexError && found.code === code
      if (refused === "message") {
        assert.throws(() => readMessage(bytes, defaultLimits), error)
        return
      }
      const read = readMessage(bytes, defaultLimits)
      if (refused) {
        if (name === NOT_IN_NODE) return
        await assert.rejects(read.open(defaultLimits), error)
        return
      }
      const { tuples: found } = await read.open(defaultLimits)
      assert.equal(canonical(notationOf(found)), canonical(normal(tuples ?? [])))
      const { filt, result, date, isReply } = envelope
      assert.equal(canonical(notationOf(read.filt)), canonical(normal(filt)))
      assert.equal(canonical(notationOf(read.result)), canonical(normal(result)))
      assert.equal(read.isReply, isReply)
      const { instant } = (normal(date) ?? {}) as { instant?: string }
      const milliseconds = instant === undefined ? null : Math.floor(Number(instant) / 1000)
      assert.equal(read.date?.getTime() ?? null, milliseconds)
    })

  test("there are as many as there should be", () => {
    assert.ok(cases.length >= 97, String(cases.length))
  })
})

suite("a message is written", () => {
  const date = new DateTime("1970-01-01 00:00:00.000007+0000")
  const written = async (payload: Payload, flags = 0): Promise<Buffer> => {
    payload.date = date
    return Buffer.from(await encodeMessage(payload, flags))
  }
  const body = async (...tuples: unknown[]): Promise<string> => {
    const bytes = await written(new Payload({}, tuples))
    const head = '{"d":7}'
    assert.equal(bytes.subarray(1, 2 + head.length).toString("latin1"), `\u0007${head}`)
    const rest = bytes.subarray(2 + head.length)
    assert.ok(bytes[0] === 4 || bytes[0] === 6)
    return (bytes[0] === 6 ? inflateSync(rest) : rest).toString()
  }

  test("flags, the length of the head, the head", async () => {
    const head = '{"f":{"key":"é"},"r":true,"d":7}'
    const bytes = Buffer.concat([Buffer.of(0, 33), Buffer.from(head)])
    assert.deepEqual(await written(new Payload({ key: "é" }, [], true)), bytes)
    for (const flags of [IS_REPLY, EXPECTS_ANSWER])
      assert.equal((await written(new Payload({ key: "é" }), flags))[0], flags)
    assert.deepEqual([IS_REPLY, EXPECTS_ANSWER], [1, 8])
  })

  test("with the time of writing where the payload has none", async () => {
    const before = Date.now()
    const { date: found } = readMessage(await encodeMessage(new Payload()), defaultLimits)
    assert.ok(found && found.getTime() >= before && found.getTime() <= Date.now())
  })

  test("a body in groups, in the order of the tuples, their values in columns that hold anything", async () => {
    const job = (fields: Record<string, unknown>): Tuple => new Tuple("demo.Job", fields)
    assert.equal(
      await body(job({ id: 1, title: "a" }), job({ due: new Date(0), nan: NaN }), 5, new Tuple("x.Empty")),
      '[{"t":"demo.Job","f":["id","title"],"k":"jj","r":[[1,"a"]]},' +
        '{"t":"demo.Job","f":["due","nan"],"k":"jj","r":[[' +
        '{"_ft":"datetime","_fd":"1970-01-01 00:00:00.000000+0000"},{"_ft":"float","_fd":"nan"}]]},' +
        '{"v":[5]},{"t":"x.Empty","f":[],"k":"","r":[[]]}]',
    )
  })

  test("without fields that are undefined, or that are not for others", async () => {
    assert.equal(
      await body(new Tuple("x.Y", { a: undefined, _b: 1, c: 2 })),
      '[{"t":"x.Y","f":["c"],"k":"j","r":[[2]]}]',
    )
  })

  test("compressed, where that is shorter", async () => {
    const random = Buffer.from(Array.from({ length: 400 }, (_, n) => (n * n * 7919 + n * 104729) % 251))
    for (const [text, flags] of [
      ["x".repeat(200), 4],
      ["x".repeat(300), 6],
      [random.toString("base64"), 6],
    ] as const)
      // prettier-ignore
      assert.equal((await written(new Payload({}, [text])))[0], flags)
  })

  for (const [what, tuple, where] of [
    ["a function", new Tuple("x.Y", { a: [() => 1] }), ".tuples[1].a[0]"],
    ["an invalid date", new Tuple("x.Y", { a: new Date(NaN) }), ".tuples[1].a"],
    ["a tuple without a type", new Tuple(), ".tuples[1]"],
    ["a symbol among values", Symbol("s"), ".tuples[1]"],
  ] as const)
    test(`but not with ${what} in it: where is told`, async () => {
      await assert.rejects(encodeMessage(new Payload({}, [new Tuple("x.Y", { a: 1 }), tuple])), (error) => {
        assert.ok(error instanceof EncodeError)
        assert.ok(error.message.endsWith(`at ${where}`), error.message)
        return true
      })
    })
})

suite("a message is read", () => {
  const read = (groups: readonly unknown[], limits = defaultLimits): Promise<Payload> =>
    readMessage(Uint8Array.from(message({ body: groups })), limits).open(limits)
  const group = (type: string, f: string[], k: string, ...r: unknown[][]): object => ({ t: type, f, k, r })

  class Job extends Tuple {
    static override tupleType = "native.Job"
    id = 0
    title = "untitled"
    isTitled(): boolean {
      return this.title !== "untitled"
    }
  }
  addTupleType(Job)

  test("into instances of its class, what did not come being as that has it", async () => {
    const { tuples } = await read([group("native.Job", ["id"], "i", [7])])
    const [job] = tuples
    assert.ok(job instanceof Job)
    assert.deepEqual([job.id, job.title], [7, "untitled"])
  })

  test("no sender replaces a method, or reaches a prototype", async () => {
    const names = ["isTitled", "constructor", "prototype", "id"]
    const { tuples } = await read([group("native.Job", names, "pppp", ["x", "x", "x", 1])])
    const [job] = tuples as [Job]
    assert.equal(job.isTitled(), false)
    assert.deepEqual(Object.fromEntries(Object.entries(job)), { id: 1, title: "untitled" })
    await assert.rejects(read([group("native.Job", ["__proto__"], "p", [1])]), DecodeError)
  })

  test("with all digits of long integers", async () => {
    const json =
      '[{"t":"x.Y","f":["v","w"],"k":"ip","r":[[123456789012345678901,9007199254740993],[-0,1e3]]}]'
    const bytes = message({ flags: 4, body: new TextEncoder().encode(json) })
    const { tuples } = await readMessage(Uint8Array.from(bytes), defaultLimits).open(defaultLimits)
    assert.deepEqual(tuples.map((tuple) => Object.fromEntries(Object.entries(tuple as object))), [
      { v: 123456789012345678901n, w: 9007199254740993n },
      { v: 0, w: 1000 },
    ]) // prettier-ignore
  })

  test("where an error is told is the tuple's place among all", async () => {
    const groups = [{ v: [1, 2] }, group("x.Y", ["a", "due"], "pd", [1, null], [2, "soon"])]
    await assert.rejects(read(groups), /expected a value of kind d, got "soon"/)
    await assert.rejects(read(groups), /at \.tuples\[3\]\.due$/)
  })

  test("no more values, levels or bytes than the limits say", async () => {
    const limits = { ...defaultLimits, maxNodes: 50, maxInflated: 1_000, maxDepth: 6 }
    await read([group("x.Y", ["a"], "p", ...Array.from({ length: 20 }, () => [1]))], limits)
    await assert.rejects(read([group("x.Y", ["a"], "p", ...Array.from({ length: 30 }, () => [1]))], limits), LimitExceeded) // prettier-ignore
    await assert.rejects(read([{ v: [[[[[[[1]]]]]]] }], limits), LimitExceeded)
    const bomb = deflateSync(`[{"v":["${"x".repeat(1_000)}"]}]`)
    const compressed = readMessage(Uint8Array.from(message({ flags: 6, body: new Uint8Array(bomb) })), limits)
    await assert.rejects(compressed.open(limits), LimitExceeded)
  })
})
