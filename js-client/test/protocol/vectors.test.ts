import assert from "node:assert/strict"
import { suite, test } from "node:test"
import { DotDecoder } from "../../src/protocol/framing.ts"
import { vectorFiles } from "../files.ts"
import { FILES, type Vector, checkVectors, framesOf } from "./vectors.ts"

test("every recorded vector is read as it was meant, and what we write means the same", async () => {
  const { problems, counts } = await checkVectors(vectorFiles())

  assert.deepEqual(problems, [])
  assert.deepEqual(counts, {
    files: 12,
    vortexpy622: 103,
    vortexjs242: 2 * 35,
    "given to vortexjs242": 74,
    "given to vortexjs242, by the rules": 112 - 74,
    vortexpy030: 14,
    "is empty": 17,
    frames: 173,
    messages: 116,
    beats: 24,
    "written as vortexpy622": 78,
    "written as vortexjs242": 30,
  })
})

suite("The streams of recorded sessions are taken apart in whatever way they were cut", () => {
  /** Each direction of each connection that is one long stream of base64 and dots. */
  const streams = new Map<string, { text: string; frames: string[] }>()
  for (const [file, vectors] of vectorFiles())
    for (const vector of FILES.has(file) ? vectors : []) {
      const { conn, direction, transport } = vector as Vector & Record<string, string>
      const frames = framesOf(vector)
      if (transport === "ws" || !frames.length || frames[0]?.startsWith("{")) continue
      const name = `${file} ${String(conn)} ${String(direction)}`
      const stream = streams.get(name) ?? { text: "", frames: [] }
      streams.set(name, stream)
      stream.text += frames.map((frame) => `${frame}.`).join("")
      stream.frames.push(...frames)
    }

  for (const [name, { text, frames }] of streams)
    test(name, () => {
      for (let cut = 0; cut <= text.length; cut += cut < 3_000 ? 1 : 97) {
        const decoder = new DotDecoder(text.length)
        assert.deepEqual([...decoder.feed(text.slice(0, cut)), ...decoder.feed(text.slice(cut))], frames)
      }
      const decoder = new DotDecoder(text.length)
      assert.deepEqual(Array.from(text, (char) => decoder.feed(char)).flat(), frames)
    })

  test("there are 31", () => {
    assert.equal(streams.size, 31)
  })
})
