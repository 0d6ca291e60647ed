import assert from "node:assert/strict"
import { suite, test } from "node:test"
import { DecodeError, LimitExceeded } from "../../src/errors.ts"
import * as Kind from "../../src/protocol/kinds.ts"
import { NativeDecoder, frame, readVarint, varint } from "../../src/protocol/native.ts"

const hex = (bytes: ArrayLike<number>): string => Buffer.from(Array.from(bytes)).toString("hex")
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"))

suite("a number", () => {
  const cases: [number: number, written: string][] = [
    [0, "00"],
    [1, "01"],
    [127, "7f"],
    [128, "8001"],
    [300, "ac02"],
    [16_383, "ff7f"],
    [16_384, "808001"],
    [2 ** 31, "8080808008"],
    [2 ** 32 + 5, "8580808010"],
    [2 ** 53 - 1, "ffffffffffffff0f"],
  ]
  for (const [number, written] of cases)
    test(`${number} is ${written}`, () => {
      assert.equal(hex(varint(number)), written)
      assert.deepEqual(readVarint(bytes(`aa ${written} bb`), 1), [number, 1 + written.length / 2])
    })

  for (const [what, text] of [
    ["over 2^53 - 1", "8080808080808010"],
    ["of nine bytes", "808080808080808001"],
    ["that is cut short", "80"],
    ["that is not there", ""],
  ] as const)
    test(`${what} is refused`, () => {
      assert.throws(() => readVarint(bytes(text), 0), DecodeError)
    })
})

test("a frame is its length, its kind and the rest", () => {
  assert.equal(hex(frame(Kind.BEAT, varint(300))), "0312ac02")
  assert.equal(hex(frame(Kind.ACK, [1], [2])), "03110102")
  assert.equal(hex(frame(Kind.PAD, new Uint8Array(200))), `c90105${"00".repeat(200)}`)
})

suite("frames are taken out of a run of bytes", () => {
  const RUN = bytes(`02 12 00  04 11 ac 02 00  01 05  c9 01 05 ${"41".repeat(200)}  02 12 01`)
  const FRAMES = ["1200", "11ac0200", "05", `05${"41".repeat(200)}`, "1201"]
  const fed = (...chunks: Uint8Array[]): string[] => {
    const decoder = new NativeDecoder(1_000)
    return chunks.flatMap((chunk) => [...decoder.feed(chunk)].map(hex))
  }

  test("wherever it is cut, once and twice", () => {
    for (let one = 0; one <= RUN.length; one++) {
      assert.deepEqual(fed(RUN.subarray(0, one), RUN.subarray(one)), FRAMES)
      for (let two = one; two <= RUN.length; two += 7)
        assert.deepEqual(fed(RUN.subarray(0, one), RUN.subarray(one, two), RUN.subarray(two)), FRAMES)
    }
  })

  test("byte by byte", () => {
    assert.deepEqual(fed(...Array.from(RUN, (byte) => Uint8Array.of(byte))), FRAMES)
  })

  test("of many chunks in time that grows as they do", () => {
    const decoder = new NativeDecoder(1 << 24)
    const start = performance.now()
    const found = [...decoder.feed(bytes("818080 04 05"))]
    for (let chunk = 0; chunk < 8_192; chunk++) found.push(...decoder.feed(new Uint8Array(1_024)))

    assert.deepEqual(
      found.map(({ length }) => length),
      [(4 << 21) + 1],
    )
    assert.ok(performance.now() - start < 2_000)
  })

  test("what is kept of a chunk is not the chunk", () => {
    const chunk = new Uint8Array(1_000)
    chunk.set([...bytes("02 12 07"), ...bytes("03 11")])
    const decoder = new NativeDecoder(1_000)
    assert.deepEqual([...decoder.feed(chunk.subarray(0, 5))].map(hex), ["1207"])
    chunk.fill(0xff)

    assert.deepEqual([...decoder.feed(bytes("01 00"))].map(hex), ["110100"])
  })

  test("one that is too long is refused before it is there, behind those that are not", () => {
    const decoder = new NativeDecoder(10)
    const frames = decoder.feed(bytes("02 12 00 0b"))

    assert.deepEqual(hex((frames.next().value as Uint8Array | undefined) ?? []), "1200")
    assert.throws(() => frames.next(), LimitExceeded)
    assert.deepEqual([...new NativeDecoder(10).feed(bytes("0a 05 010203040506070809"))].length, 1)
  })

  for (const [what, text] of [
    ["without a kind", "00"],
    ["whose length has nine bytes", "808080808080808001"],
    ["whose length is over 2^53 - 1", "ffffffffffffff7f"],
  ] as const)
    test(`one ${what} is refused`, () => {
      assert.throws(() => [...new NativeDecoder(1_000).feed(bytes(text))], DecodeError)
    })
})
