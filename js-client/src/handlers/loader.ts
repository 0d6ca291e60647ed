/**
 * Loader: the rows that a filt names, loaded and kept current, and changed with the server's consent.
 *
 * What is here is what the server has said. A save shows as busy until it is answered; the row then is what the
 * server made of it, or, where it said no, what it was before. Nothing is changed ahead of the answer.
 *
 * It asks once, and again when another session has begun: what was missed then is made up for. Through a line that
 * comes back nothing was missed.
 */

import { RemoteError, RequestTimeout, VortexError, asVortexError, errorOf, shown } from "../errors.ts"
import { type Filt, Payload } from "../protocol/payload.ts"
import type { Delivery } from "../routing/delivery.ts"
import { aboutOf, identity } from "../routing/filt.ts"
import type { PayloadEndpoint } from "../routing/payload_endpoint.ts"
import { type Held, toJsonable } from "../tuples/convert.ts"
import { equalValues } from "../tuples/equal.ts"
import { type AnyTuple, Tuple, type TupleClass, tupleTypeOf } from "../tuples/tuple.ts"

/** What has become of the rows since the last time. */
export interface RowsChange<T> {
  /** As they came. */
  readonly created: readonly T[]
  /** As they are now. */
  readonly updated: readonly T[]
  /** As they were. */
  readonly deleted: readonly T[]
}

/** Is told the rows as they are, and what has become of them since the last time. */
export type RowsCallback<T> = (rows: readonly T[], change: RowsChange<T>) => unknown

/** What is under way with one row, and what went wrong with it last. */
export interface RowStatus {
  /** What the server has not answered yet. */
  readonly busy: "saving" | "deleting" | null
  /**
   * Why a save or delete has failed, of a row that is gone too; null from the next one on, and after `clearError`.
   */
  readonly error: VortexError | null
}

/** How far the rows can be relied on, see `Loader.state`. */
export type LoaderState = "loading" | "current" | "stale" | "closed"

/** The value of a row's key: of several key fields, a list. */
export type Key = unknown

/** How a `Loader` is made. */
export interface LoaderOptions<T extends Tuple> {
  /** The field, or fields, that tell rows apart; default: "id". */
  readonly key?: string | readonly string[]
  /** What `create` makes; needed while there are no rows to tell it. */
  readonly tuple?: string | TupleClass<T>
  /** Closes the loader. */
  readonly signal?: AbortSignal
  /** How long each request waits for its answer, in milliseconds. */
  readonly timeout?: number
}

/** What a loader needs of a connection. */
export interface Line {
  /** "open" while there is a line, "closed" once there will be none. */
  readonly state: string
  /** Send it, and wait for its answer. */
  request(payload: Payload, options?: { readonly timeout?: number }): Promise<Payload>
  /** Have *callback* called with each payload whose filt holds what *filt* does. */
  listen(filt: Filt, callback: (payload: Payload, delivery: Delivery) => void): PayloadEndpoint
  /** Have *callback* called whenever `state` has changed, until what this returns is called. */
  onStateChange(callback: () => void): () => void
  /** Have *callback* called whenever what was sent to us may have been lost, until what this returns is called. */
  onReset(callback: () => void): () => void
  /** Tell whoever looks after the page of a callback that has failed, or of rows that could not be loaded. */
  report(error: unknown): void
}

/** What a loader tells. */
export interface LoaderEvents<T> {
  /** What has become of the rows. */
  rows: CustomEvent<RowsChange<T>>
  /** A row's key, and what is under way with it now. */
  status: CustomEvent<RowStatus & { readonly key: Key }>
  /** How far the rows can be relied on from now on. */
  state: CustomEvent<LoaderState>
}

/** A text that is the same for the same key. */
const textOf = (key: Key): string => (Number.isInteger(key) ? String(key) : JSON.stringify(toJsonable(key)))

const IDLE: RowStatus = { busy: null, error: null }

/**
 * Rows under one filt. `connection.load(filt)` makes one.
 *
 * Events: "rows" (`detail`: what has changed), "status" (`detail`: a row's key, busy and error) and "state". As
 * an async iterator it gives the rows as they are, whenever they have changed; of several changes the last.
 */
export class Loader<T extends Tuple = AnyTuple> extends EventTarget implements AsyncIterable<readonly T[]> {
  /** What the rows are asked for by. */
  readonly filt: Filt
  readonly #line: Line
  readonly #keyFields: readonly string[]
  readonly #options: LoaderOptions<T>
  readonly #endpoint: PayloadEndpoint
  readonly #about: string
  readonly #ends: (() => void)[] = []
  readonly #status = new Map<string, RowStatus & { pending: number }>()
  #loads = 0
  /** Whether all that has changed since the rows were asked for the last time comes by itself. */
  #isFollowing = false
  #rows: readonly T[] = []
  #byKey = new Map<string, T>()
  #state: LoaderState = "loading"
  #error: VortexError | null = null

  /**
   * @param onRows - Called whenever the rows have changed; or, where that is not needed, the options.
   * @throws TypeError if *filt* has no key.
   */
  constructor(
    line: Line,
    filt: Filt,
    onRows?: RowsCallback<T> | LoaderOptions<T>,
    options: LoaderOptions<T> = {},
  ) {
    super()
    if (typeof onRows === "object") [onRows, options] = [undefined, onRows]
    const { key = "id", signal } = options
    this.#line = line
    this.filt = aboutOf(filt)
    this.#about = identity(this.filt)
    this.#keyFields = typeof key === "string" ? [key] : key
    this.#options = options
    this.#endpoint = line.listen(this.filt, (payload) => {
      if (identity(aboutOf(payload.filt)) === this.#about) this.#received(payload)
    })
    this.#endpoint.held = () => this.#held()
    if (onRows)
      this.addEventListener("rows", ({ detail }) => {
        new Promise((done) => {
          done(onRows(this.#rows, detail))
        }).catch((error: unknown) => {
          line.report(error)
        })
      })
    this.#ends.push(
      line.onStateChange(() => {
        this.#lineChanged()
      }),
      line.onReset(() => {
        this.#isFollowing = false
        this.#lineChanged()
      }),
    )
    const close = (): void => {
      this.close()
    }
    signal?.addEventListener("abort", close)
    this.#ends.push(() => signal?.removeEventListener("abort", close))
    if (signal?.aborted) this.close()
    else this.#lineChanged()
  }

  /** As the server orders them. A row that has not changed stays the same object. */
  get rows(): readonly T[] {
    return this.#rows
  }

  /** "stale": there is no line, so the rows may have changed meanwhile. "closed": so is the connection, or this. */
  get state(): LoaderState {
    return this.#state
  }

  /** Why the rows could not be loaded the last time; null if they could. */
  get error(): VortexError | null {
    return this.#error
  }

  /** The row of that key; of several key fields, a list. */
  get(key: Key): T | undefined {
    return this.#byKey.get(textOf(key))
  }

  /** What is under way with a row, which may be given by its key. */
  status(rowOrKey: Key): RowStatus {
    const { busy, error } = this.#status.get(textOf(this.#keyOf(rowOrKey))) ?? IDLE
    return { busy, error }
  }

  /** Forget a row's error. */
  clearError(rowOrKey: Key): void {
    this.#setStatus(this.#keyOf(rowOrKey), 0, { error: null })
  }

  /**
   * Have a new row stored.
   *
   * @param fields - Its fields, or a whole tuple.
   * @returns The row as the server has stored it.
   * @throws VortexError with the server's code if it refuses; ConnectionLost if that is not known.
   */
  async create(fields: Readonly<Record<string, unknown>> | Tuple): Promise<T> {
    const tuple = fields instanceof Tuple ? fields : new Tuple(this.#tupleType(), fields)
    return this.#stored(await this.#ask([tuple]))
  }

  /**
   * Have a row stored.
   *
   * @param changes - The fields that are to change. Only they are sent, with the key, so that what others change
   *   in the row meanwhile stays. Without them the whole row is.
   * @returns The row as the server has stored it.
   * @throws VortexError with the server's code if it refuses; ConnectionLost if that is not known.
   * @throws TypeError if the row has no key: it would be stored as a new one.
   */
  async save(row: T, changes?: Partial<Omit<T, keyof Tuple>>): Promise<T> {
    const tuple = changes ? new Tuple(tupleTypeOf(row), { ...this.#keyFieldsOf(row), ...changes }) : row
    return this.#busyWith(row, "saving", async () => this.#stored(await this.#ask([tuple])))
  }

  /**
   * Have a row deleted.
   *
   * @throws VortexError with the server's code if it refuses; ConnectionLost if that is not known.
   * @throws TypeError if the row has no key.
   */
  async delete(row: T): Promise<void> {
    await this.#busyWith(row, "deleting", async () => {
      await this.#ask([new Tuple(tupleTypeOf(row), this.#keyFieldsOf(row))], { delete: true })
      const key = textOf(this.#keyOf(row))
      this.#show(this.#rows.filter((other) => textOf(this.#keyOf(other)) !== key))
    })
  }

  /**
   * Ask for the rows again.
   *
   * @throws VortexError if they cannot be had; `error` has it too.
   */
  async reload(): Promise<readonly T[]> {
    this.#loads++
    this.#isFollowing = true
    try {
      await this.#ask([])
      return this.#rows
    } catch (error) {
      this.#isFollowing = false
      this.#failed(asVortexError(error))
      throw error
    } finally {
      this.#loads--
    }
  }

  /** Load and tell nothing more; the rows stay as they are. */
  close(): void {
    if (this.#isClosed) return
    this.#endpoint.shutdown()
    for (const end of this.#ends) end()
    this.#setState("closed")
  }

  /** Ends with the loader; every `for await` has a turn of its own. */
  [Symbol.asyncIterator](): AsyncIterator<readonly T[], undefined> {
    let given: readonly T[] | null = this.#state === "loading" ? this.#rows : null
    let isOver = false
    const waiting: (() => void)[] = []
    const wake = (): void => {
      for (const each of waiting.splice(0)) each()
    }
    this.addEventListener("rows", wake)
    this.addEventListener("state", wake)
    const end = (): void => {
      isOver = true
      this.removeEventListener("rows", wake)
      this.removeEventListener("state", wake)
      wake()
    }
    return {
      next: async () => {
        while (!isOver && !this.#isClosed && (given === this.#rows || this.#state === "loading"))
          await new Promise<void>((resolve) => waiting.push(resolve))
        if (isOver || this.#isClosed) {
          end()
          return { done: true, value: undefined }
        }
        return { done: false, value: (given = this.#rows) }
      },
      return: () => {
        end()
        return Promise.resolve({ done: true, value: undefined })
      },
    }
  }

  /** Be told of one of `LoaderEvents`. */
  override addEventListener<K extends keyof LoaderEvents<T>>(
    type: K,
    listener: ((event: LoaderEvents<T>[K]) => void) | null,
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

  /** Be told no more of one of `LoaderEvents`. */
  override removeEventListener<K extends keyof LoaderEvents<T>>(
    type: K,
    listener: ((event: LoaderEvents<T>[K]) => void) | null,
    options?: EventListenerOptions | boolean,
  ): void
  /** Be told no more of any event. */
  override removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: EventListenerOptions | boolean,
  ): void
  override removeEventListener(
    type: string,
    listener: never,
    options?: EventListenerOptions | boolean,
  ): void {
    super.removeEventListener(type, listener, options)
  }

  // ---- what comes in

  #received(payload: Payload): void {
    const error = errorOf(payload.result)
    if (error) return // the one who has asked is told
    const rows = payload.tuples.filter((row): row is T => row instanceof Tuple)
    if (payload.result === true) {
      this.#show(this.#merged(rows))
      return
    }
    const before = this.#state
    this.#error = null
    this.#state = "current"
    this.#show(rows, before === "loading")
    // A callback may have closed it.
    if (before !== "current" && !this.#isClosed) this.#tell("state", this.#state)
  }

  /** The row of the same key, once: of several that come with one key the first is that row. */
  #held(): Held {
    const asked = new Set<string>()
    return (valueOf) => {
      const key = textOf(this.#keyBy(valueOf))
      if (asked.has(key)) return undefined
      asked.add(key)
      return this.#byKey.get(key)
    }
  }

  /** The rows with *saved* put in their places, new ones last. */
  #merged(saved: readonly T[]): readonly T[] {
    const bySavedKey = new Map(saved.map((row) => [textOf(this.#keyOf(row)), row]))
    const rows = this.#rows.map((row) => {
      const key = textOf(this.#keyOf(row))
      const newer = bySavedKey.get(key)
      bySavedKey.delete(key)
      return newer ?? row
    })
    return [...rows, ...bySavedKey.values()]
  }

  /** These are the rows from now on; that is told if they are others, or the first. */
  #show(rows: readonly T[], areFirst = false): void {
    if (this.#isClosed) return
    const before = this.#byKey
    const byKey = new Map<string, T>()
    const created: T[] = []
    const updated: T[] = []
    const now = rows.map((row, index) => {
      let key = textOf(this.#keyOf(row))
      if (byKey.has(key) || !this.#hasKey(row)) key = `#${index}` // rows that nothing tells apart but their place
      const old = before.get(key)
      const same = old !== undefined && equalValues(old, row)
      const kept = same ? old : row
      if (!same) (old ? updated : created).push(kept)
      // One that comes back is another row; until then its error tells why it may have gone.
      if (!old && !this.#status.get(key)?.pending) this.#status.delete(key)
      byKey.set(key, kept)
      return kept
    })
    const deleted = [...before].filter(([key]) => !byKey.has(key)).map(([, row]) => row)
    if (!areFirst && now.length === this.#rows.length && now.every((row, index) => row === this.#rows[index]))
      return
    this.#rows = now
    this.#byKey = byKey
    this.#tell("rows", { created, updated, deleted })
  }

  #lineChanged(): void {
    const { state } = this.#line
    if (state === "closed") this.close()
    else if (state !== "open" || !this.#isFollowing) {
      if (this.#state === "current") this.#setState("stale")
      if (state === "open") this.#refresh()
    } else if (this.#state === "stale" && !this.#loads) this.#setState("current")
  }

  /** Ask again, where nobody waits for what comes of it. */
  #refresh(): void {
    this.reload().catch((error: unknown) => {
      // Of a line that is lost the connection tells, and of what could not be read too.
      if ((error instanceof RemoteError || error instanceof RequestTimeout) && !this.#isClosed)
        this.#line.report(
          new VortexError(`the rows of ${shown(this.filt)} cannot be loaded: ${error.message}`, error.code),
        )
    })
  }

  #failed(error: VortexError): void {
    if (this.#isClosed || this.#line.state !== "open") return
    this.#error = error
    this.#tell("state", this.#state)
  }

  // ---- what goes out

  #ask(tuples: readonly Tuple[], more: Filt = {}): Promise<Payload> {
    const { timeout } = this.#options
    return this.#line.request(
      new Payload({ ...this.filt, ...more }, tuples),
      timeout === undefined ? {} : { timeout },
    )
  }

  async #busyWith<R>(row: T, busy: "saving" | "deleting", work: () => Promise<R>): Promise<R> {
    const key = this.#keyOf(row)
    if (!this.#hasKey(row))
      throw new TypeError(`a row needs its ${this.#keyFields.join(", ")} to be changed by`)
    this.#setStatus(key, 1, { busy, error: null })
    try {
      const done = await work()
      this.#setStatus(key, -1, {})
      return done
    } catch (error) {
      this.#setStatus(key, -1, { error: asVortexError(error) })
      // The refusal may come of what the page does not know yet; what is asked for already will tell.
      if (this.#line.state === "open" && !this.#loads && !this.#isClosed) this.#refresh()
      throw error
    }
  }

  #setStatus(key: Key, more: number, changes: Partial<RowStatus>): void {
    const id = textOf(key)
    const before = this.#status.get(id) ?? { ...IDLE, pending: 0 }
    const pending = before.pending + more
    const { busy, error } = { ...before, ...changes, ...(pending ? {} : { busy: null }) }
    if (pending || error) this.#status.set(id, { pending, busy, error })
    else this.#status.delete(id)
    if (!this.#isClosed) this.#tell("status", { key, busy, error })
  }

  /** The row that an answer holds: the object that is shown, unless that is newer. */
  #stored({ tuples: [row] }: Payload): T {
    if (!(row instanceof Tuple)) throw new VortexError("the server's answer holds no row")
    const here = this.get(this.#keyOf(row))
    return here && equalValues(here, row) ? here : (row as T)
  }

  #tupleType(): string {
    const { tuple } = this.#options
    const [row] = this.#rows
    if (tuple !== undefined) return typeof tuple === "string" ? tuple : tuple.tupleType
    if (row) return tupleTypeOf(row)
    throw new TypeError("no rows tell the new one's type: pass load() the option tuple, as in { tuple: Job }")
  }

  // ---- keys

  #keyOf(rowOrKey: Key): Key {
    return rowOrKey instanceof Tuple ? this.#keyBy((field) => (rowOrKey as AnyTuple)[field]) : rowOrKey
  }

  #keyBy(valueOf: (field: string) => unknown): Key {
    const values = this.#keyFields.map(valueOf)
    return values.length === 1 ? values[0] : values
  }

  #hasKey(row: T): boolean {
    return this.#keyFields.every((field) => ((row as AnyTuple)[field] ?? null) !== null)
  }

  #keyFieldsOf(row: T): Record<string, unknown> {
    return Object.fromEntries(this.#keyFields.map((field) => [field, (row as AnyTuple)[field]]))
  }

  // ---- events

  get #isClosed(): boolean {
    return this.#state === "closed"
  }

  #setState(state: LoaderState): void {
    if (state === this.#state) return
    this.#state = state
    this.#tell("state", state)
  }

  #tell(type: keyof LoaderEvents<T>, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}
