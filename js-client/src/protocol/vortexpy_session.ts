/**
 * VortexPySession: one line on the wire of VortexPY, seen from the end that opened it.
 *
 *     connecting --hello--> open
 *          |                  |
 *          +------ close -----+--> closed
 *
 * That wire has no acknowledgements: what a line that broke had taken is gone, and the next line is a session
 * of its own. No sockets, no clock, no timers: callers pass frames and the time in, and take events, frames
 * and the next deadline out. Times are milliseconds on the caller's clock.
 */

import { DecodeError, VortexError } from "../errors.ts"
import type { Limits } from "../limits.ts"
import { type Envelope, type Form, hello, readMessage } from "./envelope.ts"
import type { SessionEvent } from "./events.ts"

/** Between beats of ours; the server takes a WebSocket for dead after 75 s. */
const BEAT_MS = 10_000

/** A wake-up that comes this late was slept through: then silence is nobody's fault, once. */
const SLEPT_MS = 5_000

export class VortexPySession {
  state: "connecting" | "open" | "closed" = "connecting"
  /** How messages are to be encoded for this line; null until a transport has opened. */
  form: Form | null = null
  readonly #identity: { uuid: string; name: string }
  readonly #limits: Limits
  readonly #silenceMs: number
  readonly #events: SessionEvent[] = []
  #frames: string[] = []
  #malformed = 0
  #peerUuid: string | null = null
  #lastHeard: number
  #nextBeat = Infinity
  #slept = false

  /**
   * @param identity - Who we are; goes out in the hello.
   * @param limits - Bounds on what comes in, and on silence.
   * @param now - The time, in milliseconds.
   */
  constructor(identity: { uuid: string; name: string }, limits: Limits, now: number) {
    this.#identity = identity
    this.#limits = limits
    this.#silenceMs = limits.silenceMs
    this.#lastHeard = now
  }

  /** The transport takes messages of *form* from now on; our hello goes first. */
  attached(form: Form, now: number): void {
    if (this.state === "closed") return
    this.form = form
    this.#frames.push(hello(this.#identity.uuid, this.#identity.name, form))
    // A held POST lives as long as its response does.
    if (form === "raw") this.#nextBeat = now + BEAT_MS
  }

  /** One frame came in. On a WebSocket an old server's may hold several messages, with dots between. */
  receive(frame: string, now: number): void {
    if (this.state === "closed") return
    this.#lastHeard = now
    this.#slept = false
    for (const part of frame.startsWith("{") ? [frame] : frame.split(".")) if (part) this.#receiveOne(part)
  }

  #receiveOne(text: string): void {
    try {
      const envelope = readMessage(text, this.#limits)
      if (!(envelope instanceof Promise)) {
        if (envelope.isHello) {
          this.#greeted(envelope)
          return
        }
      } else
        envelope.catch(() => {
          // Whoever takes it is told; that may be later.
        })
      this.#events.push({ type: "received", envelope })
    } catch (error) {
      this.#refused(error instanceof VortexError ? error : new DecodeError(String(error)))
    }
  }

  #greeted({ filt }: Envelope): void {
    const peer = { uuid: String(filt["__vortexUuid__"]), name: String(filt["__vortexName__"]) }
    if (this.#peerUuid === null) {
      this.#peerUuid = peer.uuid
      this.state = "open"
      this.#events.push({ type: "opened", peer })
    } else if (this.#peerUuid !== peer.uuid) {
      // Each response of a held POST begins with one. Whoever sends it now knows nothing of what we asked.
      this.close("another server answers at this address now")
    }
  }

  #refused(error: VortexError): void {
    if (this.state === "connecting") this.close(`expected a vortex: ${error.message}`)
    else if (++this.#malformed > this.#limits.maxMalformed)
      this.close(`${this.#malformed} frames were no messages (maxMalformed)`)
    else this.#events.push({ type: "malformed", error })
  }

  /** Have *message* sent, encoded in this session's `form`. */
  send(message: string): void {
    if (this.state === "open") this.#frames.push(message)
  }

  /** Do what is due at *now*; ask `nextDeadline` when to come again. */
  tick(now: number): void {
    if (now - this.nextDeadline() > SLEPT_MS && !this.#slept) {
      this.#slept = true
      this.#lastHeard = now
      if (this.form === "raw") this.#nextBeat = now
    }
    if (now - this.#lastHeard >= this.#silenceMs) this.close(`nothing came for ${this.#silenceMs / 1000} s`)
    else if (now >= this.#nextBeat) {
      this.#nextBeat = now + BEAT_MS
      this.#frames.push("")
    }
  }

  /** When to call `tick` next, on the clock that *now* comes from; Infinity: never. */
  nextDeadline(): number {
    return this.state === "closed" ? Infinity : Math.min(this.#nextBeat, this.#lastHeard + this.#silenceMs)
  }

  /** End this session. Closing twice does nothing. */
  close(reason: string): void {
    if (this.state === "closed") return
    this.state = "closed"
    this.#frames = []
    this.#events.push({ type: "closed", reason })
  }

  /** Take what has happened, in order, each once; also while it is being taken by somebody else. */
  *events(): Generator<SessionEvent, void, void> {
    for (let event; (event = this.#events.shift());) yield event
  }

  /** Take what is to be sent next; an empty frame is a beat. */
  framesToSend(): string[] {
    const frames = this.#frames
    this.#frames = []
    return frames
  }
}
