/** The conformance cases, see README.md in tests/conformance, with our TypeScript core. */

import assert from "node:assert/strict"
import { suite, test } from "node:test"
import { VortexError } from "../../src/errors.ts"
import { fromBase64 } from "../../src/protocol/base64.ts"
import { NativeDecoder, readVarint, varint } from "../../src/protocol/native.ts"
import { EventDecoder } from "../../src/transports/sse.ts"
import { rowSum } from "../../src/tuples/row_sum.ts"
import { ClientScript } from "./client_script.ts"
import { LiveScript, Types } from "./live_script.ts"
import { bytesOf, casesOf, fileOf } from "./notation.ts"

const VARINTS = casesOf(/^varints\./)
const FRAMES = casesOf(/^frames\./)
const EVENTS = casesOf(/^events\./)
const CLIENT = casesOf(/^client_/)
// A page keeps nothing from before.
const VIEWS = casesOf(/^live\./).filter((one) => !one["begins"])
const LIVE = fileOf("live.json") as {
  readonly types: Readonly<Record<string, readonly string[]>>
  readonly sums: readonly { readonly name: string; readonly value: unknown; readonly sum: number }[]
}
const TYPES = new Types(LIVE.types)

suite("numbers", () => {
  for (const one of VARINTS)
    test(one.name, () => {
      const bytes = bytesOf(String(one["bytes"]))
      if (one["error"]) {
        assert.throws(() => readVarint(bytes, 0), VortexError)
        return
      }
      const found = readVarint(Uint8Array.of(0xff, ...bytes, 0xff), 1)
      assert.deepEqual(found, [one["number"], 1 + bytes.length])
      assert.deepEqual(varint(Number(one["number"])), [...bytes])
    })
})

suite("frames", () => {
  for (const one of FRAMES)
    test(one.name, () => {
      const chunks = (one["chunks"] as string[]).map(bytesOf)
      const whole = Uint8Array.from(Buffer.concat(chunks))
      const expected = one["error"] ?? (one["frames"] as string[]).map((frame) => [...bytesOf(frame)])
      const found = (parts: Uint8Array[]): unknown => {
        const decoder = new NativeDecoder(Number(one["maxFrame"]))
        try {
          return parts.flatMap((part) => Array.from(decoder.feed(part), (frame) => [...frame]))
        } catch (error) {
          return error instanceof VortexError ? error.code : error
        }
      }
      assert.deepEqual(found(chunks), expected)
      assert.deepEqual(found(Array.from(whole, (byte) => Uint8Array.of(byte))), expected)
      if (one["error"]) return
      for (let cut = 0; cut < Math.min(whole.length, 300); cut++)
        assert.deepEqual(found([whole.slice(0, cut), whole.slice(cut)]), expected, `cut at ${cut}`)
    })
})

suite("events", () => {
  for (const one of EVENTS)
    test(one.name, () => {
      const text = (one["chunks"] as string[]).map((chunk) => Buffer.from(bytesOf(chunk)).toString())
      const found = (parts: string[]): unknown => {
        const events = new EventDecoder(10_000)
        const decoder = new NativeDecoder(1_000)
        return parts
          .flatMap((part) => events.feed(part))
          .flatMap((data) => Array.from(decoder.feed(fromBase64(data)), (frame) => [...frame]))
      }
      for (const parts of [text, Array.from(text.join(""))])
        if (one["error"]) assert.throws(() => found(parts), VortexError)
        else
          assert.deepEqual(
            found(parts),
            (one["frames"] as string[]).map((frame) => [...bytesOf(frame)]),
          )
    })
})

suite("a client's end of a session", () => {
  for (const one of CLIENT)
    test(one.name, () => {
      new ClientScript(one).run()
    })
})

suite("row sums", () => {
  for (const { name, value, sum } of LIVE.sums)
    test(name, () => {
      assert.equal(rowSum(TYPES.valueOf(value)), sum)
    })
})

suite("a view", () => {
  for (const one of VIEWS)
    test(one.name, async () => {
      await new LiveScript(one, TYPES).run()
    })
})

test("there are as many cases as there should be", () => {
  const counts = [VARINTS, FRAMES, EVENTS, CLIENT, VIEWS, LIVE.sums].map(({ length }) => length)
  assert.deepEqual(counts, [19, 23, 12, 133, 80, 32])
})
