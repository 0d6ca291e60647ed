/**
 * VortexConnection: the page's link to one server, which comes back by itself.
 *
 *     connecting --WELCOME--> open
 *       |     ^                 |
 *       v     |                 | connection lost, cut()
 *      waiting <----------------+          any --close()--> closed
 *
 * What goes on between the two outlives what carries it: what is sent while there is no line waits, and a request
 * whose answer had not come is answered on the next one.
 */

import { type Clock, later, systemClock } from "../clock.ts"
import {
  ConnectionLost,
  NotConnected,
  RequestTimeout,
  VortexError,
  asVortexError,
  errorOf,
  nothing,
} from "../errors.ts"
import { type ActOptions, act } from "../handlers/actions.ts"
import type { RowsCallback } from "../handlers/live_view.ts"
import { Loader, type LoaderOptions } from "../handlers/loader.ts"
import { Observation, type ObserveOptions, type Selector } from "../handlers/observer.ts"
import { type Limits, defaultLimits } from "../limits.ts"
import { type Backoff, newBackoff } from "../protocol/backoff.ts"
import type { Opened, PeerIdentity, Received } from "../protocol/events.ts"
import type { Bytes } from "../protocol/native.ts"
import { EXPECTS_ANSWER, IS_REPLY, encodeMessage } from "../protocol/native_message.ts"
import { type Filt, Payload } from "../protocol/payload.ts"
import { type Action, ClientSession } from "../protocol/session.ts"
import { SERVER_ECHO } from "../routing/filt.ts"
import { type EndpointCallback, PayloadEndpoint } from "../routing/payload_endpoint.ts"
import { PayloadIO, type Waiting } from "../routing/payload_io.ts"
import type { AnyTuple, Tuple } from "../tuples/tuple.ts"
import { TypedEventTarget, onAbort, tell } from "../typed_events.ts"
import type { HttpOptions } from "../transports/http.ts"
import { openHttp } from "../transports/http_later.ts"
import { type DriverEvent, type LostLink, SessionDriver } from "../transports/session_driver.ts"
import type { Transport, TransportKind, TransportListener } from "../transports/transport.ts"
import { type SocketConstructor, openWebSocket } from "../transports/websocket.ts"
import { newUuid } from "../uuid.ts"

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
  /**
   * "auto": a WebSocket; a held POST in turn where that cannot be opened; long polls where something in between
   * holds back what the server writes. It stays with what worked, but for polls, which it leaves again if it can.
   */
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
  readonly timeout?: number | undefined
  /** Ends the wait with its reason; the server is told, and may stop. */
  readonly signal?: AbortSignal
  /** Is called with the answer in its turn, before what comes after it. */
  readonly taken?: (answer: Payload) => void
}

/** What a "resumed" event tells in its `detail`. */
export interface SessionResumed {
  /** How many messages this end writes again, as the server had not got them. */
  readonly replayed: number
  /** How long nothing carried it, in milliseconds; 0 where it has moved from one connection to another. */
  readonly afterMs: number
}

/**
 * Why another session has begun: what the server says of the one that there was; or what had ended that before, such
 * as the word with which the server has closed the connection for good, or "closed" of a page that was left and has
 * come back.
 */
export type ResetReason =
  | "expired"
  | "unknown"
  | "overflow"
  | "epoch"
  | "auth"
  | "rights"
  | "schema"
  | "superseded"
  | "closed"
  | (string & {})

/** What a "reset" event tells in its `detail`. */
export interface SessionReset {
  /**
   * "expired": nobody came back in time. "epoch": the server was started anew. "auth": who comes back is somebody
   * else. "rights": who comes back may do less.
   */
  readonly reason: ResetReason
}

/** What a connection tells. */
export interface ConnectionEvents {
  /** It is somewhere else on its way now, or on another transport. */
  state: CustomEvent<StateChange>
  /** The session goes on, on another connection, and nothing was lost. */
  resumed: CustomEvent<SessionResumed>
  /**
   * Another session has begun in the place of the one there was. What the server had sent meanwhile is lost; what
   * was not acknowledged or not answered is sent again.
   */
  reset: CustomEvent<SessionReset>
  /** The server has dropped the session, since there was no line for too long; told just before its "reset". */
  expired: CustomEvent<null>
  /** A message could not be read, or a callback failed. */
  error: CustomEvent<VortexError>
  /** A `ping` came back, after so many milliseconds. */
  roundtrip: CustomEvent<number>
}

const CLOSED = "the connection was closed"

/**
 * A link to a server's vortex. It connects at once, and again whenever its line is lost.
 *
 * Events: "state" (`CustomEvent<StateChange>`), "resumed", "reset" and "expired" (what became of the session),
 * "roundtrip" (`CustomEvent<number>`, milliseconds) and "error" (`CustomEvent<VortexError>`: a message that could
 * not be read, or a callback that failed; the console has it too, unless the event's default is prevented).
 */
export class VortexConnection extends TypedEventTarget<ConnectionEvents> {
  readonly uuid: string
  readonly name: string
  /** Whom messages go to. */
  readonly payloadIO: PayloadIO
  readonly #url: URL
  readonly #options: ConnectionOptions
  readonly #limits: Limits
  readonly #clock: Clock
  readonly #http: HttpOptions
  readonly #backoff: Backoff
  readonly #session: ClientSession
  readonly #driver: SessionDriver
  readonly #waiting = new Map<Action | null, Waiting>()
  #state: State = "connecting"
  #peer: PeerIdentity | null = null
  #opens = -1
  #resumes = 0
  #resets = 0
  #roundTripMs: number | null = null
  #retryAtMs: number | null = null
  #lostAtMs: number | undefined
  #stopTimer: (() => void) | undefined
  /** Which transport an attempt begins with, and whether others are tried when that fails. */
  #preferred: TransportKind = "websocket"
  #auto = true
  /** What carried the line last. */
  #carrier: TransportKind | undefined
  /** Why nothing is tried until somebody says so. */
  #parked: "cut" | "hidden" | undefined
  /** Says stop to what looks after the page. */
  readonly #leaving = new AbortController()
  #outgoing: Promise<unknown> = Promise.resolve()

  /**
   * @param url - The vortex's URL; http and ws name the same place, and a relative one is relative to the page.
   * @throws TypeError if that is no URL.
   */
  constructor(url: string | URL, options: ConnectionOptions = {}) {
    super()
    const page: Partial<Pick<Window, "document" | "location" | "addEventListener">> = globalThis
    const {
      uuid = newUuid(),
      name = "page",
      fetch = globalThis.fetch,
      clock = systemClock,
      random = Math.random,
      firstDelayMs,
      maxDelayMs,
    } = options
    this.uuid = uuid
    this.name = name
    this.#url = new URL(url, page.document?.baseURI ?? page.location?.href)
    this.#url.hash = ""
    this.#options = options
    const limits = (this.#limits = { ...defaultLimits, ...options.limits })
    this.#clock = clock
    this.#backoff = newBackoff(firstDelayMs, maxDelayMs, random)
    this.#http = { url: this.#url, fetch, limits, clock, random, quickEnds: 0 }
    this.#session = new ClientSession(this, limits)
    this.#driver = new SessionDriver(this.#session, clock, (event) => {
      this.#take(event)
    })
    this.payloadIO = new PayloadIO(limits, (payload) => this.#send(payload, IS_REPLY), this.report)
    for (const type of ["online", "pagehide", "pageshow"])
      page.addEventListener?.(type, this.#onPage, { signal: this.#leaving.signal })
    this.#prefer(options.transport)
    this.#connect(this.#preferred)
  }

  /** Where it is on its way. What is sent before it is "open" waits until it is. */
  get state(): State {
    return this.#state
  }

  /** What carries the line, or is being tried; null while there is none. */
  get transport(): TransportKind | null {
    return this.#driver.carrier ?? this.#driver.candidate ?? null
  }

  /** Who answers, in its own words; while there is no line, who did last. */
  get peer(): PeerIdentity | null {
    return this.#peer
  }

  /** How often the line came back. */
  get reconnects(): number {
    return Math.max(0, this.#opens)
  }

  /** How often the session went on, on another connection. */
  get resumes(): number {
    return this.#resumes
  }

  /** How often another session began in the place of one that could not go on. */
  get resets(): number {
    return this.#resets
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
    const connected = new Promise<PeerIdentity>((resolve, reject) => {
      const look = (): void => {
        if (this.#state === "open" && this.#peer) resolve(this.#peer)
        else if (this.#state === "closed") reject(new NotConnected(CLOSED))
        else return
        stop()
      }
      const stop = this.onStateChange(look)
      look()
    })
    // Whoever has asked hears of it; that nobody has is no error.
    connected.catch(nothing)
    return connected
  }

  /**
   * Be told of each change of state, and of transport.
   *
   * @returns What ends it.
   */
  onStateChange(callback: (state: State, connection: this) => void): () => void {
    return this.#on("state", () => {
      callback(this.#state, this)
    })
  }

  /**
   * Be told when another session has begun: what was sent to this page in the one before may be lost.
   *
   * @returns What ends it.
   */
  onReset(callback: () => void): () => void {
    return this.#on("reset", callback)
  }

  /**
   * Have *callback* called in *ms* milliseconds, unless what this returns is called before.
   *
   * @internal
   */
  later(callback: () => void, ms: number): () => void {
    return later(this.#clock, callback, ms)
  }

  #on(type: string, callback: () => void): () => void {
    const listener = (): void => {
      try {
        callback()
      } catch (error) {
        this.report(error)
      }
    }
    this.addEventListener(type, listener)
    return () => {
      this.removeEventListener(type, listener)
    }
  }

  // ---- out

  /**
   * Send a payload, after all that was sent before; without a line, when there is one again.
   *
   * @returns When it is in the queue. That is no answer yet: `request` waits for one.
   * @throws NotConnected once the connection is closed.
   * @throws EncodeError if it holds what cannot travel.
   * @throws LimitExceeded if too much waits, or it is larger than the server takes.
   */
  send(payload: Payload): Promise<void> {
    return this.#send(payload)
  }

  /**
   * Send a payload and wait for its answer, through any loss of the line.
   *
   * @param about - The filt, or a whole payload.
   * @throws NotConnected once the connection is closed: nothing was sent.
   * @throws ConnectionLost if it is closed meanwhile: it may have been done, or not.
   * @throws RequestTimeout if no answer came in time; without a line it may not even have been sent.
   * @throws RemoteError with the server's code and text.
   * @throws LimitExceeded if too much waits, or it is larger than the server takes.
   * @throws the signal's reason, if it says stop.
   */
  async request(about: Filt | Payload, options: RequestOptions = {}): Promise<Payload> {
    const { tuples, timeout = this.#options.requestTimeoutMs ?? 30_000, signal, taken } = options
    signal?.throwIfAborted()
    const whole = about instanceof Payload ? about : new Payload(about)
    const payload = new Payload(whole.filt, tuples ?? whole.tuples, whole.result)
    const message = await this.#encoded(payload, EXPECTS_ANSWER)
    signal?.throwIfAborted()
    const action = this.#session.send(message, true, this.#clock.now() + timeout)
    const stops: (() => void)[] = []
    try {
      return await new Promise((resolve, reject) => {
        const answered = (answer: Payload): void => {
          taken?.(answer)
          resolve(answer)
        }
        const giveUp = (): void => {
          reject(new RequestTimeout(`no answer came within ${timeout / 1000} s`))
        }
        const abort = (): void => {
          reject(signal?.reason as Error)
        }
        this.#waiting.set(action, { resolve: answered, reject })
        stops.push(this.later(giveUp, timeout), onAbort(signal, abort))
        this.#driver.flush()
      })
    } finally {
      for (const stop of stops) stop()
      this.#waiting.delete(action)
      this.#session.cancel(action)
      this.#driver.flush()
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
    tell(this, "roundtrip", took)
    return took
  }

  // ---- in

  /** Have *callback* called with each payload whose filt holds what *filt* does, until that is shut down. */
  listen(
    filt: Filt,
    callback: EndpointCallback,
    options?: { readonly signal?: AbortSignal },
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

  /**
   * Observe what an observable of the server selects.
   *
   * @param onRows - Called whenever the rows have changed.
   */
  observe<T extends Tuple = AnyTuple>(
    observableName: string,
    selector: Selector,
    onRows?: RowsCallback<T>,
    options?: ObserveOptions,
  ): Observation<T> {
    return new Observation<T>(this, observableName, selector, onRows, options)
  }

  /**
   * Have an action carried out, once, through any loss of the line.
   *
   * @param name - The server's action processor.
   * @returns The tuples that it is answered with.
   * @throws what `request` does.
   */
  act(name: string, action: Tuple, options?: ActOptions): Promise<unknown[]> {
    return act(this, name, action, options)
  }

  /** Tell of a failure that no caller hears of: as an "error" event, and on the console. */
  readonly report = (error: unknown): void => {
    if (tell(this, "error", asVortexError(error))) console.error(error)
  }

  // ---- the line

  /**
   * Go over to another transport; "auto" begins with a WebSocket again.
   *
   * The present one carries the line until the other has taken over, and nothing is lost on the way. If that cannot be
   * opened, the line stays where it is.
   */
  useTransport(transport: TransportKind | "auto"): void {
    this.#prefer(transport)
    if (this.#state === "closed" || this.#parked) return
    if (this.#driver.carrier === this.#preferred) this.#driver.stay()
    else if (this.#state === "open") this.#open(this.#preferred)
    else {
      this.#backoff.reset()
      this.#connect(this.#preferred)
    }
  }

  /** Lose the line, as if it had broken; it stays lost until `reconnect`. */
  cut(): void {
    if (this.#state === "closed") return
    this.#parked = "cut"
    this.#driver.leave()
    this.#wait("the line was cut")
  }

  /** Try now, unless the line is open; this also ends a `cut`. Nothing ends a `close`. */
  reconnect(): void {
    if (this.#state === "open" || this.#state === "closed") return
    this.#parked = undefined
    this.#connect(this.#preferred)
  }

  /**
   * Leave for good: no line, no timer and no listener stays, and the server forgets the session. Requests that wait
   * end with `ConnectionLost`.
   */
  close(): void {
    if (this.#state === "closed") return
    this.#leaving.abort()
    this.#driver.end(CLOSED)
    this.#clearTimer()
    // An answer that has come in, if only just, is still delivered.
    for (const { reject } of this.#waiting.values())
      reject(new ConnectionLost(`${CLOSED}: it may have been done, or not`))
    this.#setState("closed", CLOSED)
  }

  // ---- between them

  #prefer(transport: TransportKind | "auto" = "auto"): void {
    this.#auto = transport === "auto"
    this.#preferred = transport === "auto" ? "websocket" : transport
  }

  #connect(kind: TransportKind, reason: string | null = null): void {
    this.#clearTimer()
    this.#open(kind)
    this.#setState("connecting", reason)
  }

  #open(kind: TransportKind): void {
    const { WebSocket = globalThis.WebSocket } = this.#options
    const { maxFrame, helloTimeoutMs } = this.#limits
    const open = (listener: TransportListener): Transport =>
      kind === "websocket"
        ? openWebSocket(this.#url, WebSocket, maxFrame, listener)
        : openHttp(kind, this.#http, listener, this.#auto)
    this.#driver.open(kind, open, helloTimeoutMs)
  }

  #take(event: DriverEvent): void {
    if (event.type === "opened") this.#opened(event)
    else if (event.type === "lost") this.#lost(event)
    else if (event.type === "renew") {
      // Not while it moves elsewhere, nor to where it is not to go.
      if (!this.#driver.candidate && (this.#auto || event.kind === this.#carrier)) this.#open(event.kind)
    } else {
      // Who waits for it has its answer from here on.
      const waiting = this.#waiting.get(event.action)
      this.#waiting.delete(event.action)
      // The server's word on what it could not read has no filt, as that had none.
      const error =
        event.type === "failed"
          ? event.error
          : !waiting && !Object.keys(event.envelope.filt).length && errorOf(event.envelope.result)
      if (!error) void this.payloadIO.route((event as Received).envelope, waiting)
      else if (waiting) waiting.reject(error)
      else this.report(error)
    }
  }

  #opened({ peer, reset, replayed }: Opened): void {
    const { carrier } = this.#driver
    if (!carrier) return
    const isOpen = this.#state === "open"
    const isOther = carrier !== this.#carrier || !isOpen
    const now = this.#clock.now()
    const afterMs = now - (this.#lostAtMs ?? now)
    this.#clearTimer()
    this.#backoff.reset()
    this.#peer = peer
    this.#lostAtMs = undefined
    this.#preferred = this.#carrier = carrier
    if (!isOpen) this.#opens++
    if (replayed !== null) {
      this.#resumes++
      tell(this, "resumed", { replayed, afterMs })
    } else if (reset !== null) {
      this.#resets++
      if (reset === "expired") tell(this, "expired", null)
      tell(this, "reset", { reason: reset })
    }
    // Whoever was told may have left.
    if (this.#driver.carrier !== carrier) return
    if (isOther) this.#setState("open", null)
  }

  #lost({ kind, reason, isBuffered }: LostLink): void {
    const { carrier, candidate } = this.#driver
    if (carrier) {
      // It stays where it is. Polls are what is left where nothing else gets through; that may change.
      if (!this.#auto) this.report(new VortexError(`the line did not go over to ${kind}: ${reason}`))
      else if (carrier === "poll" && kind === "websocket") this.#open("post")
      return
    }
    this.#lostAtMs ??= this.#clock.now()
    // It is moving already.
    if (candidate) return
    const mayTurn = this.#auto && (isBuffered || (this.#state === "connecting" && kind === this.#preferred))
    if (mayTurn) {
      this.#connect(isBuffered ? "poll" : kind === "websocket" ? "post" : "websocket", reason)
      return
    }
    this.#wait(reason, this.#backoff.nextMs())
  }

  #wait(reason: string, delayMs?: number): void {
    this.#clearTimer()
    this.#lostAtMs ??= this.#clock.now()
    if (delayMs !== undefined) {
      this.#retryAtMs = this.#clock.now() + delayMs
      this.#stopTimer = this.later(() => {
        this.reconnect()
      }, delayMs)
    }
    this.#setState("waiting", reason)
  }

  #clearTimer(): void {
    this.#stopTimer?.()
    this.#retryAtMs = null
  }

  #setState(state: State, reason: string | null): void {
    const change: StateChange = { state, previous: this.#state, transport: this.transport, reason }
    this.#state = state
    tell(this, "state", change)
  }

  /** *payload* as a message, when all that was sent before is in the queue. */
  async #encoded(payload: Payload, flags: number): Promise<Bytes> {
    const turn = Promise.all([encodeMessage(payload, flags), this.#outgoing])
    this.#outgoing = turn.catch(nothing)
    const [message] = await turn
    // The page may have closed it meanwhile.
    if (this.#state === "closed") throw new NotConnected(`${CLOSED}: nothing was sent`)
    return message
  }

  async #send(payload: Payload, flags = 0): Promise<void> {
    this.#session.send(await this.#encoded(payload, flags), false)
    this.#driver.flush()
  }

  /** A page that is left may come back as it was, but without its line: the server is told that it has gone. */
  readonly #onPage = ({ type }: Event): void => {
    if (type === "pagehide") {
      if (this.#parked) return
      this.#parked = "hidden"
      this.#driver.end("the page was left")
      this.#wait("the page was left")
    } else if (this.#parked === (type === "online" ? undefined : "hidden")) this.reconnect()
  }
}
