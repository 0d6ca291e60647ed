import assert from "node:assert/strict"
import { suite, test } from "node:test"
import { deflateSync, gzipSync } from "node:zlib"
import { DecodeError, LimitExceeded, VortexError } from "../../src/errors.ts"
import { defaultLimits } from "../../src/limits.ts"
import { through } from "../../src/protocol/compression.ts"
import { NativeDecoder } from "../../src/protocol/native.ts"
import { readMessage } from "../../src/protocol/native_message.ts"
import { PayloadEndpoint } from "../../src/routing/payload_endpoint.ts"
import { PayloadIO } from "../../src/routing/payload_io.ts"
import { isSubset } from "../../src/routing/filt.ts"
import { Tuple } from "../../src/tuples/tuple.ts"
import { vectorFiles } from "../files.ts"
import { frame, message } from "../wire.ts"
import { mutatedMessages, seeds } from "./mutations.ts"

const LIMITS = { ...defaultLimits, maxInflated: 100_000, maxNodes: 5_000, maxFrame: 50_000 }

/** A message with *json* as its values' text. */
function valuesMessage(json: string, key = "k"): Uint8Array {
  const body = new Uint8Array(deflateSync(`[{"v":${json}}]`))
  return Uint8Array.from(message({ flags: 6, f: { key }, body }))
}

const decoded = async (json: string): Promise<unknown> =>
  (await readMessage(valuesMessage(`[${json}]`), LIMITS).open(LIMITS)).tuples[0]

const inflate = (bytes: Uint8Array<ArrayBuffer>, limit: number): Promise<Uint8Array> =>
  through(new DecompressionStream("deflate"), bytes, limit)

/** Small messages that inflate to much, each of one kind. */
function* bombs(size: number): Generator<Uint8Array> {
  for (const filler of [" ", "[", "1", '"', "1,", "{},", '{"a":', "\\u0000", "\0"]) {
    const text = filler.repeat(size / filler.length)
    yield valuesMessage(`[${text}`)
    yield Uint8Array.from(message({ flags: 6, body: new Uint8Array(deflateSync(text)) }))
  }
}

const SEEDS = await seeds(vectorFiles())

function* mutations(count: number, seed: number): Generator<Uint8Array> {
  yield* mutatedMessages(SEEDS, count, seed)
  yield* bombs(1_000_000)
}

suite("5,000 mutated messages", () => {
  test("each is a payload or an error with a code; nothing else comes out, and no prototype is touched", async () => {
    const names = Object.getOwnPropertyNames(Object.prototype).sort()
    const endings = new Map<string, number>()
    let slowest = 0
    for (const bytes of mutations(5_000, 1)) {
      let ending = "payload"
      const start = performance.now()
      try {
        const { tuples } = await readMessage(bytes, LIMITS).open(LIMITS)
        for (const tuple of tuples)
          if (tuple instanceof Tuple) assert.equal(Object.getPrototypeOf(tuple), Tuple.prototype)
      } catch (error) {
        const text = Buffer.from(bytes.subarray(0, 200)).toString("latin1")
        assert.ok(error instanceof VortexError, `${String(error)} came of ${text}`)
        assert.ok(error.message.length < 1_000, error.message)
        ending = error.code
      }
      slowest = Math.max(slowest, performance.now() - start)
      endings.set(ending, (endings.get(ending) ?? 0) + 1)
    }

    assert.deepEqual(Object.getOwnPropertyNames(Object.prototype).sort(), names)
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined)
    // Were all of them refused at the first byte, this would show nothing.
    const told = JSON.stringify([...endings])
    assert.ok((endings.get("payload") ?? 0) > 500, told)
    assert.ok((endings.get("bad-payload") ?? 0) > 1_000, told)
    assert.ok((endings.get("limit-exceeded") ?? 0) > 50, told)
    assert.ok(slowest < 2_000, `one took ${slowest} ms`)
  })

  test("none stops what comes after it", async () => {
    const errors: unknown[] = []
    const got: unknown[] = []
    const refused = new Error("no")
    const io = new PayloadIO(
      LIMITS,
      () => Promise.resolve(),
      (error) => errors.push(error),
    )
    for (const key of ["vec", "peer.echo", "peer.jobs"]) new PayloadEndpoint({ key }, () => undefined, io)
    new PayloadEndpoint({ key: "last" }, (payload) => got.push(payload.tuples[0]), io)
    new PayloadEndpoint({ key: "k" }, () => { throw refused }, io) // prettier-ignore
    for (const bytes of mutations(1_000, 7)) {
      try {
        void io.route(readMessage(bytes, LIMITS))
      } catch {
        // Refused before it was routed.
      }
    }
    await io.route(readMessage(valuesMessage('["here"]', "last"), LIMITS))

    assert.deepEqual(got, ["here"])
    assert.deepEqual(errors.filter((error) => error !== refused && !(error instanceof VortexError)), []) // prettier-ignore
    assert.ok(errors.filter((error) => error === refused).length + errors.length > 200)
    assert.ok(errors.filter((error) => error instanceof VortexError).length > 100)
  })
})

suite("Names that reach a prototype", () => {
  for (const name of ["__proto__", "constructor", "prototype"]) {
    test(`${name} as a field of a tuple is dropped`, async () => {
      const tuple = (await decoded(`{"_ct":"rt","_c":"x.Y","a":1,"${name}":{"polluted":1}}`)) as Tuple

      assert.deepEqual(Object.keys(tuple), ["a"])
      assert.equal(Object.getPrototypeOf(tuple), Tuple.prototype)
    })

    test(`${name} as a key of an object is dropped`, async () => {
      const object = (await decoded(`{"a":1,"${name}":{"polluted":1}}`)) as object

      assert.deepEqual(Object.keys(object), ["a"])
      assert.equal(Object.getPrototypeOf(object), Object.prototype)
    })

    test(`${name} as a type is a name like any other`, async () => {
      const tuple = (await decoded(`{"_ct":"rt","_c":"${name}","a":1}`)) as Tuple

      assert.equal(Tuple.typeOf(tuple), name)
      assert.deepEqual(Object.entries(tuple), [["a", 1]])
    })

    test(`${name} as a kind of value, or of object, is refused`, async () => {
      await assert.rejects(decoded(`{"_ft":"${name}","_fd":1}`), DecodeError)
      await assert.rejects(decoded(`{"_ct":"${name}"}`), DecodeError)
    })

    test(`${name} in a filt matches nothing that is only inherited`, () => {
      assert.equal(isSubset(JSON.parse(`{"${name}":1}`) as Record<string, unknown>, {}), false)
    })
  }
})

suite("Bounds", () => {
  test("a bomb is given up at the limit", async () => {
    const bomb = new Uint8Array(deflateSync(Buffer.alloc(50 << 20)))
    const before = process.memoryUsage().arrayBuffers

    await assert.rejects(
      inflate(bomb, 1_000_000),
      new LimitExceeded("maxInflated", "a payload unpacks to over 1000000 bytes"),
    )
    assert.ok(process.memoryUsage().arrayBuffers - before < 30 << 20)
  })

  test("exactly as much as the limit passes", async () => {
    const text = Buffer.alloc(1000, "x")

    assert.deepEqual(Buffer.from(await inflate(new Uint8Array(deflateSync(text)), 1000)), text)
    await assert.rejects(inflate(new Uint8Array(deflateSync(text)), 999), LimitExceeded)
  })

  test("what is cut short, or no zlib, is refused", async () => {
    const whole = new Uint8Array(deflateSync(Buffer.alloc(1000, "x")))

    await assert.rejects(inflate(whole.subarray(0, whole.length - 1), 1000), DecodeError)
    await assert.rejects(inflate(new Uint8Array(gzipSync("x")), 1000), DecodeError)
    await assert.rejects(inflate(new Uint8Array(0), 1000), DecodeError)
  })

  test("values nest up to the limit, and no deeper", async () => {
    const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels)

    await decoded(nested(LIMITS.maxDepth - 1)) // the list of tuples is a level too
    await assert.rejects(decoded(nested(LIMITS.maxDepth)), LimitExceeded)
    await assert.rejects(decoded(nested(10_000)), LimitExceeded)
  })

  test("a message holds no more values than the limit", async () => {
    await decoded(`[${"1,".repeat(4_990)}1]`)
    await assert.rejects(decoded(`[${"1,".repeat(5_000)}1]`), LimitExceeded)
  })

  test("a filt has no more keys than the limit", () => {
    const filt = Object.fromEntries(Array.from({ length: LIMITS.maxFiltItems + 1 }, (_, n) => [`k${n}`, n]))

    assert.throws(() => readMessage(Uint8Array.from(message({ f: filt })), LIMITS), LimitExceeded)
  })

  test("a frame is no longer than the limit", () => {
    assert.throws(() => [...new NativeDecoder(10).feed(frame(5, new Uint8Array(10)))], LimitExceeded)
    assert.equal([...new NativeDecoder(10).feed(frame(5, new Uint8Array(9)))].length, 1)
  })
})
