// Before the npm package is packed: puts in here what it holds and this folder does not. --undo takes that away.
import { copyFileSync, mkdirSync, rmSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { filesIn } from "./files.mjs"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = join(root, "dist")

rmSync(dist, { recursive: true, force: true })
rmSync(join(root, "LICENSE"), { force: true })

if (!process.argv.includes("--undo")) {
  mkdirSync(dist)
  for (const file of filesIn(join(root, "../vortex/static"), ""))
    copyFileSync(file, join(dist, basename(file)))
  copyFileSync(join(root, "../LICENSE"), join(root, "LICENSE"))
}
