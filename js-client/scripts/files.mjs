// The files of a folder, and of those in it, by what their names end in.
import { readdirSync } from "node:fs"
import { join } from "node:path"

export function filesIn(folder, ending) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .sort()
}
