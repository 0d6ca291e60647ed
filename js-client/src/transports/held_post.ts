/**
 * Held POST: responses that stay open, read as they come, as a `FrameTransport`.
 *
 * Every send is a new POST, whose response takes over from the one before: the server then ends the old one.
 * One POST at a time waits for its head; what is sent meanwhile goes together in the next. Responses are read
 * one after the other, each to its end, so that messages keep their order.
 */

import { DotDecoder } from "../protocol/framing.ts"
import type { FrameTransport, TransportListener } from "./transport.ts"

/** Messages, and characters, that share one POST; the server has bounds of its own, above these. */
const BATCH = 1_000
const BATCH_LENGTH = 1 << 20

/** Characters of an error's text that are read. */
const REASON_LENGTH = 300

/**
 * @param url - Where to, with the query that says who we are; ws and wss stand for http and https.
 * @param fetch - A browser's `fetch` or its equal, with response bodies that can be read as they come.
 * @param maxFrame - Bytes that one frame may have.
 */
export function openHeldPost(
  url: URL,
  fetch: typeof globalThis.fetch,
  maxFrame: number,
  listener: TransportListener,
): FrameTransport {
  const abort = new AbortController()
  const { signal } = abort
  let queue: string[] = []
  let reading = Promise.resolve()
  let newest = 0
  let waiting = false

  const lose = (error: unknown): void => {
    if (signal.aborted) return
    abort.abort()
    listener.lost(error instanceof Error ? error.message : String(error))
  }

  const post = (body: string, keepalive = false): Promise<Response> =>
    fetch(url.href.replace(/^ws/, "http"), {
      method: "POST",
      body,
      headers: { "Content-Type": "text/plain" },
      credentials: "same-origin",
      cache: "no-store",
      ...(keepalive ? { keepalive } : { signal }),
    })

  const readToEnd = async (response: Response, number: number): Promise<void> => {
    const decoder = new DotDecoder(maxFrame)
    for await (const text of textOf(response)) {
      if (signal.aborted) return
      const frames = decoder.feed(text)
      // Part of a long frame is a sign of life too.
      if (!frames.length) listener.frame("")
      for (const frame of frames) listener.frame(frame)
    }
    if (number === newest) throw new Error("the server ended its response")
  }

  const next = async (): Promise<void> => {
    waiting = true
    let count = 0
    for (let length = 0; count < BATCH && length < BATCH_LENGTH && count < queue.length; count++)
      length += queue[count]?.length ?? 0
    const number = ++newest
    const response = await post(joined(queue.splice(0, count)))
    await check(response)
    waiting = false
    reading = reading.then(() => readToEnd(response, number)).catch(lose)
    go()
  }

  const go = (): void => {
    if (queue.length && !waiting && !signal.aborted) next().catch(lose)
  }

  queueMicrotask(() => {
    if (!signal.aborted) listener.opened("base64")
  })
  return {
    send: (messages) => {
      queue.push(...messages.filter(Boolean))
      go()
    },
    close: (flush) => {
      abort.abort()
      if (flush && queue.length)
        post(joined(queue), true).catch(() => {
          // The page is gone.
        })
      queue = []
    },
  }
}

const joined = (messages: readonly string[]): string => messages.map((message) => message + ".").join("")

/** The text of a response's body, as it comes. */
async function* textOf(response: Response): AsyncGenerator<string, void, void> {
  const reader = response.body?.getReader()
  const decoder = new TextDecoder()
  for (;;) {
    const { done = true, value } = (await reader?.read()) ?? {}
    if (done) return
    yield decoder.decode(value, { stream: true })
  }
}

/** Throws what the server said, if it is no vortex or lets nobody in. */
async function check(response: Response): Promise<void> {
  if (response.ok && !response.headers.get("Content-Type")?.includes("html")) return
  let text = ""
  if (response.ok) text = "expected a vortex, got a page: is there a login in between, or is the path wrong?"
  else
    for await (const part of textOf(response)) {
      text += part
      if (text.length >= REASON_LENGTH) break
    }
  throw new Error(`${response.status}: ${text.trim().slice(0, REASON_LENGTH) || response.statusText}`)
}
