import assert from "node:assert/strict"
import { test } from "node:test"
import { newBackoff } from "../../src/protocol/backoff.ts"

test("the ceiling doubles from the first delay to the cap, and stays there", () => {
  const backoff = newBackoff(250, 8_000, () => 0.5)

  const delays = Array.from({ length: 8 }, () => backoff.nextMs())

  assert.deepEqual(delays, [125, 250, 500, 1_000, 2_000, 4_000, 4_000, 4_000])
})

test("the delay is anything from nothing to the ceiling", () => {
  const randoms = [0, 0.999999, 0.25]
  const backoff = newBackoff(1_000, 8_000, () => randoms.shift() ?? NaN)

  assert.deepEqual([backoff.nextMs(), backoff.nextMs(), backoff.nextMs()].map(Math.floor), [0, 1_999, 1_000])
})

test("a reset starts over", () => {
  const backoff = newBackoff(250, 8_000, () => 0.5)
  for (let attempt = 0; attempt < 5; attempt++) backoff.nextMs()

  backoff.reset()

  assert.deepEqual([backoff.nextMs(), backoff.nextMs()], [125, 250])
})

test("a thousand failures later the delay is still a number under the cap", () => {
  const backoff = newBackoff(250, 8_000, () => 0.5)
  for (let attempt = 0; attempt < 2_000; attempt++) backoff.nextMs()

  assert.equal(backoff.nextMs(), 4_000)
})

test("by default it is random, from 250 ms to 8 s", () => {
  const backoff = newBackoff()
  const delays = Array.from({ length: 200 }, () => backoff.nextMs())

  assert.ok((delays[0] ?? NaN) < 250)
  assert.ok(Math.max(...delays) < 8_000 && Math.max(...delays) > 4_000)
  assert.ok(new Set(delays).size > 100)
})
