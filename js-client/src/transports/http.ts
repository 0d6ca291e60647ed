/**
 * HTTP: what the transports over POST have in common. How frames come is each one's own; they go by short POSTs,
 * one at a time, each answered by an acknowledgement. One that fails is made again: the server drops what it has.
 */

import type { Clock } from "../clock.ts"
import type { Limits } from "../limits.ts"
import { messageOf, nothing } from "../errors.ts"
import { type Backoff, newBackoff } from "../protocol/backoff.ts"
import * as Kind from "../protocol/kinds.ts"
import { type Bytes, NativeDecoder, PREAMBLE, joined } from "../protocol/native.ts"
import type { Transport, TransportListener } from "./transport.ts"

/** POSTs in a row that may fail before the connection is given up. */
const ATTEMPTS = 4

/** How long one may take to be answered, and how many bytes of it have to get through in a millisecond. */
const ANSWER_MS = 30_000
const BYTES_PER_MS = 16

/** Characters of an error's text that are read. */
const REASON_LENGTH = 300

/** What browsers send of a page that is gone. */
const KEEPALIVE_BYTES = 60_000

/** Where requests go, and by what. */
export interface HttpOptions {
  /** ws and wss stand for http and https. */
  readonly url: URL
  /** A browser's `fetch` or its equal, with response bodies that can be read as they come. */
  readonly fetch: typeof globalThis.fetch
  readonly limits: Limits
  readonly clock: Clock
  readonly random: () => number
  /** How many held responses in a row have ended at once. */
  quickEnds: number
}

/** A POST was answered otherwise than a vortex does. */
class Refused extends Error {
  readonly status: number

  constructor(message: string, status: number) {
    super(message)
    this.status = status
  }
}

export class HttpTransport implements Transport {
  readonly options: HttpOptions
  readonly listener: TransportListener
  isClosed = false
  /** What is to be done with what is under way when this is closed. */
  readonly #ends = new Set<() => void>()
  readonly #backoff: Backoff
  readonly #isBuffered: () => boolean
  /** Messages in one POST, by what has got through. */
  #most = Infinity
  #failures = 0
  #isSending = false

  /**
   * @param run - Brings the frames that come; when it is over, or throws, the connection is lost.
   * @param isBuffered - Whether that has shown that something in between holds responses back; asked once.
   */
  constructor(
    options: HttpOptions,
    listener: TransportListener,
    run: (transport: HttpTransport) => Promise<void>,
    isBuffered: () => boolean = () => false,
  ) {
    this.options = options
    this.listener = listener
    this.#isBuffered = isBuffered
    this.#backoff = newBackoff(undefined, 2_000, options.random)
    run(this).then(
      () => {
        this.lose("the server ended its response")
      },
      (error: unknown) => {
        this.lose(error)
      },
    )
  }

  /** Give it up, since *error*; perhaps because something in between holds responses back. */
  lose(error: unknown, isBuffered = false): void {
    if (this.isClosed) return
    this.close()
    this.listener.lost(messageOf(error), isBuffered || this.#isBuffered())
  }

  close(last?: readonly Bytes[]): void {
    const head = last && this.listener.sendHead()
    this.isClosed = true
    for (const end of this.#ends) end()
    if (head) this.#fetch([head, ...last]).catch(nothing)
  }

  /** Have *callback* called in *ms* milliseconds, unless this is closed before. */
  after(ms: number, callback: () => void): () => void {
    const { clock } = this.options
    const timer = clock.setTimer(() => {
      this.#ends.delete(end)
      callback()
    }, ms)
    const end = (): void => {
      this.#ends.delete(end)
      clock.clearTimer(timer)
    }
    this.#ends.add(end)
    return end
  }

  /**
   * Make a POST, and read its answer as it comes.
   *
   * @param type - What the answer's Content-Type has in it.
   * @param lateMs - When it is late, if it is not all there.
   * @param onLate - What is to be done then; default: give it up.
   */
  async post(
    frames: readonly Bytes[],
    type: string,
    lateMs: number,
    onChunk: (bytes: Uint8Array) => void,
    onLate?: () => void,
  ): Promise<void> {
    const abort = new AbortController()
    const end = (): void => {
      abort.abort()
    }
    this.#ends.add(end)
    const giveUp = (): void => {
      abort.abort(new Error(`no answer came within ${lateMs / 1000} s`))
    }
    const stop = this.after(lateMs, onLate ?? giveUp)
    try {
      const response = await this.#fetch(frames, abort.signal)
      const { ok, status, statusText, headers, body } = response
      const found = headers.get("Content-Type") ?? "nothing"
      const isRight = ok && found.startsWith(type)
      let text = ok
        ? `expected a vortex, got ${found}: is there a login in between, or is the path wrong?`
        : ""
      const decoder = new TextDecoder()
      const reader = body?.getReader()
      while (isRight || (!ok && text.length < REASON_LENGTH)) {
        const { value } = (await reader?.read()) ?? {}
        if (!value || this.isClosed) break
        if (isRight) onChunk(value)
        else text += decoder.decode(value, { stream: true })
      }
      if (!isRight)
        throw new Refused(`${status}: ${text.trim().slice(0, REASON_LENGTH) || statusText}`, status)
    } finally {
      stop()
      this.#ends.delete(end)
      // A response that is not read to its end is let go.
      end()
    }
  }

  #fetch(frames: readonly Bytes[], signal?: AbortSignal): Promise<Response> {
    const { url, fetch } = this.options
    const body = joined([PREAMBLE, ...frames])
    return fetch(url.href.replace(/^ws/, "http"), {
      method: "POST",
      body,
      // A page from elsewhere may send it unasked for.
      headers: { "Content-Type": "text/plain" },
      credentials: "same-origin",
      cache: "no-store",
      ...(signal ? { signal } : { keepalive: body.length < KEEPALIVE_BYTES }),
    })
  }

  flush(): void {
    if (this.#isSending || this.isClosed) return
    const head = this.listener.sendHead()
    const frames = head ? this.listener.take(this.#most) : []
    if (!head || !frames.length) return
    this.#isSending = true
    this.#send([head, ...frames]).then(
      () => {
        this.#failures = 0
        this.#backoff.reset()
        this.#most *= 2
        this.#again()
      },
      (error: unknown) => {
        if (this.isClosed) return
        // A proxy that is overrun may soon pass things on; and another token may have come since.
        const { status = 500 } = error as Partial<Refused>
        // A proxy takes no request of that length: fewer messages at once, or all but one.
        const isShorter =
          status === 413 && (this.#most > 1 || this.listener.cannotPass(tooLong(error, frames)))
        if (isShorter) this.#most = Math.min(this.#most, frames.length) >> 1 || 1
        const isHopeless =
          status < 500 && (status !== 410 || String(head) === String(this.listener.sendHead()))
        if (!isShorter && (isHopeless || ++this.#failures >= ATTEMPTS)) {
          this.lose(error)
          return
        }
        this.listener.notSent()
        this.after(this.#backoff.nextMs(), () => {
          this.#again()
        })
      },
    )
  }

  #again(): void {
    this.#isSending = false
    this.flush()
  }

  async #send(frames: readonly Bytes[]): Promise<void> {
    const { generation } = this.listener
    const decoder = new NativeDecoder(this.options.limits.maxFrame)
    const answer: Uint8Array[] = []
    try {
      await this.post(frames, VORTEX_TYPE, ANSWER_MS + sizeOf(frames) / BYTES_PER_MS, (chunk) => {
        for (const bytes of decoder.feed(chunk)) answer.push(bytes)
      })
      if (!answer.some((bytes) => bytes[0] === Kind.ACK)) throw new Error("a POST was not acknowledged")
    } catch (error) {
      // That session is over, and so is what was to be sent in it.
      if (generation !== this.listener.generation) return
      throw error
    }
    if (this.isClosed || generation !== this.listener.generation) return
    for (const bytes of answer) this.listener.frame(bytes)
  }
}

const sizeOf = (frames: readonly Bytes[]): number => frames.reduce((size, { length }) => size + length, 0)

const tooLong = (error: unknown, frames: readonly Bytes[]): string =>
  `a proxy refuses ${sizeOf(frames)} bytes in one request, raise its bound: ${String(error)}`

/** What frames are called in a response. */
export const VORTEX_TYPE = "application/vnd.vortex"
