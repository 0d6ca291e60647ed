/**
 * LiveRows: the rows of one watch, and what each message makes of them, as docs/reference/live-data.md says.
 *
 *     loading --whole state--> there --gap, check that does not fit--> behind --answer--> there
 *
 * No line and no clock: whoever has those passes messages in, and is told what has changed, and whether to ask
 * again. A row that has not changed stays the same object.
 */

import { DecodeError } from "../errors.ts"
import { isPlain, toJsonable } from "../tuples/convert.ts"
import { equalValues } from "../tuples/equal.ts"
import { rowSum } from "../tuples/row_sum.ts"
import { type AnyTuple, Tuple, tupleTypeOf } from "../tuples/tuple.ts"

/** The value of a row's key: of several key fields, a list; of rows of several types that begins with the type. */
export type Key = unknown

/** What has become of the rows since the last time. */
export interface RowsChange<T> {
  /** As they came. */
  readonly created: readonly T[]
  /** As they are now. */
  readonly updated: readonly T[]
  /** As they were. */
  readonly deleted: readonly T[]
}

/** What a message of the server says of a view, by the names of the wire. */
export interface ViewMessage {
  readonly w: number
  readonly e?: string
  readonly k?: Readonly<Record<string, readonly string[]>>
  readonly s?: number
  readonly p?: readonly [part: number, parts: number]
  readonly f?: number
  readonly t?: number
  readonly x?: readonly Key[]
  readonly i?: readonly (readonly [row: number, place: number])[]
  readonly c?: readonly [count: number, sum: number]
  readonly end?: string
  readonly after?: Readonly<Record<string, number>>
}

/** What has come of a message. */
export interface Taken<T> {
  /** What it has changed; null: nothing. */
  readonly change: RowsChange<T> | null
  /** Whether the rows are all that the server has now. */
  readonly isCurrent: boolean
  /** Whether the server is to be asked again; `position` says from where. */
  readonly isBehind: boolean
  /** Whether it was found just now that the two ends read the same rows differently. */
  readonly isMisread: boolean
}

/** Rows by what `idOf` gives for their keys. */
type Rows<T> = Map<Key, T>

/** Rows in their order, and by their keys. */
export interface Shown<T> {
  readonly rows: readonly T[]
  readonly byKey: Rows<T>
}

/** A number, a text or the like for a key, the same for the same key. */
export const idOf = (key: Key): Key => (typeof key === "object" ? JSON.stringify(toJsonable(key)) : key)

const NOTHING = { change: null, isCurrent: false, isBehind: false, isMisread: false }

/** Checks in a row that do not fit, after which there are no more. */
const MAX_MISMATCHES = 3

export class LiveRows<T extends Tuple> {
  rows: readonly T[] = []
  byKey: Rows<T> = new Map()
  /** The server's number of the watch; null while there is none. */
  watch: number | null = null
  serial = 0
  #epoch: string | null = null
  /** The names of the key fields by tuple type, as the server says; null where it says none. */
  #keys: ViewMessage["k"] | null = null
  readonly #fields: readonly string[]
  #parts: { readonly serial: unknown; readonly rows: T[] } | null = null
  /** What the last check said that did not fit; what is held is not to be relied on until a whole state has come. */
  #wrong: ViewMessage | null = null
  #mismatches = 0

  /** @param fields - The key fields of rows of which the server says none. */
  constructor(fields: readonly string[]) {
    this.#fields = fields
  }

  /** What to ask from; null: for everything. */
  get position(): string | null {
    return this.#epoch === null || this.#wrong ? null : `${this.#epoch}.${this.serial}`
  }

  // ---- keys

  fieldsOf(type: string): readonly string[] {
    return this.#keys?.[type] ?? this.#fields
  }

  keyOf(row: T): Key {
    const type = tupleTypeOf(row)
    const values = this.fieldsOf(type).map((field) => (row as AnyTuple)[field])
    if (this.#keys && Object.keys(this.#keys).length > 1) values.unshift(type)
    return values.length === 1 ? values[0] : values
  }

  /** Whether nothing is missing in its key. */
  hasKey(row: T): boolean {
    return this.fieldsOf(tupleTypeOf(row)).every((field) => ((row as AnyTuple)[field] ?? null) !== null)
  }

  // ---- what comes

  /** These are the rows, says a server that sends no more than that, or whoever knows it from there. */
  replace(rows: readonly T[]): RowsChange<T> | null {
    const replaced = this.compared(this, rows)
    this.rows = replaced.rows
    this.byKey = replaced.byKey
    return replaced.change
  }

  /** What *rows* are beside those *before*: a row that is as it was is that one. */
  compared(before: Shown<T>, rows: readonly T[]): Shown<T> & { readonly change: RowsChange<T> | null } {
    const byKey: Rows<T> = new Map()
    const created: T[] = []
    const updated: T[] = []
    const now = rows.map((row, index) => {
      let id = idOf(this.keyOf(row))
      if (byKey.has(id) || !this.hasKey(row)) id = `#${index}` // rows that nothing tells apart but their place
      const old = before.byKey.get(id)
      const kept = old && equalValues(old, row) ? old : row
      if (kept !== old) (old ? updated : created).push(kept)
      byKey.set(id, kept)
      return kept
    })
    const isSame = now.length === before.rows.length && now.every((row, index) => row === before.rows[index])
    const deleted = [...before.byKey].filter(([id]) => !byKey.has(id)).map(([, row]) => row)
    return { rows: now, byKey, change: isSame ? null : { created, updated, deleted } }
  }

  /**
   * Take a message of the watch, or the answer with which it begins.
   *
   * @throws DecodeError if it is none that can be.
   */
  take(view: ViewMessage, tuples: readonly unknown[]): Taken<T> {
    const rows = tuples as readonly T[]
    if (!rows.every((row) => row instanceof Tuple) && view.k) throw new DecodeError("expected rows")
    if (view.c) return this.#check(view)
    if (view.s !== undefined) return this.#whole(view, rows)
    const { e, f = NaN, t = NaN } = view
    const isCurrent = e !== undefined
    if (isCurrent) {
      if (e !== this.#epoch) return this.#behind()
      this.watch = view.w
      this.#parts = null
    }
    if (this.#parts || !(f <= this.serial)) return this.#behind()
    const change = t > this.serial ? this.#delta(view, rows) : null
    this.serial = Math.max(this.serial, t)
    return { ...NOTHING, change, isCurrent }
  }

  #behind(): Taken<T> {
    return { ...NOTHING, isBehind: true }
  }

  #whole(view: ViewMessage, rows: readonly T[]): Taken<T> {
    const { w, e = null, k = null, s = 0, p: [part, parts] = [0, 1] } = view
    this.watch = w
    if (!part) this.#parts = { serial: `${e}.${s}`, rows: [] }
    if (this.#parts?.serial !== `${e}.${s}`) return this.#behind()
    this.#parts.rows.push(...rows)
    if (part + 1 < parts) return NOTHING
    const all = this.#parts.rows
    const wrong = this.#wrong
    this.#parts = this.#wrong = null
    this.#keys = k
    this.#epoch = e
    this.serial = s
    const change = this.replace(all)
    const isMisread = wrong?.s === s && !this.#fits(wrong)
    if (isMisread) this.#mismatches = MAX_MISMATCHES
    return { ...NOTHING, change, isCurrent: true, isMisread }
  }

  #delta(view: ViewMessage, rows: readonly T[]): RowsChange<T> | null {
    const { byKey } = this
    const places = new Map(view.i)
    const deleted: T[] = []
    const created: T[] = []
    const updated: T[] = []
    const added: T[] = []
    const placed: [place: number, row: T][] = []
    const gone = new Set<T>()
    const newer = new Map<T, T>()
    for (const key of view.x ?? []) {
      const id = idOf(key)
      const old = byKey.get(id)
      if (!old) continue
      deleted.push(old)
      gone.add(old)
      byKey.delete(id)
    }
    rows.forEach((row, index) => {
      const id = idOf(this.keyOf(row))
      const old = byKey.get(id)
      const kept = old && equalValues(old, row) ? old : row
      if (kept !== old) (old ? updated : created).push(kept)
      byKey.set(id, kept)
      const place = places.get(index)
      if (place !== undefined) {
        if (old) gone.add(old)
        placed.push([place, kept])
      } else if (!old) added.push(kept)
      else if (kept !== old) newer.set(old, kept)
    })
    if (!deleted.length && !created.length && !updated.length && !placed.length) return null
    const there = this.rows.filter((row) => !gone.has(row)).map((row) => newer.get(row) ?? row)
    const now = [...there, ...added]
    for (const [place, row] of placed) now.splice(place, 0, row)
    this.rows = now
    return { created, updated, deleted }
  }

  #check(check: ViewMessage): Taken<T> {
    const { s = NaN } = check
    if (s > this.serial) return this.#behind()
    if (s < this.serial || this.#mismatches >= MAX_MISMATCHES) return NOTHING
    if (this.#fits(check)) {
      this.#mismatches = 0
      return NOTHING
    }
    if (++this.#mismatches >= MAX_MISMATCHES) return { ...NOTHING, isMisread: true }
    this.#wrong = check
    return this.#behind()
  }

  #fits({ c }: ViewMessage): boolean {
    const sum = this.rows.reduce((before, row) => (before + rowSum(row)) >>> 0, 0)
    return c?.[0] === this.rows.length && c[1] === sum
  }
}

/** What *filt* says of a view; undefined where that is nothing. */
export function viewOf(filt: Readonly<Record<string, unknown>>): ViewMessage | undefined {
  const view = filt["view"]
  return isPlain(view) ? (view as unknown as ViewMessage) : undefined
}
