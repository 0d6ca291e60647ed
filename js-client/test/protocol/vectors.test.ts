import assert from "node:assert/strict"
import { test } from "node:test"
import { vectorFiles } from "../files.ts"
import { checkVectors } from "./vectors.ts"

test("every recorded vector is read as it was meant", async () => {
  const { checked, problems } = await checkVectors(vectorFiles())

  assert.deepEqual(problems, [])
  // 74 of the 112 that VortexJS read are bytes of which it is known what VortexPY meant by them.
  assert.equal(checked, 103 + 35 + 74 + 14)
})
