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
import { minify } from "terser"
import { internal } from "./internal.mjs"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = resolve(process.argv[2] ?? join(root, "../vortex/static"))
const { version, license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
const banner = `/*! txvortex ${version}, ${license} licence */`

mkdirSync(folder, { recursive: true })

const { outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: ["src/index.ts"],
  outfile: "vortex.mjs",
  write: false,
  bundle: true,
  format: "esm",
  minify: true,
  sourcemap: "external",
  mangleProps: new RegExp(`^(${internal.join("|")})$`),
  target: "es2022",
  logLevel: "warning",
})
const [bundledMap, bundled] = outputFiles.map(({ text }) => text)

// Terser finds some more that is not needed, and names what is used most by the letters that compress best.
const { code, map } = await minify(bundled, {
  ecma: 2022,
  module: true,
  compress: { passes: 3 },
  sourceMap: { content: bundledMap, includeSources: true },
})
const { mappings, ...rest } = JSON.parse(String(map))
delete rest.file
// Sources are named by their place beside the map; a build elsewhere is to give the same map.
const sources = rest.sources.map((source) => `txvortex/${source.slice(source.lastIndexOf("src/"))}`)

/** Writes *lines* of code, before whose map so many others stand. */
function write(file, lines, shift) {
  writeFileSync(join(folder, file), `${[banner, ...lines].join("\n")}\n//# sourceMappingURL=${file}.map\n`)
  const moved = { ...rest, sources, mappings: ";".repeat(shift) + mappings }
  writeFileSync(join(folder, `${file}.map`), JSON.stringify(moved))
}

write("vortex.mjs", [code], 1)

// The same for classic scripts: what a module exports, one object holds.
const [exported, names] = /export\{(.*?)\};?$/.exec(code) ?? []
if (!exported) throw new Error("expected a module that exports its names at its end")
const members = names.split(",").map((name) => name.split(" as ").reverse().join(":"))
const script = code.slice(0, -exported.length)
write("vortex.js", ['var Vortex=(()=>{"use strict";', `${script}return{${members.join(",")}}})();`], 2)

const types = await rollup({
  input: join(root, "src/index.ts"),
  plugins: [dts({ tsconfig: join(root, "tsconfig.json"), compilerOptions: { stripInternal: true } })],
})
const { output } = await types.generate({ format: "es" })
const isPublished = (name) => new RegExp(`^ +(\\w+ )*${name}\\??[:(<]`, "m").test(output[0].code)
const published = internal.filter(isPublished)
if (published.length) throw new Error(`not internal, but in the types: ${published.join(", ")}`)
writeFileSync(join(folder, "vortex.d.ts"), `${banner}\n${output[0].code}\nexport as namespace Vortex\n`)
