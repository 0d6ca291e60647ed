/** Frames that a broken or hostile server might send: recorded ones, damaged in ways that are the same each run. */

import type { Vector } from "./vectors.ts"

/** Random integers below a bound, the same at each run. */
export function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const ODD = [
  '"__proto__":{"polluted":1}',
  '"constructor":{"prototype":{"polluted":1}}',
  '"_ct":"rp"',
  '"_ct":"rpe"',
  '"_ct":"__proto__"',
  '"_ft":"constructor","_fd":"x"',
  '"_ft":"int","_fd":"1e999"',
  '"_ft":"float","_fd":{"_ft":"float","_fd":NaN}',
  `"n":${"9".repeat(400)}`,
  "[".repeat(200),
  '{"a":'.repeat(100),
  '"_c":"__proto__"',
  "null",
  "NaN",
  "-Infinity",
  "\ud800",
  ".",
  "=",
]

/** What is in base64, as the messages' own text; null where it is not text in JSON. */
function inner(text: string): string | null {
  try {
    const decoded = atob(text)
    return decoded.startsWith("{") ? decoded : null
  } catch {
    return null
  }
}

/** The recorded messages, raw and in base64, that mutations are made of. */
export function seeds(files: ReadonlyMap<string, readonly Vector[]>): string[] {
  return [...files.values()]
    .flat()
    .filter(({ kind }) => kind === "vortex_msg" || kind === "vortex_msg_era0" || kind === "encoded_payload")
    .flatMap(({ kind, raw_b64 }) => {
      if (typeof raw_b64 !== "string") return []
      const text = atob(raw_b64)
      return [
        kind === "encoded_payload" ? JSON.stringify({ _ct: "rpe", filt: { key: "k" }, data: text }) : text,
      ]
    })
}

/** *count* frames that were made of *from*: cut, spliced, with bits turned, and odd things put in. */
export function* mutated(from: readonly string[], count: number, seed = 1): Generator<string, void, void> {
  const below = numbers(seed)
  const one = (): string => from[below(from.length)] ?? ""
  for (let made = 0; made < count; made++) {
    let text = one()
    const opened = below(2) ? inner(text) : null
    if (opened !== null) text = opened
    for (let changes = 1 + below(3); changes > 0; changes--) {
      const at = below(text.length + 1)
      switch (below(6)) {
        case 0:
          text = text.slice(0, at)
          break
        case 1:
          text =
            text.slice(0, at) +
            String.fromCharCode(text.charCodeAt(at) ^ (1 << below(8))) +
            text.slice(at + 1)
          break
        case 2:
          text = text.slice(0, at) + one().slice(below(200))
          break
        case 3:
          text = text.slice(0, at) + (ODD[below(ODD.length)] ?? "") + text.slice(at)
          break
        case 4:
          text = text.replace("{", `{${ODD[below(ODD.length)] ?? ""},`)
          break
        case 5:
          text = text.slice(0, at) + text.slice(at + below(20))
      }
    }
    yield opened !== null && below(2) ? btoa(text.replaceAll(/[^\0-\xff]/g, "?")) : text
  }
}
