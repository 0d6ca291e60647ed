import assert from "node:assert/strict"
import { suite, test } from "node:test"
import { DecodeError } from "../../src/errors.ts"
import { fromBase64, toBase64 } from "../../src/protocol/base64.ts"

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64")

suite("Base64", () => {
  for (const text of ["", "AA==", "AAA=", "AAAA", "AB==", "+/+/"])
    test(`${JSON.stringify(text)} is read`, () => {
      assert.deepEqual(Buffer.from(fromBase64(text)), Buffer.from(text, "base64"))
    })

  for (const text of [
    "A",
    "AA",
    "AAA",
    "A===",
    "AA==AAAA",
    "AA AA==",
    "\nAAA",
    "AA-_",
    "AAAA=",
    "ÄÄÄÄ",
    "====",
  ])
    test(`${JSON.stringify(text)} is refused`, () => {
      assert.throws(() => fromBase64(text), DecodeError)
    })

  test("is written, however long it is", () => {
    for (const length of [0, 1, 2, 3, 0x8000, 100_000]) {
      const bytes = Uint8Array.from({ length }, (_, index) => (index * 7) % 256)
      assert.equal(toBase64(bytes), base64(bytes))
    }
  })
})
