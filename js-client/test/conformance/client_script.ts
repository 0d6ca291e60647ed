/** The scripts of client_*.json, carried out by our session and its driver; connections and time are played. */

import assert from "node:assert/strict"
import { defaultLimits } from "../../src/limits.ts"
import { NativeDecoder } from "../../src/protocol/native.ts"
import { type Action, ClientSession, type Via } from "../../src/protocol/session.ts"
import { type DriverEvent, SessionDriver } from "../../src/transports/session_driver.ts"
import type { TransportKind, TransportListener } from "../../src/transports/transport.ts"
import { VirtualClock } from "../transports/fakes.ts"
import { type Case, decoded, encoded, expanded, matches, messageOf } from "./notation.ts"

const KIND_OF_VIA: Readonly<Record<Via, TransportKind>> = { stream: "post", sse: "sse", poll: "poll" }

/** Longer than any case takes. */
const LONG_MS = 1e9

export class ClientScript {
  readonly #case: Case
  readonly #clock = new VirtualClock()
  readonly #session = new ClientSession({ uuid: "a-client", name: "a name" }, defaultLimits)
  readonly #driver = new SessionDriver(this.#session, this.#clock, (event) => {
    this.#happened(event)
  })
  readonly #sent = new Map<string, Action>()
  #listener: TransportListener | null = null
  #decoder = new NativeDecoder(defaultLimits.maxFrame)
  #wasOpen = false
  #told: unknown[] = []
  #out: unknown[][] = []
  #acked: unknown[] | null = null
  #beat: unknown[] | null = null
  #where = ""

  constructor(one: Case) {
    this.#case = one
  }

  /** @throws AssertionError where something does not come out as the case says. */
  run(): void {
    expanded(this.#case.steps).forEach((step, index) => {
      const [what, ...parts] = step as [string, ...unknown[]]
      this.#where = `step ${index + 1}, ${JSON.stringify(step).slice(0, 100)}`
      this.#do(what, parts)
    })
    assert.deepEqual(this.#told, [], "and told besides")
    assert.deepEqual(this.#out, [], "and written besides")
  }

  #do(what: string, parts: unknown[]): void {
    const [first, second] = parts
    switch (what) {
      case "connect":
        this.#connect(first as Via | undefined)
        return
      case "cut":
        this.#lose()
        return
      case "in":
        for (const frame of expanded(parts)) this.#came(encoded(frame))
        return
      case "out": {
        const found = this.#out.splice(0)
        const shown = JSON.stringify(found).slice(0, 1000)
        assert.ok(matches(found, expanded(parts)), `${this.#where}: written was ${shown}`)
        return
      }
      case "told":
        assert.deepEqual(this.#told.splice(0), expanded(parts), this.#where)
        return
      case "acked":
        assert.ok(this.#acked, `${this.#where}: nothing was`)
        assert.deepEqual(this.#acked, ["ACK", first, second ?? this.#acked[2]], this.#where)
        return
      case "beat":
        assert.deepEqual(this.#beat, ["BEAT", first], this.#where)
        this.#beat = null
        return
      case "send": {
        const message = messageOf(String(first))
        const expiresAt = typeof second === "number" ? this.#clock.now() + second * 1000 : Infinity
        this.#sent.set(String(first), this.#session.send(message, ((message[0] ?? 0) & 8) > 0, expiresAt))
        this.#driver.flush()
        return
      }
      case "cancel": {
        const action = this.#sent.get(String(first))
        assert.ok(action, this.#where)
        this.#session.cancel(action)
        this.#driver.flush()
        return
      }
      case "close":
        this.#driver.end("it is enough")
        return
      case "head": {
        const head = this.#listener?.sendHead()
        assert.ok(head && matches(decoded(head), first), this.#where)
        return
      }
      case "at":
        this.#clock.advance(Number(first) * 1000 - this.#clock.now())
        return
      default:
        assert.fail(`nobody knows how to ${what}`)
    }
  }

  #connect(via: Via | undefined): void {
    this.#acked = this.#beat = null
    this.#decoder = new NativeDecoder(defaultLimits.maxFrame)
    this.#driver.open(
      via ? KIND_OF_VIA[via] : "websocket",
      (listener) => {
        this.#listener = listener
        return {
          flush: () => {
            this.#written(listener.take())
          },
          close: (last = []) => {
            if (this.#listener === listener) this.#listener = null
            this.#written(last)
          },
        }
      },
      LONG_MS,
    )
    const hello = this.#listener?.hello(via, via === "poll" ? 25 : undefined)
    this.#written(hello ? [hello] : [])
  }

  #came(bytes: Uint8Array): void {
    const listener = this.#listener
    if (!listener) return
    listener.heard()
    try {
      for (const frame of this.#decoder.feed(bytes)) listener.frame(frame)
    } catch (error) {
      listener.lost(String(error))
    }
  }

  /** The connection breaks, which is not told: the case itself has done it. */
  #lose(): void {
    const before = this.#told.length
    this.#listener?.lost("it was cut")
    assert.deepEqual(this.#told.splice(before), ["gone"], this.#where)
  }

  #written(frames: readonly Uint8Array[]): void {
    for (const bytes of frames) {
      const frame = decoded(bytes)
      if (frame[0] === "ACK") this.#acked = frame
      else if (frame[0] === "BEAT") this.#beat = frame
      else this.#out.push(frame)
    }
  }

  #nameOf(action: Action | null): string | undefined {
    return [...this.#sent].find(([, sent]) => sent === action)?.[0]
  }

  #happened(event: DriverEvent): void {
    switch (event.type) {
      case "opened":
        this.#wasOpen = true
        this.#told.push(
          event.reset !== null ? ["reset", event.reset] : event.replayed !== null ? "resumed" : "new",
        )
        return
      case "received":
        this.#told.push(event.envelope.filt["k"])
        return
      case "failed":
        this.#told.push(
          event.error.code === "outcome-unknown" ? ["failed", this.#nameOf(event.action)] : "bad",
        )
        return
      case "lost": {
        const [, hello] = decoded(this.#session.hello()) as [string, { resume?: unknown }]
        this.#told.push(this.#wasOpen && !hello.resume ? "over" : "gone")
        this.#listener = null
        return
      }
      default:
        this.#told.push(event.type)
    }
  }
}
