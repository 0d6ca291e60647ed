/** Server-sent events: a held response that is text, where something in between lets no other be streamed. */

import { LimitExceeded } from "../errors.ts"
import { fromBase64 } from "../protocol/base64.ts"
import { NativeDecoder } from "../protocol/native.ts"
import { openHeld } from "./fetch_stream.ts"
import type { HttpOptions } from "./http.ts"
import type { Transport, TransportListener } from "./transport.ts"

/** Takes the data of events out of text that was cut anywhere. */
export class EventDecoder {
  readonly #limit: number
  #rest = ""
  #data: string[] = []
  #length = 0

  /** @param limit - Characters that one event may have. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** @throws LimitExceeded if an event is too long, whole or not. */
  feed(text: string): string[] {
    const lines = (this.#rest + text).split(/\r\n|\n|\r/)
    this.#rest = lines.pop() ?? ""
    const events = []
    for (const line of lines) {
      const [, data] = /^data:? ?(.*)$/.exec(line) ?? []
      if (data !== undefined) {
        this.#data.push(data)
        this.#length += data.length
      }
      if (line || !this.#data.length) continue
      events.push(this.#data.join("\n"))
      this.#data = []
      this.#length = 0
    }
    if (this.#length + this.#rest.length > this.#limit)
      throw new LimitExceeded("maxFrame", `an event has over ${this.#limit} characters`)
    return events
  }
}

export function openSse(options: HttpOptions, listener: TransportListener, isAuto: boolean): Transport {
  return openHeld("sse", "text/event-stream", options, listener, isAuto, (onFrame) => {
    const { maxFrame } = options.limits
    const text = new TextDecoder()
    const events = new EventDecoder(2 * maxFrame)
    const decoder = new NativeDecoder(maxFrame)
    return (chunk) => {
      for (const data of events.feed(text.decode(chunk, { stream: true })))
        for (const bytes of decoder.feed(fromBase64(data))) onFrame(bytes)
    }
  })
}
