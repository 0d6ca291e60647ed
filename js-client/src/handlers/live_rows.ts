/**
 * LiveRows: the rows of one watch, and what each message makes of them, as docs/reference/live-data.md says.
 *
 *     loading --whole state--> there --gap, check that does not fit--> behind --answer--> there
 *
 * No line and no clock: whoever has those passes messages in, and is told what has changed, and whether to ask
 * again. A row that has not changed stays the same object.
 */

import { isPlain, toJsonable } from "../tuples/convert.ts"
import { equalValues, sameItems } from "../tuples/equal.ts"
import { rowSum } from "../tuples/row_sum.ts"
import { type AnyTuple, type Tuple, tupleTypeOf } from "../tuples/tuple.ts"

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
  /** Pages have it too: who changes it by mistake is to hear of that at once. */
  rows: readonly T[] = Object.freeze([])
  byKey: Rows<T> = new Map()
  /** The server's number of the watch; null while there is none. */
  watch: number | null = null
  serial = 0
  #epoch: string | null = null
  /** The names of the key fields by tuple type, as the server says; null where it says none. */
  #keys: ViewMessage["k"] | null = null
  readonly #fields: readonly string[]
  #parts: { readonly state: string; readonly rows: T[]; count: number } | null = null
  /** The message after which what is held is not to be relied on, until a whole state has come. */
  #wrong: ViewMessage | null = null
  #mismatches = 0

  /** @param fields - The key fields of rows of which the server says none. */
  constructor(fields: readonly string[]) {
    this.#fields = fields
  }

  /** In which the serial counts; null while that is not known. */
  get epoch(): string | null {
    return this.#epoch
  }

  /** Where the rows are; null while that is not known. */
  get position(): string | null {
    return this.#epoch && `${this.#epoch}.${this.serial}`
  }

  /** What to ask from; null: for everything. */
  get at(): string | null {
    return this.#wrong ? null : this.position
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
    const { change, ...shown } = this.compared(this, rows)
    Object.assign(this, shown)
    return change
  }

  /** What *rows* are beside those *before*: a row that is as it was is that one. */
  compared(before: Shown<T>, rows: readonly T[]): Shown<T> & { readonly change: RowsChange<T> | null } {
    const byKey = this.#byIds(rows)
    const change = newChange<T>()
    for (const [id, row] of byKey) byKey.set(id, keptOf(before.byKey.get(id), row, change))
    for (const [id, row] of before.byKey) if (!byKey.has(id)) change.deleted.push(row)
    const now = Object.freeze([...byKey.values()])
    return { rows: now, byKey, change: sameItems(now, before.rows) ? null : change }
  }

  #byIds(rows: readonly T[]): Rows<T> {
    const byKey: Rows<T> = new Map()
    for (const row of rows) {
      let id = this.fieldsOf(tupleTypeOf(row)).length ? idOf(this.keyOf(row)) : `#${rowSum(row)}`
      // Rows that nothing tells apart but how many there are.
      if (!this.hasKey(row)) id = `#${byKey.size}`
      while (byKey.has(id)) id = `#${String(id)}`
      byKey.set(id, row)
    }
    return byKey
  }

  /** The same of rows that have to have keys of their own. */
  #keyed(rows: readonly T[]): void {
    const ids = rows.map(
      (row) => (expect(this.#keys?.[tupleTypeOf(row)] && this.hasKey(row)), idOf(this.keyOf(row))),
    )
    expect(new Set(ids).size === ids.length)
  }

  /** Take a message of the watch, or the answer with which it begins. */
  take(view: ViewMessage, tuples: readonly unknown[]): Taken<T> {
    try {
      if (view.c) return this.#check(view)
      if (view.s !== undefined) return this.#whole(view, tuples as readonly T[])
      return this.#delta(view, tuples as readonly T[])
    } catch {
      // It makes no sense: what is held is to be had anew.
      this.#parts = null
      this.#wrong ??= view
      return { ...NOTHING, isBehind: true }
    }
  }

  #whole(view: ViewMessage, rows: readonly T[]): Taken<T> {
    const { w, e, k = null, s, p: [part, parts] = [0, 1] } = view
    const state = `${e}.${s}`
    if (!part) this.#parts = { state, rows: [], count: 0 }
    expect(e && this.#parts?.state === state && this.#parts.count++ === part)
    this.watch = w
    this.#parts.rows.push(...rows)
    if (part + 1 < parts) return NOTHING
    const all = this.#parts.rows
    this.#parts = null
    const before = this.#keys
    this.#keys = k
    try {
      if (k) this.#keyed(all)
    } catch (error) {
      this.#keys = before
      throw error
    }
    // By the keys that they have from now on.
    this.byKey = this.#byIds(this.rows)
    const wrong = this.#wrong
    this.#wrong = null
    this.#epoch = e
    this.serial = Number(s)
    const change = this.replace(all)
    const isMisread = wrong?.c && wrong.s === s && !this.#fits(wrong)
    if (isMisread) this.#mismatches = MAX_MISMATCHES
    return { ...NOTHING, change, isCurrent: true, isMisread: !!isMisread }
  }

  #delta(view: ViewMessage, rows: readonly T[]): Taken<T> {
    const { w, e, f, t, x = [], i = [] } = view
    expect(Number(t) >= Number(f))
    const isCurrent = e !== undefined
    if (isCurrent) {
      expect(e === this.#epoch)
      this.watch = w
      this.#parts = null
    }
    if (this.#parts || Number(f) > this.serial) return { ...NOTHING, isBehind: true }
    if (Number(t) <= this.serial) return { ...NOTHING, isCurrent }
    const change = rows.length || x.length ? this.#changed(rows, x, i) : null
    this.serial = Number(t)
    return { ...NOTHING, change, isCurrent }
  }

  #changed(
    rows: readonly T[],
    gone: readonly Key[],
    places: readonly (readonly [row: number, place: number])[],
  ): RowsChange<T> | null {
    this.#keyed(rows)
    const { byKey } = this
    const ids = rows.map((row) => idOf(this.keyOf(row)))
    const placed = new Map(places.map(([row, place]) => [ids[row], place]))
    /** What is taken out, perhaps to be put in again. */
    const out = new Map<T, Key>()
    for (const id of [...gone.map(idOf), ...placed.keys()]) {
      const row = byKey.get(id)
      if (row) out.set(row, id)
    }
    const change = newChange<T>()
    const now = new Map<Key, T>()
    const newer = new Map<T, T>()
    rows.forEach((row, index) => {
      const id = ids[index]
      const old = byKey.get(id)
      const kept = keptOf(old, row, change)
      now.set(id, kept)
      if (old && !out.has(old)) newer.set(old, kept)
    })
    const there = this.rows.filter((row) => !out.has(row)).map((row) => newer.get(row) ?? row)
    const stay = new Set(newer.values())
    for (const [id, row] of now) if (!placed.has(id) && !stay.has(row)) there.push(row)
    let last = -1
    for (const [id, place] of placed) {
      const row = now.get(id)
      expect(row && place > last && place <= there.length)
      there.splice((last = place), 0, row)
    }
    for (const [row, id] of out) {
      if (!now.has(id)) change.deleted.push(row)
      byKey.delete(id)
    }
    for (const [id, row] of now) byKey.set(id, row)
    const isSame = sameItems(there, this.rows)
    this.rows = Object.freeze(there)
    return isSame ? null : change
  }

  #check(check: ViewMessage): Taken<T> {
    const { s = NaN } = check
    if (this.#parts || s < this.serial) return NOTHING
    if (s > this.serial) return { ...NOTHING, isBehind: true }
    if (this.#mismatches >= MAX_MISMATCHES) return NOTHING
    if (this.#fits(check)) {
      this.#mismatches = 0
      return NOTHING
    }
    if (++this.#mismatches >= MAX_MISMATCHES) return { ...NOTHING, isMisread: true }
    this.#wrong = check
    return { ...NOTHING, isBehind: true }
  }

  #fits({ c }: ViewMessage): boolean {
    const sum = this.rows.reduce((before, row) => (before + rowSum(row)) >>> 0, 0)
    return c?.[0] === this.rows.length && c[1] === sum
  }
}

/** A change that is none yet. */
export const newChange = <T>(): { created: T[]; updated: T[]; deleted: T[] } => ({
  created: [],
  updated: [],
  deleted: [],
})

/** *row*, or the *old* one if that is as it is; what is new is noted in *change*. */
function keptOf<T>(old: T | undefined, row: T, change: { created: T[]; updated: T[] }): T {
  if (old && equalValues(old, row)) return old
  ;(old ? change.updated : change.created).push(row)
  return row
}

function expect(isSo: unknown): asserts isSo {
  if (!isSo) throw new Error("expected a message of a view")
}

/** What *filt* says of a view; undefined where that is nothing. */
export function viewOf(filt: Readonly<Record<string, unknown>>): ViewMessage | undefined {
  const view = filt["view"]
  return isPlain(view) ? (view as unknown as ViewMessage) : undefined
}
