// Runs the client's tests in Node: each file of test/ is bundled by itself, and given to node --test.
//
//     node scripts/test.mjs [part of a file's name]
//
// The Python that servers are run with is VORTEX_PYTHON. Under CI a test that is left out is a failure.
import { spawnSync } from "node:child_process"
import { rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { filesIn } from "./files.mjs"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [part = ""] = process.argv.slice(2)
const built = join(root, "build/test")
const entryPoints = filesIn(join(root, "test"), ".test.ts").filter((file) => file.includes(part))
if (!entryPoints.length) throw new Error(`no test file's name holds ${JSON.stringify(part)}`)

rmSync(built, { recursive: true, force: true })
await build({
  absWorkingDir: root,
  entryPoints,
  outdir: built,
  outbase: join(root, "test"),
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  packages: "external",
  sourcemap: "inline",
  logLevel: "warning",
})

const files = filesIn(built, ".test.mjs")
// More at once than there may be processors: some wait for servers most of the time. The time is that of a whole file
// too, which takes half a minute where nothing else runs.
const manner = ["--test-concurrency=4", "--test-timeout=400000", "--test-reporter=tap"]
const options = ["--enable-source-maps", "--test", ...manner]
const run = spawnSync(process.execPath, [...options, ...files], {
  cwd: root,
  stdio: ["ignore", "pipe", "inherit"],
  encoding: "utf8",
  maxBuffer: 1 << 28,
})
const count = (what) => Number(new RegExp(`^# ${what} (\\d+)$`, "m").exec(run.stdout)?.[1] ?? NaN)
const [tests, passed, skipped, todo] = ["tests", "pass", "skipped", "todo"].map(count)
const isLeftOut = ["1", "true", "yes"].includes(process.env.CI) && skipped + todo > 0
// Node takes a file in which there is no test for a test by itself, one that passes.
const empty = files.filter((file) => run.stdout.includes(`# Subtest: ${file}\n`))
const failed = run.status !== 0 || !(tests > 0) || isLeftOut || empty.length > 0
if (failed) process.stdout.write(run.stdout)
if (isLeftOut) console.error("under CI every test runs and passes")
if (empty.length) console.error(`no test ran to its end in ${empty.join(", ")}`)
console.log(`${passed} of ${tests} tests passed${skipped + todo ? `, ${skipped + todo} left out` : ""}`)
process.exitCode = failed ? 1 : 0
