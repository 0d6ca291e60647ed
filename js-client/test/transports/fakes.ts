/** What stands in for time and the network in tests: a virtual clock, a WebSocket and a fetch in memory. */

import { inflateSync } from "node:zlib"
import type { Clock } from "../../src/clock.ts"
import type { SocketLike } from "../../src/transports/websocket.ts"
import {
  type MessageParts,
  PREAMBLE,
  type Sent,
  ack,
  bytesOf,
  data,
  framesIn,
  joined,
  reply,
  welcome,
} from "../wire.ts"

/** Time that passes only when it is told to. */
export class VirtualClock implements Clock {
  #now = 0
  #next = 1
  readonly timers = new Map<number, { at: number; callback: () => void }>()

  now(): number {
    return this.#now
  }

  setTimer(callback: () => void, ms: number): unknown {
    this.timers.set(this.#next, { at: this.#now + ms, callback })
    return this.#next++
  }

  clearTimer(handle: unknown): void {
    this.timers.delete(handle as number)
  }

  /** Let *ms* pass; what is due is called at its time, in order. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      let first: [number, { at: number; callback: () => void }] | null = null
      for (const entry of this.timers)
        if (entry[1].at <= end && (!first || entry[1].at < first[1].at)) first = entry
      if (!first) break
      this.timers.delete(first[0])
      this.#now = Math.max(this.#now, first[1].at)
      first[1].callback()
    }
    this.#now = end
  }

  /** The time passes without anybody being called, as while a machine sleeps. */
  sleepThrough(ms: number): void {
    this.#now += ms
  }
}

/** Lets everything that is under way in promises and streams come to rest; compression takes longer. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Waits until *isSo*; the test's own limit is how long. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await settle()
}

/** A tuple's group, as a server writes it. */
export const note = (...texts: string[]): object => ({
  t: "test.Note",
  f: ["text"],
  k: "p",
  r: texts.map((text) => [text]),
})

/** What is in an action's body, read by means of Node alone. */
export function bodyOf({ flags, body }: Sent): unknown {
  if (!(flags & 4)) return []
  return JSON.parse((flags & 2 ? inflateSync(body) : Buffer.from(body)).toString())
}

/** What a server has of a session: it numbers what it sends. */
export class FakeSession {
  #written = 0

  welcome(fields: object = {}): Uint8Array<ArrayBuffer> {
    const { outcome } = { outcome: "new", ...fields }
    if (outcome !== "resumed") this.#written = 0
    return welcome({ n: this.#written, ...fields })
  }

  push(parts: MessageParts): Uint8Array<ArrayBuffer> {
    return data(++this.#written, parts)
  }

  reply(action: number, parts: MessageParts = {}): Uint8Array<ArrayBuffer> {
    return reply(++this.#written, action, parts)
  }
}

// ---- the network

/** A WebSocket whose other end is the test. */
export class FakeSocket implements SocketLike {
  binaryType = "blob"
  onopen: ((event: never) => void) | null = null
  onmessage: ((event: never) => void) | null = null
  onclose: ((event: never) => void) | null = null
  onerror: ((event: never) => void) | null = null
  /** Every frame that was sent. */
  readonly sent: Sent[] = []
  closed = false
  readonly url: string
  readonly protocol: string
  readonly session: FakeSession

  constructor(url: string, protocol: string, session: FakeSession) {
    this.url = url
    this.protocol = protocol
    this.session = session
  }

  send(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.closed) throw new Error("sent on a closed WebSocket")
    this.sent.push(...framesIn(bytes))
  }

  close(): void {
    this.closed = true
  }

  get listeners(): number {
    return [this.onopen, this.onmessage, this.onclose].filter(Boolean).length
  }

  // What the other end, or the network, does.

  accept(): void {
    this.onopen?.({} as never)
  }

  /** A message: frames, or whatever it is. */
  receive(...parts: unknown[]): void {
    const isFrames = parts.every((part) => part instanceof Uint8Array)
    const bytes = isFrames ? joined(...parts).buffer : parts[0]
    this.onmessage?.({ data: bytes } as never)
  }

  fail(code = 1006, reason = ""): void {
    this.onerror?.({} as never)
    this.onclose?.({ code, reason } as never)
  }

  /** Everything up to an open line. */
  greet(fields: object = {}): void {
    this.accept()
    this.receive(this.session.welcome(fields))
  }

  push(parts: MessageParts): void {
    this.receive(this.session.push(parts))
  }

  reply(action: number, parts: MessageParts = {}): void {
    this.receive(this.session.reply(action, parts))
  }

  /** The actions that were sent. */
  get actions(): Sent[] {
    return this.sent.filter(({ kind }) => kind === "ACTION")
  }

  /** What was sent, in short. */
  get told(): string[] {
    return told(this.sent)
  }
}

/** Frames in short: the kind, the numbers, and the key of an action's filt. */
export const told = (frames: readonly Sent[]): string[] =>
  frames.map(({ kind, numbers, head }) =>
    [kind, ...numbers, (head.f?.["key"] as string | undefined) ?? ""].join(" ").trim(),
  )

/** A network of WebSockets: each that was made, the newest last. */
export class FakeSockets {
  readonly made: FakeSocket[] = []
  readonly session = new FakeSession()
  readonly Socket: new (url: string, protocol: string) => FakeSocket
  /** Set, it is called with each new one. */
  onMade: (socket: FakeSocket) => void = () => undefined

  constructor() {
    const made = (socket: FakeSocket): void => {
      this.made.push(socket)
      this.onMade(socket)
    }
    const { session } = this
    this.Socket = class extends FakeSocket {
      constructor(url: string, protocol: string) {
        super(url, protocol, session)
        made(this)
      }
    }
  }

  get last(): FakeSocket {
    const last = this.made.at(-1)
    if (!last) throw new Error("no WebSocket was made")
    return last
  }

  get open(): number {
    return this.made.filter((socket) => !socket.closed || socket.listeners).length
  }
}

/** One POST, answered by the test. */
export class FakePost {
  readonly url: string
  readonly init: RequestInit
  readonly session: FakeSession
  readonly sent: Sent[]
  aborted = false
  /** Whether somebody still waits for the head or the body. */
  isOpen = true
  #resolve!: (response: Response) => void
  #reject!: (error: unknown) => void
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null
  readonly response: Promise<Response>

  constructor(url: string, init: RequestInit, session: FakeSession) {
    this.url = url
    this.init = init
    this.session = session
    const bytes = init.body as Uint8Array
    if (String(bytes.slice(0, 4)) !== String(PREAMBLE)) throw new Error("a POST begins otherwise")
    this.sent = framesIn(bytes.slice(4))
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    init.signal?.addEventListener("abort", () => {
      this.aborted = true
      this.fail(init.signal?.reason ?? new DOMException("aborted", "AbortError"))
    })
  }

  /** What it is: the first of its frames. */
  get first(): Sent {
    const [first] = this.sent
    if (!first) throw new Error("a POST without a frame")
    return first
  }

  /** The stream that it asks for. */
  get via(): unknown {
    return this.first.json["via"]
  }

  get told(): string[] {
    return told(this.sent)
  }

  head(status = 200, headers: Record<string, string> = { "Content-Type": "application/vnd.vortex" }): void {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller
      },
      cancel: () => {
        this.isOpen = false
      },
    })
    this.#resolve(new Response(body, { status, headers }))
  }

  write(...parts: (string | Uint8Array)[]): void {
    for (const part of parts)
      this.#controller?.enqueue(typeof part === "string" ? Uint8Array.from(bytesOf(part)) : part)
  }

  end(): void {
    if (this.isOpen) this.#controller?.close()
    this.isOpen = false
  }

  fail(error: unknown = new TypeError("network error")): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#reject(error)
    this.#controller?.error(error)
  }

  /** The head and WELCOME. */
  greet(fields: object = {}): void {
    this.head()
    this.write(this.session.welcome(fields))
  }

  /** A SEND: taken, up to this number. */
  take(number: number): void {
    this.head()
    this.write(ack(number))
    this.end()
  }

  push(parts: MessageParts): void {
    this.write(this.session.push(parts))
  }

  reply(action: number, parts: MessageParts = {}): void {
    this.write(this.session.reply(action, parts))
  }
}

/** A network of POSTs: each that was made, the newest last. */
export class FakePosts {
  readonly made: FakePost[] = []
  session = new FakeSession()
  onMade: (post: FakePost) => void = () => undefined
  readonly fetch = (url: unknown, init?: RequestInit): Promise<Response> => {
    const post = new FakePost(String(url), init ?? {}, this.session)
    this.made.push(post)
    this.onMade(post)
    return post.response
  }

  get last(): FakePost {
    const last = this.made.at(-1)
    if (!last) throw new Error("no POST was made")
    return last
  }

  /** The newest that asks for a response that is held. */
  get held(): FakePost {
    const held = this.made.filter(({ first }) => first.kind === "HELLO").at(-1)
    if (!held) throw new Error("no HELLO was sent")
    return held
  }

  /** Those that only send. */
  get sends(): FakePost[] {
    return this.made.filter(({ first }) => first.kind === "SEND")
  }

  /** Those whose answer somebody waits for: the last one, with a CLOSE, is not among them. */
  get open(): number {
    return this.made.filter((post) => post.isOpen && post.init.signal).length
  }
}
