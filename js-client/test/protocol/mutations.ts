/**
 * Frames that a broken or hostile server might send: of recorded values, damaged in ways that are the same each run.
 *
 * Bodies are not compressed, as no damage to what is compressed gets far. Runs in Node and in a page.
 */

import { KINDS, WELCOME, bytesOf, frame, groupOf, varint } from "../wire.ts"
import { type Vector, inflated } from "./vectors.ts"

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

/** What a message is made of: its head and its body, as text. */
export interface Seed {
  readonly head: string
  readonly body: string
}

/** The recorded messages and values, as messages of the native wire. */
export async function seeds(files: ReadonlyMap<string, readonly Vector[]>): Promise<Seed[]> {
  const found: Seed[] = []
  for (const { kind, raw_b64 } of [...files.values()].flat()) {
    if ((kind !== "encoded_payload" && kind !== "vortex_msg_era0") || typeof raw_b64 !== "string") continue
    const { filt, tuples } = (await inflated(atob(raw_b64))) as { filt?: object; tuples?: object[] }
    const head = JSON.stringify({ f: { ...filt, key: "k" }, r: null, d: 1 })
    found.push({ head, body: JSON.stringify([{ v: tuples ?? [] }]) })
    if (tuples?.length) found.push({ head, body: JSON.stringify(tuples.map(groupOf)) })
  }
  return found
}

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0) & 255)

/** A message of which the head or the body is damaged, or its flags. */
function messageOf({ head, body }: Seed, other: Seed, below: (bound: number) => number): number[] {
  const texts = [head, body]
  const which = below(3) ? 1 : 0
  texts[which] = damaged(texts[which] ?? "", which ? other.body : other.head, below)
  const [headBytes = [], bodyBytes = []] = texts.map((text) =>
    below(20) ? bytesOf(text) : [...latin1(text)],
  )
  const flags = below(20) ? 4 : below(256)
  return [flags, ...varint(below(40) ? headBytes.length : below(1_000)), ...headBytes, ...bodyBytes]
}

/** *count* messages that were made of *from*. */
export function* mutatedMessages(from: readonly Seed[], count: number, seed = 1): Generator<Uint8Array> {
  const below = numbers(seed)
  const one = (): Seed => from[below(from.length)] ?? { head: "{}", body: "[]" }
  for (let made = 0; made < count; made++) yield Uint8Array.from(messageOf(one(), one(), below))
}

/**
 * *count* runs of bytes in which a server might write one frame each.
 *
 * @param next - The number of the next message that would be taken.
 */
export function* mutatedFrames(
  from: readonly Seed[],
  count: number,
  next: () => number,
  seed = 1,
): Generator<Uint8Array> {
  const below = numbers(seed)
  const one = (): Seed => from[below(from.length)] ?? { head: "{}", body: "[]" }
  const number = (): number[] => varint([next(), next() - 1, next() + 1, 0, 2 ** 53 - 1][below(5)] ?? 0)
  for (let made = 0; made < count; made++) {
    const message = messageOf(one(), one(), below)
    const answers = below(3) ? [] : varint(below(5))
    const kind = answers.length ? KINDS.REPLY : KINDS.DATA
    const whole = frame(kind, varint(next()), answers, message)
    switch (below(12)) {
      case 0:
        yield frame(kind, number(), answers, message)
        break
      case 1:
        yield latin1(damaged(String.fromCharCode(...whole.subarray(0, 5_000)), "\0\x80\xff", below))
        break
      case 2:
        yield frame(below(256), message.slice(0, below(50)))
        break
      case 3:
        yield frame([KINDS.ACK, KINDS.BEAT][below(2)] ?? 0, number(), below(2) ? number() : [])
        break
      case 4: {
        const json = JSON.stringify({ ...WELCOME, code: "x", reason: "y", again: below(2) === 1 })
        const kinds = [KINDS.WELCOME, KINDS.CLOSE, KINDS.HELLO, KINDS.PAD]
        yield frame(kinds[below(4)] ?? 0, bytesOf(damaged(json, one().head, below)))
        break
      }
      default:
        yield whole
    }
  }
}
