/**
 * HTTP: what the transports over POST have in common. How frames come is each one's own; they go by short POSTs,
 * one at a time, each answered by an acknowledgement. One that fails is made again: the server drops what it has.
 */

import type { Clock } from "../clock.ts"
import type { Limits } from "../limits.ts"
import { Backoff } from "../protocol/backoff.ts"
import { type Bytes, Kind, NativeDecoder, PREAMBLE, joined } from "../protocol/native.ts"
import type { Transport, TransportListener } from "./transport.ts"

/** POSTs in a row that may fail before the connection is given up. */
const ATTEMPTS = 4

/** How long one may take to be answered. */
const ANSWER_MS = 30_000

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
}

/** A POST was answered otherwise than a vortex does; trying again does not help. */
class Refused extends Error {
  /** Whether the token was not good for it. */
  isStale = false
}

export class HttpTransport implements Transport {
  readonly options: HttpOptions
  readonly listener: TransportListener
  isClosed = false
  readonly #aborts = new Set<AbortController>()
  readonly #timers = new Set<unknown>()
  readonly #backoff: Backoff
  #failures = 0
  #isSending = false

  /** @param run - Brings the frames that come; when it is over, or throws, the connection is lost. */
  constructor(
    options: HttpOptions,
    listener: TransportListener,
    run: (transport: HttpTransport) => Promise<void>,
  ) {
    this.options = options
    this.listener = listener
    this.#backoff = new Backoff(undefined, 2_000, options.random)
    run(this).then(
      () => {
        this.#lose("the server ended its response")
      },
      (error: unknown) => {
        this.#lose(error)
      },
    )
  }

  #lose(error: unknown): void {
    if (this.isClosed) return
    this.close()
    this.listener.lost(error instanceof Error ? error.message : String(error))
  }

  close(last?: readonly Bytes[]): void {
    const head = last && this.listener.sendHead()
    this.isClosed = true
    for (const abort of this.#aborts) abort.abort()
    for (const timer of this.#timers) this.options.clock.clearTimer(timer)
    if (head)
      this.#fetch([head, ...last]).catch(() => {
        // Nobody is there to be told.
      })
  }

  /** Have *callback* called in *ms* milliseconds, unless this is closed before. */
  after(ms: number, callback: () => void): () => void {
    const { clock } = this.options
    const timer = clock.setTimer(() => {
      this.#timers.delete(timer)
      callback()
    }, ms)
    this.#timers.add(timer)
    return () => {
      this.#timers.delete(timer)
      clock.clearTimer(timer)
    }
  }

  /**
   * Make a POST, and read its answer as it comes.
   *
   * @param type - What the answer's Content-Type has in it.
   * @param timeoutMs - When to give it up, if it is not all there.
   */
  async post(
    frames: readonly Bytes[],
    type: string,
    timeoutMs: number,
    onChunk: (bytes: Uint8Array) => void,
  ): Promise<void> {
    const abort = new AbortController()
    this.#aborts.add(abort)
    const stop =
      timeoutMs < Infinity
        ? this.after(timeoutMs, () => {
            abort.abort(new Error(`no answer came within ${timeoutMs / 1000} s`))
          })
        : nothing
    try {
      const response = await this.#fetch(frames, abort.signal)
      await check(response, type)
      const reader = response.body?.getReader()
      for (;;) {
        const { value } = (await reader?.read()) ?? {}
        if (!value || this.isClosed) return
        onChunk(value)
      }
    } finally {
      stop()
      this.#aborts.delete(abort)
      // A response that is not read to its end is let go.
      abort.abort()
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
    const frames = head ? this.listener.take() : []
    if (!head || !frames.length) return
    this.#isSending = true
    this.#send([head, ...frames]).then(
      () => {
        this.#failures = 0
        this.#backoff.reset()
        this.#again()
      },
      (error: unknown) => {
        if (this.isClosed) return
        // Another token may have come since.
        const isHopeless =
          error instanceof Refused && !(error.isStale && String(head) !== String(this.listener.sendHead()))
        if (isHopeless || ++this.#failures >= ATTEMPTS) {
          this.#lose(error)
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
      await this.post(frames, VORTEX_TYPE, ANSWER_MS, (chunk) => {
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

/** What frames are called in a response. */
export const VORTEX_TYPE = "application/vnd.vortex"

/** Throws what the server said, if it is no vortex or lets nobody in. */
async function check(response: Response, type: string): Promise<void> {
  const found = response.headers.get("Content-Type") ?? "nothing"
  if (response.ok && found.startsWith(type)) return
  let text = ""
  if (response.ok)
    text = `expected a vortex, got ${found}: is there a login in between, or is the path wrong?`
  else {
    const reader = response.body?.getReader()
    const decoder = new TextDecoder()
    while (text.length < REASON_LENGTH) {
      const { done = true, value } = (await reader?.read()) ?? {}
      if (done) break
      text += decoder.decode(value, { stream: true })
    }
  }
  const problem = `${response.status}: ${text.trim().slice(0, REASON_LENGTH) || response.statusText}`
  // A proxy that is overrun, or whose server is being started anew, may soon pass things on.
  if (response.status >= 500) throw new Error(problem)
  const refused = new Refused(problem)
  refused.isStale = response.status === 410
  throw refused
}

function nothing(): void {
  // There is no timer.
}
