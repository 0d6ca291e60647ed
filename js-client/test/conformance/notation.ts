/**
 * The notation of tests/conformance, which its README.md describes: bytes, frames and scripts.
 *
 * It is written down here by itself: nothing of the client reads or writes what is compared.
 */

import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { KINDS, type KindName, frame, varint } from "../wire.ts"

const FOLDER = join(process.cwd(), "..", "tests", "conformance")

export type Json = Readonly<Record<string, unknown>>
export type Step = readonly [what: string, ...parts: unknown[]]

export interface Case {
  readonly name: string
  readonly steps: readonly Step[]
  readonly [key: string]: unknown
}

interface CaseFile {
  readonly cases?: readonly Case[]
  readonly beginnings?: Readonly<Record<string, readonly Step[]>>
}

interface Common extends CaseFile {
  readonly beginnings: Readonly<Record<string, readonly Step[]>>
  readonly messages: Readonly<Record<string, string>>
  readonly defaults: Readonly<Record<string, Json>>
}

export const fileOf = (name: string): unknown => JSON.parse(readFileSync(join(FOLDER, name), "utf8"))
const common = fileOf("common.json") as Common

/** The cases of the files whose names fit, with the beginnings that they use put in. */
export function casesOf(name: RegExp): Case[] {
  return readdirSync(FOLDER)
    .filter((file) => name.test(file))
    .sort()
    .flatMap((file) => {
      const { cases = [], beginnings = {} } = fileOf(file) as CaseFile
      const all = { ...common.beginnings, ...beginnings }
      return cases.map((one) => ({
        ...one,
        name: `${file.replace(".json", "")}: ${one.name}`,
        steps: stepsOf((one.steps as readonly Step[] | undefined) ?? [], all),
      }))
    })
}

function stepsOf(steps: readonly Step[], beginnings: Readonly<Record<string, readonly Step[]>>): Step[] {
  return (expanded(steps) as Step[]).flatMap((step) =>
    step[0] === "use" ? stepsOf(beginnings[String(step[1])] ?? [], beginnings) : [step],
  )
}

/** *items* with each `["each", first, last, item]` put in as often as it says, "#" being the number. */
export function expanded(items: readonly unknown[]): unknown[] {
  return items.flatMap((item) => {
    if (!Array.isArray(item) || item[0] !== "each") return [item]
    const [, first, last, each] = item as [string, number, number, unknown]
    return Array.from({ length: last - first + 1 }, (_, index) => numbered(each, first + index))
  })
}

function numbered(item: unknown, number: number): unknown {
  if (Array.isArray(item)) return item.map((part) => numbered(part, number))
  return item === "#" ? number : item
}

/** What is written as hexadecimal digits, `20*2048`, and text in single quotes. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const parts: Buffer[] = []
  let at = 0
  for (const found of text.matchAll(/'([^']*)'|([0-9a-f]{2})\*(\d+)|((?:[0-9a-f]{2})+)| +/g)) {
    const [whole, quoted, byte, times, hex] = found
    if (found.index !== at) break
    at += whole.length
    if (quoted !== undefined) parts.push(Buffer.from(quoted))
    else if (byte !== undefined) parts.push(Buffer.alloc(Number(times), parseInt(byte, 16)))
    else if (hex !== undefined) parts.push(Buffer.from(hex, "hex"))
  }
  if (at !== text.length) throw new Error(`no bytes: ${text.slice(at, at + 60)}`)
  return Uint8Array.from(Buffer.concat(parts))
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

const messages = new Map(Object.entries(common.messages).map(([name, text]) => [name, bytesOf(text)]))
const messageNames = new Map([...messages].map(([name, bytes]) => [hexOf(bytes), name]))

export function messageOf(name: string): Uint8Array<ArrayBuffer> {
  const message = messages.get(name)
  if (!message) throw new Error(`no message is called ${name}`)
  return message
}

const OF_JSON = new Set<string>(["HELLO", "WELCOME", "CLOSE", "SEND"])
const WITH_MESSAGE = new Set<string>(["DATA", "ACTION", "REPLY"])
const NUMBERS: Partial<Record<KindName, number>> = {
  DATA: 1,
  ACK: 2,
  BEAT: 1,
  ACTION: 3,
  REPLY: 2,
  CANCEL: 2,
}

/** *frame*, as a case writes one, as it stands on the wire. */
export function encoded(written: unknown): Uint8Array {
  if (typeof written === "string") {
    const content = bytesOf(written)
    return Uint8Array.from([...varint(content.length), ...content])
  }
  const [kind, ...parts] = written as [KindName | "raw", ...unknown[]]
  if (kind === "raw") return bytesOf(String(parts[0]))
  if (OF_JSON.has(kind)) {
    const said = Object.entries({ ...common.defaults[kind], ...(parts[0] as Json) })
    const fields = Object.fromEntries(said.filter(([, value]) => value !== null))
    return frame(KINDS[kind], Buffer.from(JSON.stringify(fields)))
  }
  if (kind === "PAD") return frame(KINDS.PAD, bytesOf(String(parts[0])))
  const message = WITH_MESSAGE.has(kind) ? messageOf(String(parts.pop())) : []
  return frame(KINDS[kind], ...parts.map((number) => varint(Number(number))), message)
}

/** *bytes*, one whole frame, as a case writes it. */
export function decoded(bytes: Uint8Array): unknown[] {
  const [length, start] = numberAt(bytes, 0)
  if (start + length !== bytes.length || !length) throw new Error("not one whole frame was written")
  const kind = (Object.keys(KINDS) as KindName[]).find((name) => KINDS[name] === bytes[start])
  if (!kind) throw new Error(`a frame of kind ${String(bytes[start])} was written`)
  let at = start + 1
  if (OF_JSON.has(kind)) return [kind, JSON.parse(Buffer.from(bytes.subarray(at)).toString())]
  const found: unknown[] = [kind]
  for (let count = NUMBERS[kind] ?? 0; count; count--) {
    const [number, end] = numberAt(bytes, at)
    found.push(number)
    at = end
  }
  if (WITH_MESSAGE.has(kind)) found.push(messageNames.get(hexOf(bytes.subarray(at))))
  else if (at < bytes.length) throw new Error(`${kind} has ${bytes.length - at} bytes too many`)
  return found
}

function numberAt(bytes: Uint8Array, at: number): [number: number, end: number] {
  const byte = bytes[at] ?? 0
  if (byte < 128) return [byte, at + 1]
  const [more, end] = numberAt(bytes, at + 1)
  return [more * 128 + byte - 128, end]
}

/** Whether *found* is what was *expected*: of an object the keys that are named; null: it is not there. */
export function matches(found: unknown, expected: unknown): boolean {
  if (Array.isArray(expected))
    return (
      Array.isArray(found) &&
      found.length === expected.length &&
      expected.every((part, index) => matches(found[index], part))
    )
  if (typeof expected === "object" && expected !== null)
    return (
      typeof found === "object" &&
      found !== null &&
      Object.entries(expected).every(([key, value]) => matches((found as Json)[key] ?? null, value))
    )
  const pattern = typeof expected === "string" ? /^\/(.*)\/$/.exec(expected)?.[1] : undefined
  return pattern === undefined
    ? found === expected
    : typeof found === "string" && new RegExp(`^(?:${pattern})$`).test(found)
}
