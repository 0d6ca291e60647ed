import assert from "node:assert/strict"
import { test } from "node:test"
import { vectorFiles } from "../files.ts"
import { checkVectors } from "./vectors.ts"

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
    frames: 173,
    messages: 116,
    beats: 24,
    "written as vortexpy622": 78,
    "written as vortexjs242": 30,
  })
})
