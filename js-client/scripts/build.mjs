// Builds vortex/static out of src: what a server serves, and what the npm package holds.
//
//     node scripts/build.mjs [folder]
//
// The same sources give the same bytes, wherever and whenever it is run: the built files are committed, and a
// test builds them again.
import { createHash } from "node:crypto"
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

// The transports over POST are a file of their own, which `http_later` fetches: they are no part of the others.
const LATER = "vortex-http.mjs"
const later = {
  name: "later",
  setup({ onResolve }) {
    onResolve({ filter: /\/http_transports\.ts$/ }, ({ kind }) =>
      kind === "dynamic-import" ? { path: `./${LATER}`, external: true } : undefined,
    )
  },
}

/** What esbuild makes of a file of src; a property that *names* has is called so, and they get those it had not. */
async function bundle(entry, file, names) {
  const { outputFiles, mangleCache } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: file,
    write: false,
    bundle: true,
    format: "esm",
    minify: true,
    sourcemap: "external",
    mangleProps: new RegExp(`^(${internal.join("|")})$`),
    mangleCache: names,
    plugins: [later],
    target: "es2022",
    logLevel: "warning",
  })
  Object.assign(names, mangleCache)
  const [map, code] = outputFiles.map(({ text }) => text)
  return { map, code }
}

/** Terser finds some more that is not needed, and names what is used most by the letters that compress best. */
async function smallest(bundled) {
  const { code, map } = await minify(bundled.code, {
    ecma: 2022,
    module: true,
    // Safe in these sources: no getter of theirs does more than give, and what is made a text is never a symbol.
    compress: { passes: 2, sequences: false, lhs_constants: false, pure_getters: true, unsafe: true },
    sourceMap: { content: bundled.map, includeSources: true },
  })
  const { mappings, ...rest } = JSON.parse(String(map))
  delete rest.file
  // Sources are named by their place beside the map; a build elsewhere is to give the same map.
  const sources = rest.sources.map((source) => `txvortex/${source.slice(source.lastIndexOf("src/"))}`)
  return { code, mappings, rest: { ...rest, sources } }
}

/** Writes *lines* of code, before whose map so many others stand. */
function write(file, lines, { mappings, rest }, shift) {
  writeFileSync(join(folder, file), `${[banner, ...lines].join("\n")}\n//# sourceMappingURL=${file}.map\n`)
  const moved = { ...rest, mappings: ";".repeat(shift) + mappings }
  writeFileSync(join(folder, `${file}.map`), JSON.stringify(moved))
}

// Both call what they share by the same names.
const shortened = {}
const client = await smallest(await bundle("src/index.ts", "vortex.mjs", shortened))
const http = await smallest(await bundle("src/transports/http_transports.ts", LATER, shortened))

// What the two files share has names that are shorter in both: those of two builds do not go together. So what one
// takes from the other is called by what that holds, in as many letters as before, which leaves the maps right.
const shared = "openers"
const tag = `o${createHash("sha256").update(http.code).digest("hex")}`.slice(0, shared.length)
for (const file of [http, client]) {
  if (!file.code.includes(shared)) throw new Error(`expected ${shared} in both files`)
  file.code = file.code.replaceAll(shared, tag)
}

write(LATER, [http.code], http, 1)
write("vortex.mjs", [client.code], client, 1)

// The same for classic scripts: what a module exports, one object holds.
const [exported, names] = /export\{(.*?)\};?$/.exec(client.code) ?? []
if (!exported) throw new Error("expected a module that exports its names at its end")
const members = names.split(",").map((name) => name.split(" as ").reverse().join(":"))
const script = client.code.slice(0, -exported.length)
write(
  "vortex.js",
  ['var Vortex=(()=>{"use strict";', `${script}return{${members.join(",")}}})();`],
  client,
  2,
)

const types = await rollup({
  input: join(root, "src/index.ts"),
  plugins: [dts({ tsconfig: join(root, "tsconfig.json"), compilerOptions: { stripInternal: true } })],
})
const { output } = await types.generate({ format: "es" })
const isPublished = (name) => new RegExp(`^ +(\\w+ )*${name}\\??[:(<]`, "m").test(output[0].code)
const published = internal.filter(isPublished)
if (published.length) throw new Error(`not internal, but in the types: ${published.join(", ")}`)
writeFileSync(join(folder, "vortex.d.ts"), `${banner}\n${output[0].code}\nexport as namespace Vortex\n`)
