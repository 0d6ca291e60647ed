/**
 * ClientSession: what goes on between us and a server, across all the connections that carry it.
 *
 *     detached --WELCOME--> carried --connection lost--> detached ...
 *
 * Each message is numbered, kept until it is acknowledged, and written again on the next connection; what comes is
 * taken in the order of its numbers, each once. Where a server has forgotten the session, another one begins, and
 * what was not acknowledged or not answered is sent again in it, under the numbers that those actions had.
 *
 * No sockets, no clock, no timers: callers pass frames and the time in, and take events, frames and the next
 * deadline out. Times are milliseconds on the caller's clock.
 */

import { DecodeError, LimitExceeded, VortexError, messageOf, unexpected } from "../errors.ts"
import type { Limits } from "../limits.ts"
import { isPlain } from "../tuples/convert.ts"
import type { PeerIdentity, SessionEvent } from "./events.ts"
import { readJson } from "./json_text.ts"
import * as Kind from "./kinds.ts"
import { type Bytes, frame, jsonFrame, readVarint, varint } from "./native.ts"
import { readMessage } from "./native_message.ts"

/** A message without anything in it, which is never answered. */
const EMPTY: Bytes = Uint8Array.of(1, 2, 0x7b, 0x7d)

/** What is written and not acknowledged, at most; one larger message passes alone. */
const WINDOW = 512
const WINDOW_BYTES = 1 << 20

/** When what came is acknowledged, if nothing else is to be written. */
const ACK_COUNT = 64
const ACK_BYTES = 128 << 10
const ACK_MS = 1_000

/** What a frame has beside its message, at most: kind and three numbers. */
const HEADER = 25

/** Something that is sent, until it is done with. */
export interface Action {
  /** As `native_message` writes it; empty once it is known that it does not get through. */
  message: Bytes
  /** When nobody waits for an answer any more; Infinity: never. */
  readonly expiresAt: number
  /** Whether an answer is waited for. */
  isAwaited: boolean
  /** Its number; 0 until it is written for the first time. */
  number: number
}

/** That nobody waits for the answer to the action of that number any more. */
interface Cancel {
  readonly number: number
  readonly message?: undefined
}

type Outgoing = Action | Cancel

/** How an HTTP response brings frames. */
export type Via = "stream" | "sse" | "poll"

interface Resume {
  readonly session: string
  readonly token: string
  readonly epoch: string
}

/** What a server says first, as far as it is of use. */
interface Welcome extends PeerIdentity, Resume {
  readonly outcome: string
  readonly reason?: string
  readonly client?: unknown
  /** Whom it takes us for. */
  readonly who?: unknown
  readonly n: number
  readonly taken: number
  /** Seconds. */
  readonly beat: number
  readonly maxFrame: number
}

type Json = Readonly<Record<string, unknown>>

export class ClientSession {
  /** How many sessions came before this one: numbers of one mean nothing in another. */
  generation = 0
  readonly #identity: PeerIdentity
  readonly #limits: Limits
  /** Whether a connection carries it now. */
  isCarried = false
  #via: Via | undefined
  /** What the last WELCOME gave: how to resume, who we are to the server, and its bounds. */
  #resume: Resume | undefined
  #client: string | undefined
  #who: unknown
  #beatMs = Infinity
  #maxFrame = Infinity
  /** Why the session that was is over, as far as we know; undefined where there was none. */
  #over: string | undefined
  readonly #events: SessionEvent[] = []
  // Out: what waits, and what was written, of which the first so many on the present connection.
  #queue: Outgoing[] = []
  #queueBytes = 0
  #written: Outgoing[] = []
  #cursor = 0
  #acknowledged = 0
  #nextAction = 1
  /** The actions that are not done with: not acknowledged, or not answered; by their numbers, which ascend. */
  readonly #open = new Map<number, Action>()
  // In: what was taken, and how much of that was acknowledged.
  #taken = 0
  #told = 0
  /** What a hello that is on its way says was taken: if the server forgot more than that, it could not resume. */
  #mayTell = Infinity
  #settledTold = 0
  #untoldBytes = 0
  #ackAt = Infinity
  #beatAt = Infinity
  #lastHeard = 0

  /**
   * @param identity - Who we are; goes out in the hello.
   * @param limits - Bounds on what comes in, and on what waits.
   */
  constructor(identity: PeerIdentity, limits: Limits) {
    this.#identity = identity
    this.#limits = limits
  }

  // ---- the beginning and the end of a connection

  /** The first frame of a new connection. The old one, if there is one, carries the session until WELCOME. */
  hello(via?: Via, wait?: number): Bytes {
    const { uuid, name } = this.#identity
    const resume = this.#resume && { ...this.#resume, n: this.#taken }
    // A poll's next hello is an acknowledgement as well.
    if (via === "poll" && this.#via === "poll") this.#acknowledgedTo(this.#taken, this.#settledTold)
    else this.#mayTell = this.#taken
    return jsonFrame(Kind.HELLO, {
      wire: 1,
      uuid,
      name,
      client: this.#client,
      epoch: 1,
      next: this.#nextAction,
      resume,
      via,
      wait,
    })
  }

  /** The first frame of a POST that only sends; null while nothing carries the session. */
  sendHead(): Bytes | null {
    if (!this.isCarried || !this.#resume) return null
    const { session, token } = this.#resume
    return jsonFrame(Kind.SEND, { session, token })
  }

  /**
   * A connection's WELCOME came: it carries the session from now on.
   *
   * @param isSame - It carried it before: what is on its way there will arrive.
   * @throws DecodeError if that is no WELCOME, or not one that can be.
   */
  welcome(bytes: Uint8Array, via: Via | undefined, isSame: boolean, now: number): void {
    const fields = (bytes[0] === Kind.WELCOME ? jsonOf(bytes) : {}) as unknown as Welcome
    const { outcome, reason, uuid, name, session, token, epoch, client, who, n, taken, beat, maxFrame } =
      fields
    if (
      !["new", "resumed", "reset"].includes(outcome) ||
      ![uuid, name, session, token, epoch].every((text) => typeof text === "string") ||
      ![n, taken, beat, maxFrame].every((number) => typeof number === "number" && number >= 0)
    )
      throw new DecodeError("expected a vortex's WELCOME")
    const isResumed = outcome === "resumed"
    let reset: string | null = null
    let lost: Action[] = []
    if (isResumed) {
      if (session !== this.#resume?.session || n < this.#taken)
        throw new DecodeError("expected the same session")
      this.#acknowledge(taken)
      if (!isSame) this.rewind()
    } else {
      if (this.#resume) this.#over = "unknown"
      if (this.#over) reset = reason ?? this.#over
      // What was sent as somebody else is not sent again.
      if (reset === "auth" || (who && this.#who && who !== this.#who)) {
        reset = "auth"
        lost = [...this.#open.values()].filter(({ isAwaited }) => isAwaited)
        this.#open.clear()
        this.#written = []
        this.#queue = this.#queue.filter(({ number }) => !number)
      }
      this.#beginAnew()
    }
    this.#over = undefined
    this.#mayTell = Infinity
    this.#who = who ?? this.#who
    if (typeof client === "string") this.#client = client
    this.#resume = { session, token, epoch }
    this.#beatMs = beat * 1000 || Infinity
    this.#maxFrame = maxFrame
    this.#via = via
    this.isCarried = true
    this.#lastHeard = now
    this.#beatAt = via ? Infinity : now + this.#beatMs
    // Ends the life of the token before; a poll's next hello does so too.
    this.#ackAt = via === "poll" ? Infinity : now
    // That a poll goes on is no news.
    if (!isSame || !isResumed)
      this.#events.push({
        type: "opened",
        peer: { uuid, name },
        reset,
        replayed: isResumed ? this.#written.length : null,
      })
    for (const action of lost)
      this.#fail(action, new VortexError("it was sent as somebody else", "outcome-unknown"))
  }

  /** The connection that a hello was for is not to be: the present one goes on. */
  stay(): void {
    this.#mayTell = Infinity
    if (this.#taken > this.#told && this.#via !== "poll")
      this.#ackAt = Math.min(this.#ackAt, this.#lastHeard + ACK_MS)
  }

  /** The connection that carried it is gone. */
  detach(): void {
    this.isCarried = false
  }

  /** What was written and not acknowledged may not have arrived: write it again, and acknowledge again. */
  rewind(): void {
    this.#cursor = 0
    this.#told = this.#settledTold = 0
    if (this.#via !== "poll") this.#ackAt = this.#lastHeard
  }

  /** The frame that has the server forget the session. */
  closing(reason: string): Bytes {
    return jsonFrame(Kind.CLOSE, { code: "closed", reason, again: false })
  }

  /** This session is over, for a reason that has this *code*; what comes next is another one. */
  forget(code: string): void {
    if (this.#resume) this.#over = code
    this.#resume = undefined
    this.detach()
  }

  #beginAnew(): void {
    const cancels = this.#written.filter(({ message }) => !message)
    const waiting = this.#queue.filter(({ message, number }) => !message || !this.#open.has(number))
    this.#queue = [...this.#open.values(), ...cancels, ...waiting]
    this.generation++
    this.#written = []
    this.#queueBytes = bytesIn(this.#queue)
    this.#cursor = this.#acknowledged = this.#taken = this.#untoldBytes = 0
    this.#told = this.#settledTold = 0
  }

  // ---- in

  /** Something came, if not a whole frame yet: whoever sends is there. */
  heard(now: number): void {
    this.#lastHeard = now
  }

  /** A frame came in on the connection that carries the session. */
  receive(bytes: Uint8Array, now: number): void {
    if (!this.isCarried) return
    this.#lastHeard = now
    try {
      this.#receive(bytes, now)
    } catch (error) {
      this.#lose(messageOf(error))
    }
  }

  #receive(bytes: Uint8Array, now: number): void {
    const kind = bytes[0] ?? 0
    if (kind === Kind.DATA || kind === Kind.REPLY) this.#received(bytes, kind === Kind.REPLY, now)
    else if (kind === Kind.ACK) this.#acknowledge(readVarint(bytes, 1)[0])
    else if (kind === Kind.BEAT) this.#expect(readVarint(bytes, 1)[0])
    else if (kind === Kind.CLOSE) {
      const { code, reason, again } = jsonOf(bytes)
      this.#lose(`${String(code)}: ${String(reason)}`)
      if (again !== true) this.forget(String(code))
    } else if (kind !== Kind.PAD && kind < 0x80) throw unexpected("a frame of a server", kind)
  }

  #received(bytes: Uint8Array, isReply: boolean, now: number): void {
    const [number, start] = readVarint(bytes, 1)
    if (number <= this.#taken) return
    this.#expect(number - 1)
    if (!this.isCarried) return
    let at = start
    let action: Action | undefined
    if (isReply) {
      let its
      ;[its, at] = readVarint(bytes, at)
      action = this.#open.get(its)
      this.#open.delete(its)
    }
    this.#taken = number
    this.#untoldBytes += bytes.length
    if (this.#via !== "poll") this.#ackAt = Math.min(this.#ackAt, now + ACK_MS)
    try {
      const envelope = readMessage(bytes.subarray(at), this.#limits)
      this.#events.push({ type: "received", envelope, action: answered(action) })
    } catch (error) {
      this.#fail(action, error instanceof VortexError ? error : new DecodeError(String(error)))
    }
  }

  #fail(action: Action | undefined, error: VortexError): void {
    this.#events.push({ type: "failed", error, action: answered(action) })
  }

  /** There have been so many messages. */
  #expect(count: number): void {
    if (count > this.#taken) this.#lose(`of ${count} messages ${this.#taken} have come`)
  }

  #acknowledge(number: number): void {
    const count = number - this.#acknowledged
    if (count > this.#written.length) throw new DecodeError(`message ${number} was not written`)
    if (count <= 0) return
    for (const one of this.#written.splice(0, count))
      if (one.message && !one.isAwaited) this.#open.delete(one.number)
    this.#acknowledged = number
    this.#cursor = Math.max(0, this.#cursor - count)
  }

  #lose(reason: string): void {
    if (!this.isCarried) return
    this.detach()
    this.#events.push({ type: "lost", reason })
  }

  // ---- out

  /**
   * Have *message* sent, when its turn has come, be that on another connection, or in another session.
   *
   * @throws LimitExceeded if more waits than may, or the message is larger than any that the server takes.
   */
  send(message: Bytes, isAwaited: boolean, expiresAt = Infinity): Action {
    const action: Action = { message, expiresAt, isAwaited, number: 0 }
    const { maxOutboxItems, maxOutboxBytes } = this.#limits
    if (message.length + HEADER > this.#maxFrame) throw this.#tooLarge(message)
    const isMuch = this.#queueBytes > 0 && this.#queueBytes + message.length > maxOutboxBytes
    if (isMuch || this.#queue.length >= maxOutboxItems)
      throw new LimitExceeded(isMuch ? "maxOutboxBytes" : "maxOutboxItems", "too much waits to be sent")
    this.#enqueue(action)
    return action
  }

  #enqueue(one: Outgoing): void {
    this.#queue.push(one)
    this.#queueBytes += sizeOf(one)
  }

  #tooLarge(message: Bytes): LimitExceeded {
    return new LimitExceeded(
      "maxFrame",
      `the server takes ${this.#maxFrame} bytes, a message has ${message.length}`,
    )
  }

  /** Nobody waits for its answer any more. What was not written yet is not written at all. */
  cancel(action: Action): void {
    if (!action.isAwaited) return
    action.isAwaited = false
    if (!action.number) {
      this.#queue = this.#queue.filter((one) => one !== action)
      this.#queueBytes -= action.message.length
      return
    }
    // What the server has is done with; what it may not have is sent to it, since numbers leave none out.
    if (![...this.#written, ...this.#queue].includes(action)) this.#open.delete(action.number)
    this.#enqueue({ number: action.number })
  }

  /**
   * What was written last does not get through, as often as it is written. An empty message takes its place, as
   * numbers leave none out, and whoever waits for an answer gets an error.
   *
   * @returns whether that helps.
   */
  cannotPass(reason: string): boolean {
    const action = this.#written[this.#cursor - 1]
    if (!action?.message || action.message === EMPTY) return false
    action.message = EMPTY
    this.#fail(action, new VortexError(reason, "limit-exceeded"))
    return true
  }

  /** Take what is to be written next on the connection that carries the session: so many messages at most. */
  framesToSend(now: number, most = Infinity): Bytes[] {
    if (!this.isCarried) return []
    const frames: Bytes[] = []
    for (let one; frames.length < most && (one = this.#next());) {
      this.#cursor++
      frames.push(this.#frameOf(one, this.#acknowledged + this.#cursor, now))
    }
    const settled = this.#settled
    const taken = Math.min(this.#taken, this.#mayTell)
    const isNews = taken > this.#told || settled > this.#settledTold
    const isDue = now >= this.#ackAt || taken - this.#told >= ACK_COUNT || this.#untoldBytes >= ACK_BYTES
    if ((frames.length && isNews) || (isDue && this.#via !== "poll")) {
      frames.unshift(frame(Kind.ACK, varint(taken), varint(settled)))
      this.#acknowledgedTo(taken, settled)
    }
    if (!frames.length && now >= this.#beatAt)
      frames.push(frame(Kind.BEAT, varint(this.#acknowledged + this.#cursor)))
    if (frames.length && !this.#via) this.#beatAt = now + this.#beatMs
    return frames
  }

  #acknowledgedTo(taken: number, settled: number): void {
    this.#told = taken
    this.#settledTold = settled
    this.#untoldBytes = 0
    this.#ackAt = Infinity
  }

  /** All actions up to this one are done with. */
  get #settled(): number {
    const [first = this.#nextAction] = this.#open.keys()
    return first - 1
  }

  #next(): Outgoing | undefined {
    const again = this.#written[this.#cursor]
    if (again) return again
    const [one] = this.#queue
    if (!one) return undefined
    const size = sizeOf(one)
    if (this.#written.length >= WINDOW) return undefined
    if (this.#written.length && bytesIn(this.#written) + size > WINDOW_BYTES) return undefined
    this.#queue.shift()
    this.#queueBytes -= size
    if (one.message && !one.number) {
      if (one.message.length + HEADER > this.#maxFrame) {
        this.#fail(one, this.#tooLarge(one.message))
        return this.#next()
      }
      one.number = this.#nextAction++
      this.#open.set(one.number, one)
    }
    this.#written.push(one)
    return one
  }

  #frameOf(one: Outgoing, number: number, now: number): Bytes {
    const head = [varint(number), varint(one.number)]
    if (!one.message) return frame(Kind.CANCEL, ...head)
    const { expiresAt, message } = one
    const deadline = expiresAt === Infinity ? 0 : Math.max(1, Math.ceil(expiresAt - now))
    return frame(Kind.ACTION, ...head, varint(deadline), message)
  }

  // ---- time

  /** Do what is due at *now*; ask `nextDeadline` when to come again. */
  tick(now: number): void {
    if (this.isCarried && now >= this.#silentAt)
      this.#lose(`nothing came for ${(now - this.#lastHeard) / 1000} s`)
  }

  /** When to call `tick` and `framesToSend` next, on the clock that *now* comes from; Infinity: never. */
  nextDeadline(): number {
    return this.isCarried ? Math.min(this.#beatAt, this.#ackAt, this.#silentAt) : Infinity
  }

  /** A poll is answered when there is something, and it knows by itself when that should be. */
  get #silentAt(): number {
    return this.#via === "poll" ? Infinity : this.#lastHeard + 1.5 * this.#beatMs
  }

  /** Take what has happened, in order, each once; also while it is being taken by somebody else. */
  *events(): Generator<SessionEvent, void, void> {
    for (let event; (event = this.#events.shift());) yield event
  }
}

const sizeOf = ({ message }: Outgoing): number => message?.length ?? 0

const bytesIn = (many: readonly Outgoing[]): number => many.reduce((size, one) => size + sizeOf(one), 0)

/** The action, if its answer is waited for, which from here on it is not any more. */
function answered(action: Action | undefined): Action | null {
  if (!action?.isAwaited) return null
  action.isAwaited = false
  return action
}

/** @throws DecodeError if *bytes* are no frame of JSON. */
function jsonOf(bytes: Uint8Array): Json {
  const fields = readJson(bytes.subarray(1))
  if (!isPlain(fields)) throw new DecodeError("expected an object")
  return fields
}
