/** The recorded vectors' files, for tests in Node, which run in js-client. */

import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import type { Vector } from "./protocol/vectors.ts"

const FOLDER = join(process.cwd(), "..", "tests", "vectors")

/** The vectors of each file, by its name without ".json". */
export function vectorFiles(): Map<string, Vector[]> {
  return new Map(
    readdirSync(FOLDER).map((file) => {
      const { vectors } = JSON.parse(readFileSync(join(FOLDER, file), "utf8")) as { vectors: Vector[] }
      return [file.replace(".json", ""), vectors]
    }),
  )
}
