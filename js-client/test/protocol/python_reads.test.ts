import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { resolve } from "node:path"
import { test } from "node:test"
import { vectorFiles } from "../files.ts"
import { PYTHON } from "../node/server.ts"
import { canonical, normal } from "./notation.ts"
import { writtenMessages } from "./vectors.ts"

test("the Python library reads what we write as what was recorded", async () => {
  const messages = await writtenMessages(vectorFiles())

  const { stdout, stderr } = spawnSync(PYTHON, ["test/protocol/python_reads.py"], {
    env: { ...process.env, PYTHONPATH: resolve("..") },
    input: messages.map(({ message }) => JSON.stringify(message) + "\n").join(""),
    encoding: "utf8",
  })

  const read = stdout.trim().split("\n")
  assert.equal(read.length, messages.length, stderr)
  const problems = messages.flatMap(({ name, meaning }, index) => {
    const found = canonical(normal(JSON.parse(read[index] ?? "null")))
    return found === meaning ? [] : [`${name}: it reads ${found}, should be ${meaning}`]
  })
  assert.deepEqual(problems, [])
  assert.equal(messages.length, 85)
})
