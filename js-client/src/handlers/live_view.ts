/**
 * LiveView: rows that a server keeps current, as a page has them.
 *
 * It asks once, and again from where it is when another session has begun. Through a line that comes back nothing
 * was missed. What messages make of the rows is `live_rows`'; a server that sends whole states, and says nothing of
 * views, is understood as well.
 */

import { RemoteError, RequestTimeout, VortexError, asVortexError, errorOf, shown } from "../errors.ts"
import { newBackoff } from "../protocol/backoff.ts"
import { type Filt, Payload } from "../protocol/payload.ts"
import type { Delivery } from "../routing/delivery.ts"
import { aboutOf, identity } from "../routing/filt.ts"
import type { PayloadEndpoint } from "../routing/payload_endpoint.ts"
import { newTuple } from "../tuples/convert.ts"
import { type AnyTuple, Tuple, tupleTypeOf } from "../tuples/tuple.ts"
import { TypedEventTarget, onAbort, tell } from "../typed_events.ts"
import {
  type Key,
  LiveRows,
  type RowsChange,
  type Shown,
  type ViewMessage,
  idOf,
  newChange,
  viewOf,
} from "./live_rows.ts"
import { Prediction } from "./prediction.ts"

/** Is told the rows as they are, and what has become of them since the last time. */
export type RowsCallback<T> = (rows: readonly T[], change: RowsChange<T>) => unknown

/** How far the rows can be relied on, see `LiveView.state`. */
export type ViewState = "loading" | "current" | "stale" | "closed"

/** How often a server is to tell of changes. */
export interface Policy {
  /** Seconds between two messages, at least. */
  readonly minInterval?: number
  /** "latest": of several changes the last; "all": each, as far as the server keeps them. */
  readonly mode?: "latest" | "all"
  /** Lower goes first; default: 100. */
  readonly priority?: number
}

/** What all views can be told. */
export interface ViewOptions {
  /** Closes the view. */
  readonly signal?: AbortSignal
  /** How long each request waits for its answer, in milliseconds. */
  readonly timeout?: number
  /** How often the server is to tell. */
  readonly policy?: Policy
}

/** What a view needs of a connection. */
export interface Line {
  /** "open" while there is a line, "closed" once there will be none. */
  readonly state: string
  /** Send it, and wait for its answer; *taken* is called with that in its turn, before what comes after. */
  request(
    payload: Payload,
    options?: {
      readonly timeout?: number | undefined
      readonly signal?: AbortSignal
      readonly taken?: (answer: Payload) => void
    },
  ): Promise<Payload>
  /** Send it. */
  send(payload: Payload): Promise<void>
  /** Have *callback* called with each payload whose filt holds what *filt* does. */
  listen(filt: Filt, callback: (payload: Payload, delivery: Delivery) => void): PayloadEndpoint
  /** Have *callback* called whenever `state` has changed, until what this returns is called. */
  onStateChange(callback: () => void): () => void
  /** Have *callback* called whenever what was sent to us may have been lost, until what this returns is called. */
  onReset(callback: () => void): () => void
  /** Have *callback* called in *ms* milliseconds, unless what this returns is called before. */
  later(callback: () => void, ms: number): () => void
  /** Tell whoever looks after the page of a callback that has failed, or of rows that could not be loaded. */
  readonly report: (error: unknown) => void
}

/** Milliseconds, at most, until what was refused or has failed is asked for again. */
const FIRST_WAIT = 1000
const LONGEST_WAIT = 60_000

/** What a view tells. */
export interface ViewEvents<T> {
  /** What has become of the rows. */
  rows: CustomEvent<RowsChange<T>>
  /** How far the rows can be relied on from now on. */
  state: CustomEvent<ViewState>
}

/** The views that are not closed: what two of one line ask for is one watch to the server. */
const views = new Set<{ readonly line: Line; readonly about: string }>()

/**
 * Rows that are kept current: what `Loader` and `Observation` have in common.
 *
 * As an async iterator it gives the rows as they are, whenever they have changed; of several changes the last.
 */
export class LiveView<T extends Tuple = AnyTuple, E extends ViewEvents<T> = ViewEvents<T>>
  extends TypedEventTarget<E>
  implements AsyncIterable<readonly T[]>
{
  /** What the rows are asked for by. */
  readonly filt: Filt
  /** @internal */
  readonly line: Line
  /**
   * What the server has, without what is predicted.
   *
   * @internal
   */
  readonly held: LiveRows<T>
  /** @internal */
  readonly predictions = new Set<Prediction>()
  /** @internal */
  readonly about: string
  readonly #options: ViewOptions
  readonly #endpoint: PayloadEndpoint
  readonly #ends: (() => void)[] = []
  /** @internal */
  loads = 0
  /** Whether all that has changed since the rows were asked for the last time comes by itself. */
  #isFollowing = false
  #shown: Shown<T>
  /** Whether what is shown has something in it that is predicted. */
  #isAhead = false
  #state: ViewState = "loading"
  #error: VortexError | null = null
  readonly #backoff = newBackoff(FIRST_WAIT, LONGEST_WAIT)
  #stopRetry: (() => void) | undefined

  /**
   * @param filt - What is asked for, less what says that it is asked for live.
   * @param listened - What the server's messages have in their filts at least.
   * @param fields - The key fields of rows of which the server says none.
   *
   * @internal
   */
  constructor(
    line: Line,
    filt: Filt,
    listened: Filt,
    fields: readonly string[],
    onRows: RowsCallback<T> | undefined,
    options: ViewOptions,
  ) {
    super()
    const { signal } = options
    this.line = line
    this.filt = filt
    this.about = aboutView(filt)
    const held: Shown<T> = (this.held = new LiveRows(fields))
    this.#shown = { ...held }
    this.#options = options
    this.#endpoint = line.listen(listened, (payload) => {
      if (!errorOf(payload.result)) this.take(payload)
    })
    this.#endpoint.wants = (about) => this.#isOurs(about)
    if (onRows)
      this.addEventListener("rows", ({ detail }) => {
        new Promise((done) => {
          done(onRows(this.#shown.rows, detail))
        }).catch(line.report)
      })
    this.#ends.push(
      line.onStateChange(() => {
        this.#lineChanged()
      }),
      line.onReset(() => {
        this.#isFollowing = false
        this.held.watch = null
        for (const one of this.predictions) one.renumber()
        this.#lineChanged()
      }),
    )
    views.add(this)
    this.#ends.push(
      onAbort(signal, () => {
        this.close()
      }),
    )
    if (signal?.aborted) this.close()
    else this.#lineChanged()
  }

  /** As the server orders them. A row that has not changed stays the same object. */
  get rows(): readonly T[] {
    return this.#shown.rows
  }

  /** The rows by their keys; of several key fields by the JSON of their list, which `get` spares you. */
  get byKey(): ReadonlyMap<Key, T> {
    return this.#shown.byKey
  }

  /** "stale": the rows may have changed meanwhile, and are asked for. "closed": no more comes. */
  get state(): ViewState {
    return this.#state
  }

  /** Where in the server's changes the rows are; null where it does not say. */
  get position(): string | null {
    return this.held.position
  }

  /** Why the rows could not be loaded the last time; null if they could. */
  get error(): VortexError | null {
    return this.#error
  }

  /** The row of that key; of several key fields, a list. */
  get(key: Key): T | undefined {
    return this.#shown.byKey.get(idOf(key))
  }

  /**
   * Ask for the rows again, as the server knows them: what was changed behind its back it has to be told there.
   *
   * @throws VortexError if they cannot be had; `error` has it too.
   */
  async reload(): Promise<readonly T[]> {
    // What is undefined does not travel.
    const live = { at: this.held.at ?? undefined, policy: this.#options.policy }
    this.loads++
    this.#isFollowing = true
    this.#stopRetry?.()
    try {
      await this.ask(new Payload({ ...this.filt, live }), (answer) => {
        const view = viewOf(answer.filt)
        if (!view) return
        // It was closed before it was known by which number to say so.
        if (this.isClosed) this.#leave(view.w)
        else this.take(answer)
      })
      return this.#shown.rows
    } catch (error) {
      this.#isFollowing = false
      this.#failed(asVortexError(error))
      throw error
    } finally {
      this.loads--
    }
  }

  /** Load and tell nothing more; the rows stay as they are. */
  close(): void {
    if (this.isClosed) return
    this.#endpoint.shutdown()
    this.#stopRetry?.()
    for (const end of this.#ends) end()
    views.delete(this)
    this.#leave(this.held.watch)
    this.#setState("closed")
  }

  /** Tell the server that nobody looks, if no other view does. */
  #leave(watch: number | null): void {
    const isLast = ![...views].some(({ line, about }) => line === this.line && about === this.about)
    if (isLast && watch !== null && this.line.state !== "closed")
      this.line.send(new Payload({ ...this.filt, live: { end: watch } })).catch(this.line.report)
  }

  // ---- what an action is expected to do, see `VortexConnection.act`

  /** Expect that *row* is created; one of its key that comes takes its place. */
  withCreated(row: T): Prediction {
    const id = idOf(this.held.keyOf(row))
    return new Prediction(this, (rows: readonly T[]) =>
      rows.some((each) => this.#isOf(id, each)) ? rows : [...rows, row],
    )
  }

  /** Expect that these fields of a row, which may be given by its key, are changed. */
  withUpdated(rowOrKey: Key, fields: Partial<Omit<T, keyof Tuple>>): Prediction {
    const id = idOf(this.keyOf(rowOrKey))
    const made = new WeakMap<T, T>()
    return new Prediction(this, (rows: readonly T[]) =>
      rows.map((row) => {
        if (!this.#isOf(id, row)) return row
        const changed = made.get(row) ?? Object.assign(newTuple(tupleTypeOf(row)) as T, row, fields)
        made.set(row, changed)
        return changed
      }),
    )
  }

  /** Expect that a row, which may be given by its key, is deleted. */
  withDeleted(rowOrKey: Key): Prediction {
    const id = idOf(this.keyOf(rowOrKey))
    return new Prediction(this, (rows: readonly T[]) => rows.filter((row) => !this.#isOf(id, row)))
  }

  #isOf(id: Key, row: T): boolean {
    return idOf(this.held.keyOf(row)) === id
  }

  /** @internal */
  keyOf(rowOrKey: Key): Key {
    return rowOrKey instanceof Tuple ? this.held.keyOf(rowOrKey as T) : rowOrKey
  }

  /** Ends with the view; every `for await` has a turn of its own. */
  [Symbol.asyncIterator](): AsyncIterator<readonly T[], undefined> {
    let given: readonly T[] | null = this.#state === "loading" ? this.#shown.rows : null
    const leaving = new AbortController()
    const { signal } = leaving
    const waiting: (() => void)[] = []
    const wake = (): void => {
      for (const each of waiting.splice(0)) each()
    }
    for (const type of ["rows", "state"]) this.addEventListener(type, wake, { signal })
    const end = (): Promise<IteratorReturnResult<undefined>> => {
      leaving.abort()
      wake()
      return Promise.resolve({ done: true, value: undefined })
    }
    const isOver = (): boolean => signal.aborted || this.isClosed
    return {
      next: async () => {
        while (!isOver() && (given === this.#shown.rows || this.#state === "loading"))
          await new Promise<void>((resolve) => waiting.push(resolve))
        return isOver() ? end() : { done: false, value: (given = this.#shown.rows) }
      },
      return: end,
    }
  }

  // ---- what comes

  /** Whether a push is for this view: by the watch's number, or, from a server that knows none, by what it is about. */
  #isOurs(filt: Filt): boolean {
    const view = viewOf(filt)
    if (view) return !("live" in filt) && view.w === this.held.watch
    return this.held.watch === null && aboutView(filt) === this.about
  }

  /**
   * A push has come, or what was asked for.
   *
   * @internal
   */
  take(payload: Payload): void {
    if (this.isClosed) return
    const view = viewOf(payload.filt)
    const rows = payload.tuples.filter((row): row is T => row instanceof Tuple)
    if (view?.end !== undefined) this.#ended(view.end)
    // What is asked for tells more than a check.
    else if (view?.c && this.loads) return
    else if (view) this.#takeLive(view, rows)
    else if (payload.result === true) this.show(this.held.replace(this.merged(rows)))
    else this.#isCurrent(this.held.replace(rows))
  }

  #takeLive(view: ViewMessage, rows: readonly T[]): void {
    const { change, isCurrent, isBehind, isMisread } = this.held.take(view, rows)
    if (isMisread) this.#report("are read differently by the server")
    if (isCurrent) this.#isCurrent(change)
    else this.show(change)
    if (!isBehind || this.isClosed) return
    if (this.#state === "current") this.#setState("stale")
    if (!this.loads) this.refetch()
  }

  #ended(text: string): void {
    this.#isFollowing = false
    this.held.watch = null
    this.#state = "stale"
    this.#failed(errorOf(text) ?? new VortexError(text))
  }

  /**
   * The rows with *saved* put in their places, new ones last.
   *
   * @internal
   */
  merged(saved: readonly T[]): readonly T[] {
    const newer = new Map(saved.map((row) => [idOf(this.held.keyOf(row)), row]))
    const rows = this.held.rows.map((row) => {
      const id = idOf(this.held.keyOf(row))
      const found = newer.get(id)
      newer.delete(id)
      return found ?? row
    })
    return [...rows, ...newer.values()]
  }

  #isCurrent(change: RowsChange<T> | null): void {
    const before = this.#state
    this.#backoff.reset()
    this.#error = null
    this.#state = "current"
    this.show(change, before === "loading")
    // A callback may have closed it.
    if (before !== "current" && !this.isClosed) tell(this, "state", this.#state)
  }

  /** @internal */
  refresh(): void {
    this.show(null)
  }

  /**
   * Show the rows, of which what the server has was changed so.
   *
   * @internal
   */
  show(change: RowsChange<T> | null, isFirst = false): void {
    if (this.isClosed) return
    const { held, predictions } = this
    for (const one of predictions) if (one.isOver(held) && this.#state === "current") predictions.delete(one)
    if (predictions.size || this.#isAhead) {
      let rows = held.rows
      for (const { apply } of predictions) rows = apply(rows) as readonly T[]
      const { change: seen, ...shown } = held.compared(this.#shown, rows)
      change = seen
      this.#shown = shown
      this.#isAhead = predictions.size > 0
      // What is shown already is kept, where it is what the server has.
      if (!this.#isAhead) Object.assign(held, shown)
    } else this.#shown = { ...(held as Shown<T>) }
    if (!change && !isFirst) return
    change ??= newChange()
    this.changed?.(change)
    tell(this, "rows", change)
  }

  /**
   * Is called before that is told.
   *
   * @internal
   */
  changed?(change: RowsChange<T>): void

  // ---- the line

  #lineChanged(): void {
    const { state } = this.line
    if (state === "closed") this.close()
    else if (state !== "open" || !this.#isFollowing) {
      if (this.#state === "current") this.#setState("stale")
      if (state === "open") this.refetch()
    } else if (this.#state === "stale" && !this.loads) this.#isCurrent(null)
  }

  /**
   * Ask again, where nobody waits for what comes of it.
   *
   * @internal
   */
  refetch(): void {
    this.reload().catch((error: unknown) => {
      // Of a line that is lost the connection tells, and of what could not be read too.
      if ((error instanceof RemoteError || error instanceof RequestTimeout) && !this.isClosed)
        this.#report(`cannot be loaded: ${error.message}`, error.code)
    })
  }

  #report(what: string, code?: string): void {
    this.line.report(new VortexError(`the rows of ${shown(this.filt)} ${what}`, code))
  }

  #failed(error: VortexError): void {
    if (this.isClosed || this.line.state !== "open") return
    this.#error = error
    // It may be for a while only: of a middle node, say, that is there before what it shows is.
    this.#stopRetry?.()
    this.#stopRetry = this.line.later(() => {
      if (this.line.state === "open" && !this.loads) this.refetch()
    }, this.#backoff.nextMs())
    tell(this, "state", this.#state)
  }

  /** @internal */
  ask(payload: Payload, taken: (answer: Payload) => void): Promise<Payload> {
    const { timeout } = this.#options
    return this.line.request(payload, { timeout, taken })
  }

  // ---- events

  /** @internal */
  get isClosed(): boolean {
    return this.#state === "closed"
  }

  #setState(state: ViewState): void {
    if (state === this.#state) return
    this.#state = state
    tell(this, "state", state)
  }
}

/** What a view is about, as a text: less what is of one message, and what says that it is live. */
function aboutView(filt: Filt): string {
  return identity({ ...aboutOf(filt), subscribe: undefined, live: undefined, view: undefined })
}
