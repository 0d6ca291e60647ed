/**
 * Messages that a broken or hostile server might send: recorded ones, damaged in ways that are the same each run.
 *
 * What is in a body is damaged before it is compressed, as no damage to what is compressed gets far. Runs in Node and
 * in a page.
 */

import { type Vector, framesOf, inflated } from "./vectors.ts"

/** Random integers below a bound, the same at each run. */
export function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const DEEP = 5_000

/** What may stand first in a JSON object. */
const FIELDS = [
  '"__proto__":{"polluted":1}',
  '"constructor":{"prototype":{"polluted":1}}',
  '"prototype":{"polluted":1}',
  '"toString":5',
  '"then":{"_ct":"rt","_c":"x"}',
  '"_ct":"rp"',
  '"_ct":"rpe"',
  '"_ct":"__proto__"',
  '"_c":"__proto__"',
  '"_ft":"constructor","_fd":"x"',
  '"_ft":"int","_fd":"1e999"',
  '"_ft":"str","_fd":12345678901234567890',
  '"_ft":"bytes","_fd":"A"',
  '"_ft":"datetime","_fd":"2024-02-30"',
  '"_ft":"float","_fd":{"_ft":"float","_fd":NaN}',
  `"n":${"9".repeat(400)}`,
  `"n":${"9".repeat(5_000)}`,
  `"_ft":"float","_fd":"${"1".repeat(5_000)}x"`,
  '"n":-1e999',
  `"deep":${"[".repeat(DEEP)}${"]".repeat(DEEP)}`,
  `"deep":${'{"a":'.repeat(DEEP)}1${"}".repeat(DEEP)}`,
  `"wide":[${"1,".repeat(DEEP)}1]`,
  '"result":12345678901234567890',
]

/** What stands nowhere. */
const JUNK = [
  "[".repeat(200),
  '{"a":'.repeat(100),
  "null",
  "NaN",
  "-Infinity",
  "\ud800",
  "\0",
  ".",
  "=",
  "é",
  "😀",
]

/** *text* with one or two things wrong: bits turned, cut, spliced with *other*, something put in. */
function damaged(text: string, other: string, below: (bound: number) => number): string {
  for (let changes = 1 + below(2); changes > 0; changes--) {
    const at = below(text.length + 1)
    switch (below(10)) {
      case 0:
        text = text.slice(0, at)
        break
      case 1:
        text =
          text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << below(8))) + text.slice(at + 1)
        break
      case 2:
        text = text.slice(0, at) + other.slice(below(200))
        break
      case 3:
        text = text.slice(0, at) + (JUNK[below(JUNK.length)] ?? "") + text.slice(at)
        break
      case 4:
        text = text.slice(0, at) + text.slice(at + below(20))
        break
      default: {
        const brace = text.indexOf("{", at) + 1 || text.indexOf("{") + 1
        const rest = text.slice(brace)
        const comma = rest.startsWith("}") ? "" : ","
        if (brace) text = text.slice(0, brace) + (FIELDS[below(FIELDS.length)] ?? "") + comma + rest
      }
    }
  }
  return text
}

/** The recorded messages, raw and in base64, that mutations are made of. */
export function seeds(files: ReadonlyMap<string, readonly Vector[]>): string[] {
  return [...files.values()].flat().flatMap((vector) => {
    const { kind, raw_b64 } = vector
    if (vector.messages) return framesOf(vector).filter((frame) => frame !== "")
    if (typeof raw_b64 !== "string") return []
    const text = atob(raw_b64)
    return [
      kind === "encoded_payload" ? JSON.stringify({ _ct: "rpe", filt: { key: "k" }, data: text }) : text,
    ]
  })
}

/** *count* messages that were made of *from*. */
export function* mutated(from: readonly string[], count: number, seed = 1): Generator<string, void, void> {
  const below = numbers(seed)
  const one = (): string => from[below(from.length)] ?? ""
  for (let made = 0; made < count; made++) {
    const text = one()
    const opened = below(2) ? inner(text) : null
    const found = damaged(opened ?? text, one(), below)
    yield opened !== null && below(2) ? btoa(found.replaceAll(/[^\0-\xff]/g, "?")) : found
  }
}

/** What is in base64, as the message's own text; null where it is not text in JSON. */
function inner(text: string): string | null {
  try {
    const decoded = atob(text)
    return decoded.startsWith("{") ? decoded : null
  } catch {
    return null
  }
}

/** *count* messages whose envelope is whole, and whose body was one of the recorded ones: of eras 0 and 2. */
export async function* mutatedBodies(
  files: ReadonlyMap<string, readonly Vector[]>,
  count: number,
  seed = 1,
): AsyncGenerator<string, void, void> {
  const bodies: string[] = []
  for (const { kind, raw_b64 } of [...files.values()].flat())
    if ((kind === "encoded_payload" || kind === "vortex_msg_era0") && typeof raw_b64 === "string")
      bodies.push(JSON.stringify(await inflated(atob(raw_b64))))
  const below = numbers(seed)
  const one = (): string => bodies[below(bodies.length)] ?? ""
  for (let made = 0; made < count; made++) yield withBody(damaged(one(), one(), below), below(3) === 0)
}

/** Small messages that inflate to *size* characters, each of one kind. */
export async function* bombs(size: number): AsyncGenerator<string, void, void> {
  const head = '{"_ct":"rp","filt":{"key":"k"},"tuples":['
  for (const filler of [" ", "[", "1", '"', "1,", "{},", '{"a":', "\\u0000", "\0"])
    for (const isEra0 of [false, true]) {
      const body = filler.repeat(size / filler.length)
      yield withBody(head + body, isEra0)
      yield withBody(body, isEra0)
    }
}

async function withBody(json: string, isEra0: boolean): Promise<string> {
  const stream = new Blob([json]).stream().pipeThrough(new CompressionStream("deflate"))
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer())
  const data = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
  return isEra0 ? data : JSON.stringify({ _ct: "rpe", filt: { key: "k" }, data, result: null, date: null })
}
