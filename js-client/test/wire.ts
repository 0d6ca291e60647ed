/**
 * The native wire once more, as docs/reference/wire-format.md has it, for what tests send and expect.
 *
 * Slow, and without a line of the client's. Runs in Node and in a page.
 */

export const KINDS = {
  HELLO: 0x01, WELCOME: 0x02, CLOSE: 0x03, SEND: 0x04, PAD: 0x05,
  DATA: 0x10, ACK: 0x11, BEAT: 0x12, ACTION: 0x13, REPLY: 0x14, CANCEL: 0x15,
} as const // prettier-ignore

export type KindName = keyof typeof KINDS

export const PREAMBLE = [0x00, 0x56, 0x58, 0x31]

/** Unsigned LEB128. */
export function varint(number: number | bigint): number[] {
  const bits = BigInt(number).toString(2)
  const groups = bits.padStart(Math.ceil(bits.length / 7) * 7, "0").match(/.{7}/g) ?? []
  return groups.reverse().map((group, index) => parseInt(group, 2) + (index < groups.length - 1 ? 128 : 0))
}

export const bytesOf = (text: string): number[] => [...new TextEncoder().encode(text)]

export function frame(kind: number, ...parts: ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((size, part) => size + part.length, 1)
  return joined(varint(length), [kind], ...parts)
}

export function joined(...parts: ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

// ---- what a server sends

export interface MessageParts {
  readonly flags?: number
  readonly f?: object
  readonly r?: unknown
  readonly d?: unknown
  /** The body's groups; or its bytes, with the flags that say so. */
  readonly body?: readonly unknown[] | Uint8Array
}

export function message({ body, flags, ...head }: MessageParts): number[] {
  const headBytes = bytesOf(JSON.stringify(head))
  const bodyBytes = body instanceof Uint8Array ? [...body] : body ? bytesOf(JSON.stringify(body)) : []
  return [flags ?? (body ? 4 : 0), ...varint(headBytes.length), ...headBytes, ...bodyBytes]
}

/** One tuple as a group by itself, given as it stands on the wire of VortexPY. */
export function groupOf(tuple: object): object {
  const { _ct, _c, ...fields } = tuple as Readonly<Record<string, unknown>>
  if (_ct !== "rt") return { v: [tuple] }
  const there = Object.entries(fields).filter(([, value]) => value !== undefined)
  const cells = there.map(([, value]): [kind: string, json: unknown] => {
    if (typeof value !== "object" || value === null) return ["p", value]
    const { _ft, _fd } = value as { readonly _ft?: unknown; readonly _fd?: unknown }
    if (_ft === "int" && typeof _fd === "number") return ["i", _fd]
    if (_ft === "datetime") return [String(_fd).includes(":") ? "d" : "D", _fd]
    return ["j", value]
  })
  const k = cells.map(([kind]) => kind).join("")
  return { t: _c, f: there.map(([name]) => name), k, r: [cells.map(([, json]) => json)] }
}

export const json = (kind: KindName, fields: object): Uint8Array<ArrayBuffer> =>
  frame(KINDS[kind], bytesOf(JSON.stringify(fields)))

export const WELCOME = {
  outcome: "new",
  uuid: "server-uuid",
  name: "server",
  session: "0123456789abcdef0123456789abcdef",
  token: "t1",
  gen: 1,
  n: 0,
  taken: 0,
  client: "the-secret",
  epoch: "e1",
  beat: 10,
  maxFrame: 33_554_432,
  schema: "s1",
}

export const welcome = (fields: object = {}): Uint8Array<ArrayBuffer> =>
  json("WELCOME", { ...WELCOME, ...fields })
export const data = (number: number, parts: MessageParts): Uint8Array<ArrayBuffer> =>
  frame(KINDS.DATA, varint(number), message(parts))
export const reply = (number: number, action: number, parts: MessageParts = {}): Uint8Array<ArrayBuffer> =>
  frame(KINDS.REPLY, varint(number), varint(action), message({ flags: parts.body ? 5 : 1, ...parts }))
export const ack = (number: number): Uint8Array<ArrayBuffer> => frame(KINDS.ACK, varint(number), varint(0))
export const beat = (number: number): Uint8Array<ArrayBuffer> => frame(KINDS.BEAT, varint(number))
export const close = (code: string, again: boolean): Uint8Array<ArrayBuffer> =>
  json("CLOSE", { code, reason: `it is ${code}`, again })

// ---- what a client has sent

/** A frame of a client's, taken apart. */
export interface Sent {
  readonly kind: KindName
  /** Of HELLO, SEND and CLOSE. */
  readonly json: Readonly<Record<string, unknown>>
  /** Of ACK, BEAT, ACTION and CANCEL: the numbers in front. */
  readonly numbers: readonly number[]
  /** Of ACTION: the message's flags, head, and the bytes of its body. */
  readonly flags: number
  readonly head: { readonly f?: Readonly<Record<string, unknown>>; readonly r?: unknown; readonly d?: number }
  readonly body: Uint8Array<ArrayBuffer>
}

const NUMBERS: Partial<Record<KindName, number>> = { ACK: 2, BEAT: 1, ACTION: 3, CANCEL: 2 }

/** Takes the frames out of *bytes*, which holds whole ones; throws where it does not. */
export function framesIn(bytes: Uint8Array): Sent[] {
  const found: Sent[] = []
  for (let at = 0; at < bytes.length;) {
    const length = numberAt(bytes, at)
    const end = length.end + length.number
    if (end > bytes.length) throw new Error(`a frame of ${length.number} bytes is cut short`)
    found.push(sent(bytes.slice(length.end, end)))
    at = end
  }
  return found
}

function sent(bytes: Uint8Array<ArrayBuffer>): Sent {
  const kind = (Object.keys(KINDS) as KindName[]).find((name) => KINDS[name] === bytes[0])
  if (!kind) throw new Error(`a client sends no frame of kind ${String(bytes[0])}`)
  const numbers: number[] = []
  let at = 1
  for (let count = NUMBERS[kind] ?? 0; count > 0; count--) {
    const { number, end } = numberAt(bytes, at)
    numbers.push(number)
    at = end
  }
  const isJson = !(kind in NUMBERS)
  const parsed = { kind, numbers, json: isJson ? objectIn(bytes.slice(at)) : {} }
  if (kind !== "ACTION") {
    if (!isJson && at !== bytes.length) throw new Error(`a ${kind} has bytes behind its numbers`)
    return { ...parsed, flags: 0, head: {}, body: new Uint8Array() }
  }
  const { number, end } = numberAt(bytes, at + 1)
  const head = objectIn(bytes.slice(end, end + number))
  return { ...parsed, flags: bytes[at] ?? -1, head, body: bytes.slice(end + number) }
}

function numberAt(bytes: Uint8Array, at: number): { number: number; end: number } {
  let number = 0n
  for (let index = 0; index < 8; index++) {
    const byte = bytes[at + index]
    if (byte === undefined) throw new Error("a number is cut short")
    number |= BigInt(byte & 127) << BigInt(7 * index)
    if (byte < 128) return { number: Number(number), end: at + index + 1 }
  }
  throw new Error("a number has over eight bytes")
}

const objectIn = (bytes: Uint8Array): Record<string, unknown> =>
  JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as Record<string, unknown>
