/**
 * VortexConnection: the page's link to one server, which comes back by itself.
 *
 *     connecting --server's hello--> open
 *       |     ^                       |
 *       v     |                       | line lost, cut()
 *      waiting <----------------------+          any --close()--> closed
 *
 * Nothing is queued while there is no line: a send then fails at once, and a request whose answer had not come
 * when its line was lost ends with `ConnectionLost`.
 */

import { type Clock, systemClock } from "../clock.ts"
import {
  ConnectionLost,
  NotConnected,
  RequestTimeout,
  type VortexError,
  asVortexError,
  errorOf,
} from "../errors.ts"
import { Loader, type LoaderOptions, type RowsCallback } from "../handlers/loader.ts"
import { type Limits, defaultLimits } from "../limits.ts"
import { Backoff } from "../protocol/backoff.ts"
import { encodeMessage } from "../protocol/envelope.ts"
import type { PeerIdentity, SessionEvent } from "../protocol/events.ts"
import { type Filt, Payload } from "../protocol/payload.ts"
import { VortexPySession } from "../protocol/vortexpy_session.ts"
import { MESSAGE_ID, SERVER_ECHO } from "../routing/filt.ts"
import { type EndpointCallback, PayloadEndpoint } from "../routing/payload_endpoint.ts"
import { PayloadIO } from "../routing/payload_io.ts"
import type { AnyTuple, Tuple } from "../tuples/tuple.ts"
import { openHeldPost } from "../transports/held_post.ts"
import { SessionDriver } from "../transports/session_driver.ts"
import type { TransportKind } from "../transports/transport.ts"
import { type SocketConstructor, openWebSocket } from "../transports/websocket.ts"

/** Where a connection is on its way, see the module's diagram. */
export type State = "connecting" | "open" | "waiting" | "closed"

/** What a "state" event tells in its `detail`. */
export interface StateChange {
  /** Where it is now. */
  readonly state: State
  /** Where it was until now. */
  readonly previous: State
  /** What carries the line, or is to carry it; null without one. */
  readonly transport: TransportKind | null
  /** Why the line was lost or could not be opened; null where there is nothing to tell. */
  readonly reason: string | null
}

/** How a `VortexConnection` is made. */
export interface ConnectionOptions {
  /** What we call ourselves; others may bear the same name. */
  readonly name?: string
  /** What tells us from others of our name; default: random, new for every connection. */
  readonly uuid?: string
  /** "auto": a WebSocket, and held POST in turn when that cannot be opened; stays with what worked. */
  readonly transport?: TransportKind | "auto"
  /** What makes a WebSocket; default: the global one. */
  readonly WebSocket?: SocketConstructor
  /** What makes a request; default: the global one. */
  readonly fetch?: typeof fetch
  /** Those that are to differ from `defaultLimits`. */
  readonly limits?: Partial<Limits>
  /** Where the time comes from; default: the machine's. */
  readonly clock?: Clock
  /** Uniform in [0, 1); for the delays between attempts. */
  readonly random?: () => number
  /** Ceiling of the first delay between attempts, in milliseconds; each after it has twice the last one's. */
  readonly firstDelayMs?: number
  /** Ceiling that no delay goes over, in milliseconds. */
  readonly maxDelayMs?: number
  /** How long a request waits for its answer unless it says otherwise, in milliseconds. */
  readonly requestTimeoutMs?: number
}

/** How one request is made. */
export interface RequestOptions {
  /** What is sent along; default: the payload's own. */
  readonly tuples?: readonly unknown[]
  /** How long to wait for the answer, in milliseconds. */
  readonly timeout?: number
  /** Ends the wait with its reason; what was sent stays sent. */
  readonly signal?: AbortSignal
}

/** What a connection tells. */
export interface ConnectionEvents {
  /** It is somewhere else on its way now. */
  state: CustomEvent<StateChange>
  /** A message could not be read, or a callback failed. */
  error: CustomEvent<VortexError>
  /** A `ping` came back, after so many milliseconds. */
  roundtrip: CustomEvent<number>
}

/** One attempt, and what became of it. */
interface Line {
  readonly kind: TransportKind
  readonly driver: SessionDriver
}

const CLOSED = "the connection was closed"
const PAGE_EVENTS = ["online", "pagehide", "pageshow"]

/**
 * A link to a server's vortex. It connects at once, and again whenever its line is lost.
 *
 * Events: "state" (`CustomEvent<StateChange>`), "roundtrip" (`CustomEvent<number>`, milliseconds) and "error"
 * (`CustomEvent<VortexError>`: a message that could not be read, or a callback that failed; the console has it
 * too, unless the event's default is prevented).
 */
export class VortexConnection extends EventTarget {
  readonly uuid: string
  readonly name: string
  /** Whom messages go to. */
  readonly payloadIO: PayloadIO
  readonly #url: URL
  readonly #options: ConnectionOptions
  readonly #limits: Limits
  readonly #clock: Clock
  readonly #backoff: Backoff
  #state: State = "connecting"
  #peer: PeerIdentity | null = null
  #opens = 0
  #roundTripMs: number | null = null
  #retryAtMs: number | null = null
  #timer: unknown = null
  #line: Line | null = null
  /** Which transport an attempt begins with, and whether the other one is tried when that fails. */
  #preferred: TransportKind
  #auto: boolean
  /** Why nothing is tried until somebody says so. */
  #parked: "cut" | "hidden" | null = null
  #connected: Deferred<PeerIdentity> | null = null
  #outgoing: Promise<unknown> = Promise.resolve()

  /**
   * @param url - The vortex's URL; http and ws name the same place, and a relative one is relative to the page.
   * @throws TypeError if that is no URL.
   */
  constructor(url: string | URL, options: ConnectionOptions = {}) {
    super()
    const page: { document?: { baseURI: string }; location?: { href: string } } = globalThis
    this.uuid = options.uuid ?? newUuid()
    this.name = options.name ?? "page"
    this.#url = new URL(url, page.document?.baseURI ?? page.location?.href)
    this.#url.hash = ""
    this.#url.searchParams.set("vortexUuid", this.uuid)
    this.#url.searchParams.set("vortexName", this.name)
    this.#options = options
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#clock = options.clock ?? systemClock
    this.#backoff = new Backoff(options.firstDelayMs, options.maxDelayMs, options.random)
    this.payloadIO = new PayloadIO(this.#limits, (payload) => this.#send(payload, true), this.report)
    const { transport = "auto" } = options
    this.#auto = transport === "auto"
    this.#preferred = this.#auto ? "websocket" : (transport as TransportKind)
    this.#watchPage(true)
    this.#connect(this.#preferred)
  }

  /** Where it is on its way; only while it is "open" can anything be sent. */
  get state(): State {
    return this.#state
  }

  /** What carries the line, or is being tried; null while there is none. */
  get transport(): TransportKind | null {
    return this.#line && this.#line.kind
  }

  /** Who answers, in its own words; while there is no line, who did last. */
  get peer(): PeerIdentity | null {
    return this.#peer
  }

  /** How often the line came back. */
  get reconnects(): number {
    return Math.max(0, this.#opens - 1)
  }

  /** What the last `ping` took, in milliseconds. */
  get roundTripMs(): number | null {
    return this.#roundTripMs
  }

  /** When the next attempt is made, in milliseconds on the clock; null unless one is waited for. */
  get retryAtMs(): number | null {
    return this.#retryAtMs
  }

  /** The present line's peer, or the next one's; rejects with `NotConnected` once closed. */
  get connected(): Promise<PeerIdentity> {
    if (this.#state === "open" && this.#peer) return Promise.resolve(this.#peer)
    if (this.#state === "closed") return Promise.reject(new NotConnected(CLOSED))
    return (this.#connected ??= new Deferred()).promise
  }

  /**
   * Be told of each change of state.
   *
   * @returns What ends it.
   */
  onStateChange(callback: (state: State, connection: this) => void): () => void {
    const listener = (): void => {
      try {
        callback(this.#state, this)
      } catch (error) {
        this.report(error)
      }
    }
    this.addEventListener("state", listener)
    return () => {
      this.removeEventListener("state", listener)
    }
  }

  // ---- out

  /**
   * Send a payload, after all that was sent before.
   *
   * @returns When it was handed to the transport. That is no answer yet: `request` waits for one.
   * @throws NotConnected unless the line is open, and still is when the payload has been encoded.
   * @throws EncodeError if it holds what cannot travel.
   */
  send(payload: Payload): Promise<void> {
    return this.#send(payload)
  }

  /**
   * Send a payload and wait for its answer.
   *
   * @param about - The filt, or a whole payload.
   * @throws NotConnected at once, unless the line is open: nothing was sent.
   * @throws ConnectionLost as soon as the line is gone: it may have been done, or not.
   * @throws RequestTimeout if no answer came in time.
   * @throws RemoteError with the server's code and text.
   * @throws the signal's reason, if it says stop.
   */
  async request(about: Filt | Payload, options: RequestOptions = {}): Promise<Payload> {
    const { tuples, timeout = this.#options.requestTimeoutMs ?? 30_000, signal } = options
    signal?.throwIfAborted()
    const id = newUuid()
    const whole = about instanceof Payload ? about : new Payload(about)
    const hand = await this.#encoded(
      new Payload({ ...whole.filt, [MESSAGE_ID]: id }, tuples ?? whole.tuples, whole.result),
    )
    signal?.throwIfAborted()
    const { answer, withdraw } = this.payloadIO.waitFor(id)
    answer.catch(nothing)
    const timer = this.#clock.setTimer(() => {
      withdraw(new RequestTimeout(`no answer came within ${timeout / 1000} s`))
    }, timeout)
    const stop = (): void => {
      withdraw(signal?.reason)
    }
    signal?.addEventListener("abort", stop)
    try {
      hand()
      return await answer
    } finally {
      this.#clock.clearTimer(timer)
      signal?.removeEventListener("abort", stop)
      withdraw(null)
    }
  }

  /**
   * Have an empty message sent straight back by the server.
   *
   * @returns What that took, in milliseconds; `roundTripMs` and a "roundtrip" event tell it too.
   * @throws what `request` does.
   */
  async ping(options: Omit<RequestOptions, "tuples"> = {}): Promise<number> {
    const start = this.#clock.now()
    await this.request({ [SERVER_ECHO]: true }, options)
    const took = (this.#roundTripMs = this.#clock.now() - start)
    this.dispatchEvent(new CustomEvent("roundtrip", { detail: took }))
    return took
  }

  // ---- in

  /** Have *callback* called with each payload whose filt holds what *filt* does, until that is shut down. */
  listen(
    filt: Filt,
    callback: EndpointCallback,
    options: { readonly signal?: AbortSignal } = {},
  ): PayloadEndpoint {
    return new PayloadEndpoint(filt, callback, this, options)
  }

  /**
   * Load the rows that *filt* names, and keep them current.
   *
   * @param onRows - Called whenever they have changed; or, where that is not needed, the options.
   */
  load<T extends Tuple = AnyTuple>(
    filt: Filt,
    onRows?: RowsCallback<T> | LoaderOptions<T>,
    options?: LoaderOptions<T>,
  ): Loader<T> {
    return new Loader<T>(this, filt, onRows, options)
  }

  /** Tell of a failure that no caller hears of: as an "error" event, and on the console. */
  readonly report = (error: unknown): void => {
    const detail = asVortexError(error)
    if (this.dispatchEvent(new CustomEvent("error", { detail, cancelable: true }))) console.error(error)
  }

  /** Be told of one of `ConnectionEvents`. */
  override addEventListener<K extends keyof ConnectionEvents>(
    type: K,
    listener: ((event: ConnectionEvents[K]) => void) | null,
    options?: AddEventListenerOptions | boolean,
  ): void
  /** Be told of any event. */
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: AddEventListenerOptions | boolean,
  ): void
  override addEventListener(
    type: string,
    listener: never,
    options?: AddEventListenerOptions | boolean,
  ): void {
    super.addEventListener(type, listener, options)
  }

  // ---- the line

  /**
   * Go over to the other transport now; "auto" begins with a WebSocket again.
   *
   * The old line is left first: a request that waits for its answer there ends with `ConnectionLost`, and until
   * the new line is open nothing can be sent.
   */
  useTransport(transport: TransportKind | "auto"): void {
    this.#auto = transport === "auto"
    this.#preferred = transport === "auto" ? "websocket" : transport
    if (this.#state === "closed" || this.#parked) return
    if (this.#state === "open" && this.transport === this.#preferred) return
    this.#leave("the connection went over to another transport")
    this.#backoff.reset()
    this.#connect(this.#preferred)
  }

  /** Lose the line, as if it had broken; it stays lost until `reconnect`. */
  cut(): void {
    this.#park("cut", "the line was cut")
  }

  /** Try now, unless the line is open; this also ends a `cut`. Nothing ends a `close`. */
  reconnect(): void {
    if (this.#state === "open" || this.#state === "closed") return
    this.#parked = null
    this.#leave("")
    this.#connect(this.#preferred)
  }

  /** Leave for good: no line, no timer and no listener stays. Requests that wait end with `ConnectionLost`. */
  close(): void {
    if (this.#state === "closed") return
    this.#watchPage(false)
    this.#leave(CLOSED)
    this.#connected?.reject(new NotConnected(CLOSED))
    this.#setState("closed", CLOSED)
  }

  // ---- between them

  #connect(kind: TransportKind, reason: string | null = null): void {
    const { WebSocket = globalThis.WebSocket, fetch = globalThis.fetch } = this.#options
    const line: Line = {
      kind,
      driver: new SessionDriver(
        new VortexPySession(this, this.#limits, this.#clock.now()),
        (listener) =>
          kind === "websocket"
            ? openWebSocket(this.#url, WebSocket, listener)
            : openHeldPost(this.#url, fetch, this.#limits.maxFrame, listener),
        this.#clock,
        (event) => {
          if (line === this.#line) this.#take(event, line)
        },
      ),
    }
    this.#line = line
    this.#setState("connecting", reason)
  }

  #take(event: SessionEvent, line: Line): void {
    switch (event.type) {
      case "opened":
        this.#peer = event.peer
        this.#opens++
        this.#backoff.reset()
        this.#preferred = line.kind
        this.#connected?.resolve(event.peer)
        this.#connected = null
        this.#setState("open", null)
        break
      case "received": {
        const { envelope } = event
        // The server's word on what it could not read has no filt, as that had none.
        const complaint = "filt" in envelope && !Object.keys(envelope.filt).length && errorOf(envelope.result)
        if (complaint) this.report(complaint)
        else void this.payloadIO.route(envelope)
        break
      }
      case "malformed":
        this.report(event.error)
        break
      case "closed":
        this.#lost(event.reason, line.kind)
    }
  }

  #lost(reason: string, kind: TransportKind): void {
    const mayTurn = this.#auto && this.#state === "connecting" && kind === this.#preferred
    this.#leave(reason)
    if (mayTurn) {
      this.#connect(kind === "post" ? "websocket" : "post", reason)
      return
    }
    const delay = this.#backoff.nextMs()
    this.#retryAtMs = this.#clock.now() + delay
    this.#timer = this.#clock.setTimer(() => {
      this.reconnect()
    }, delay)
    this.#setState("waiting", reason)
  }

  #park(parked: "cut" | "hidden", reason: string): void {
    if (this.#state === "closed") return
    this.#parked = parked
    this.#leave(reason, parked === "hidden")
    this.#setState("waiting", reason)
  }

  /** Let go of the line, or of the wait for one. What to be instead is for the caller to say. */
  #leave(reason: string, flush = false): void {
    this.#clock.clearTimer(this.#timer)
    this.#timer = this.#retryAtMs = null
    const line = this.#line
    this.#line = null
    if (!line) return
    line.driver.close(reason, flush)
    // An answer that has come in, if only just, is still delivered.
    this.payloadIO.failAll(new ConnectionLost(`${reason}: what was asked for may have been done, or not`))
  }

  #setState(state: State, reason: string | null): void {
    const detail: StateChange = { state, previous: this.#state, transport: this.transport, reason }
    this.#state = state
    this.dispatchEvent(new CustomEvent("state", { detail }))
  }

  /** Encode *payload*; returns what hands it to the line, unless that has gone meanwhile. */
  async #encoded(payload: Payload, isReply = false): Promise<() => void> {
    const line = this.#line
    const form = line?.driver.session.form
    if (this.#state !== "open" || !line || !form)
      throw new NotConnected(`there is no line (${this.#state}): nothing was sent`)
    const turn = Promise.all([encodeMessage(payload, form, isReply), this.#outgoing])
    this.#outgoing = turn.catch(nothing)
    const [message] = await turn
    return () => {
      if (line !== this.#line) throw new NotConnected("the line went away meanwhile: nothing was sent")
      line.driver.send(message)
    }
  }

  async #send(payload: Payload, isReply = false): Promise<void> {
    const hand = await this.#encoded(payload, isReply)
    hand()
  }

  #watchPage(watch: boolean): void {
    const page: Partial<Pick<Window, "addEventListener" | "removeEventListener">> = globalThis
    for (const type of PAGE_EVENTS)
      page[watch ? "addEventListener" : "removeEventListener"]?.(type, this.#onPage)
  }

  /** A page that is left may come back as it was, but without its lines. */
  readonly #onPage = ({ type }: Event): void => {
    if (type === "pagehide") {
      if (!this.#parked) this.#park("hidden", "the page was left")
    } else if (this.#parked === (type === "online" ? null : "hidden")) this.reconnect()
  }
}

class Deferred<T> {
  resolve!: (value: T) => void
  reject!: (error: unknown) => void
  readonly promise = new Promise<T>((resolve, reject) => {
    this.resolve = resolve
    this.reject = reject
  })

  constructor() {
    // Whoever has asked hears of it; that nobody has is no error.
    this.promise.catch(nothing)
  }
}

function nothing(): void {
  // Told elsewhere.
}

/** A random uuid; `crypto.randomUUID` is only there for pages that came by https. */
function newUuid(): string {
  const hex = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  )
  return hex.join("").replace(/^(.{8})(.{4}).(.{3}).(.{3})/, "$1-$2-4$3-8$4-")
}
