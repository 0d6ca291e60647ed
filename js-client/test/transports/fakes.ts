/** What stands in for time and the network in tests: a virtual clock, a WebSocket and a fetch in memory. */

import { deflateSync, inflateSync } from "node:zlib"
import type { Clock } from "../../src/clock.ts"
import type { SocketLike } from "../../src/transports/websocket.ts"

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

// ---- messages, spelled out as the wire has them

const DATE = '{"_ft":"datetime","_fd":"2026-01-02 03:04:05.000006+0000"}'

/** An envelope as era 2's JSON; *tuples* go into its body, compressed. */
export function rawMessage(filt: object, tuples?: readonly unknown[], result: unknown = null): string {
  const data =
    tuples &&
    deflateSync(
      `{"_ct":"rp","filt":${JSON.stringify(filt)},"tuples":${JSON.stringify(tuples)},"date":${DATE}}`,
    )
  return (
    `{"_ct":"rpe","_c":"vortex.PayloadEnvelope.PayloadEnvelope","filt":${JSON.stringify(filt)},` +
    `"data":${JSON.stringify(data?.toString("base64") ?? null)},"result":${JSON.stringify(result)},"date":${DATE}}`
  )
}

export function base64Message(filt: object, tuples?: readonly unknown[], result: unknown = null): string {
  return Buffer.from(rawMessage(filt, tuples, result)).toString("base64")
}

export const SERVER = { __vortexUuid__: "server-uuid", __vortexName__: "server" }

/** What an envelope that we sent says, read by means of Node alone. */
export function readSent(text: string): {
  filt: Record<string, unknown>
  tuples: unknown[]
  result: unknown
} {
  const json = text.startsWith("{") ? text : Buffer.from(text, "base64").toString()
  const envelope = JSON.parse(json) as { filt: Record<string, unknown>; data: string | null; result: unknown }
  const body = envelope.data === null ? null : inflateSync(Buffer.from(envelope.data, "base64")).toString()
  const tuples = body === null ? [] : (JSON.parse(body) as { tuples: unknown[] }).tuples
  return { filt: envelope.filt, tuples, result: envelope.result }
}

// ---- the network

/** A WebSocket whose other end is the test. */
export class FakeSocket implements SocketLike {
  onopen: ((event: never) => void) | null = null
  onmessage: ((event: never) => void) | null = null
  onclose: ((event: never) => void) | null = null
  onerror: ((event: never) => void) | null = null
  readonly sent: string[] = []
  closed = false
  readonly url: string

  constructor(url: string) {
    this.url = url
  }

  send(text: string): void {
    if (this.closed) throw new Error("sent on a closed WebSocket")
    this.sent.push(text)
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

  receive(data: unknown): void {
    this.onmessage?.({ data } as never)
  }

  fail(code = 1006, reason = ""): void {
    this.onerror?.({} as never)
    this.onclose?.({ code, reason } as never)
  }

  /** Everything up to an open line. */
  greet(): void {
    this.accept()
    this.receive(rawMessage(SERVER))
  }

  /** The messages that were sent, less the hello and beats. */
  get messages(): string[] {
    return this.sent.slice(1).filter((text) => text !== ".")
  }
}

/** A network of WebSockets: each that was made, the newest last. */
export class FakeSockets {
  readonly made: FakeSocket[] = []
  readonly Socket: new (url: string) => FakeSocket
  /** Set, it is called with each new one. */
  onMade: (socket: FakeSocket) => void = () => undefined

  constructor() {
    const made = (socket: FakeSocket): void => {
      this.made.push(socket)
      this.onMade(socket)
    }
    this.Socket = class extends FakeSocket {
      constructor(url: string) {
        super(url)
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
  aborted = false
  /** Whether somebody still waits for the head or the body. */
  isOpen = true
  #resolve!: (response: Response) => void
  #reject!: (error: unknown) => void
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null
  readonly response: Promise<Response>

  constructor(url: string, init: RequestInit) {
    this.url = url
    this.init = init
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    init.signal?.addEventListener("abort", () => {
      this.aborted = true
      this.fail(new DOMException("aborted", "AbortError"))
    })
  }

  /** The messages in the body. */
  get messages(): string[] {
    const body = this.init.body
    if (typeof body !== "string" || !body.endsWith(".")) throw new Error("expected frames that end in dots")
    return body.slice(0, -1).split(".")
  }

  head(status = 200, headers: Record<string, string> = { "Content-Type": "text/text" }): void {
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

  write(data: string | Uint8Array): void {
    this.#controller?.enqueue(typeof data === "string" ? new TextEncoder().encode(data) : data)
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

  /** The head and the hello. */
  greet(): void {
    this.head()
    this.write(`.${base64Message(SERVER)}.`)
  }
}

/** A network of POSTs: each that was made, the newest last. */
export class FakePosts {
  readonly made: FakePost[] = []
  onMade: (post: FakePost) => void = () => undefined
  readonly fetch = (url: unknown, init?: RequestInit): Promise<Response> => {
    const post = new FakePost(String(url), init ?? {})
    this.made.push(post)
    this.onMade(post)
    return post.response
  }

  get last(): FakePost {
    const last = this.made.at(-1)
    if (!last) throw new Error("no POST was made")
    return last
  }

  get open(): number {
    return this.made.filter((post) => post.isOpen).length
  }
}
