// Builds vortex/static out of src: what a server serves, and what the npm package holds.
//
//     node scripts/build.mjs [folder]
//
// The same sources give the same bytes, wherever and whenever it is run: the built files are committed, and a
// test builds them again.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { rollup } from "rollup"
import { dts } from "rollup-plugin-dts"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = resolve(process.argv[2] ?? join(root, "../vortex/static"))
const { version, license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
const banner = `/*! txvortex ${version}, ${license} licence */`

// Properties that nobody outside the client has to do with: in the bundle their names are shorter.
const internal = [
  ...[
    "depthLeft",
    "expiresAt",
    "framesToSend",
    "generation",
    "isAsItCame",
    "isAwaited",
    "isCancel",
    "isCarried",
  ],
  ...[
    "isClosed",
    "isMoving",
    "isSilent",
    "nextDeadline",
    "nextMs",
    "nodesLeft",
    "notSent",
    "openMs",
    "openedAt",
  ],
  "sendHead",
]

mkdirSync(folder, { recursive: true })

/** @param {import("esbuild").BuildOptions} options */
const bundle = (file, options) =>
  build({
    absWorkingDir: root,
    entryPoints: ["src/index.ts"],
    outfile: join(folder, file),
    bundle: true,
    minify: true,
    sourcemap: true,
    mangleProps: new RegExp(`^(${internal.join("|")})$`),
    target: "es2022",
    banner: { js: banner },
    logLevel: "warning",
    ...options,
  })

await bundle("vortex.mjs", { format: "esm" })
await bundle("vortex.js", { format: "iife", globalName: "Vortex" })

// esbuild names sources by their place beside the map; a build elsewhere is to give the same map.
for (const file of ["vortex.mjs.map", "vortex.js.map"]) {
  const path = join(folder, file)
  const map = JSON.parse(readFileSync(path, "utf8"))
  map.sources = map.sources.map((source) => `txvortex/${source.slice(source.lastIndexOf("src/"))}`)
  writeFileSync(path, JSON.stringify(map))
}

const types = await rollup({
  input: join(root, "src/index.ts"),
  plugins: [dts({ tsconfig: join(root, "tsconfig.json") })],
})
const { output } = await types.generate({ format: "es" })
writeFileSync(join(folder, "vortex.d.ts"), `${banner}\n${output[0].code}\nexport as namespace Vortex\n`)
