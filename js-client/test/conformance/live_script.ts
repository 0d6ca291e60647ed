/** Runs the scripts of live.json, see README.md in tests/conformance, with our TypeScript core. */

import assert from "node:assert/strict"
import { Observation } from "../../src/handlers/observer.ts"
import { DateTime } from "../../src/tuples/date_time.ts"
import { type AnyTuple, Tuple, tupleTypeOf } from "../../src/tuples/tuple.ts"
import { FakeLine } from "../handlers/fake_line.ts"
import type { Case, Json } from "./notation.ts"

type Row = readonly [type: string, ...values: unknown[]]

const FILT = { key: "tupleDataObservable", name: "live" }
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** The tuple types that the cases name, with their fields in the order in which rows have them. */
export class Types {
  readonly #fields: Readonly<Record<string, readonly string[]>>

  constructor(fields: Readonly<Record<string, readonly string[]>>) {
    this.#fields = fields
  }

  fieldsOf(type: string): readonly string[] {
    const fields = this.#fields[type]
    if (!fields) throw new Error(`no type is called ${type}`)
    return fields
  }

  /** A row as it stands on the wire of VortexPY. */
  wire([type, ...values]: Row): object {
    const pairs = this.fieldsOf(type).map((name, index) => [name, values[index]])
    return { _ct: "rt", _c: type, ...(Object.fromEntries(pairs) as object) }
  }

  rowOf(tuple: AnyTuple): unknown[] {
    const type = tupleTypeOf(tuple)
    return [type, ...this.fieldsOf(type).map((name) => tuple[name])]
  }

  /** The value that the notation of tests/vectors stands for. */
  valueOf(notation: unknown): unknown {
    if (Array.isArray(notation)) return notation.map((item) => this.valueOf(item))
    if (typeof notation !== "object" || notation === null) return notation
    const { int, float, dict, datetime, date, bytes, tuple, fields } = notation as Readonly<
      Record<string, string>
    >
    const pairs = (of: unknown): [string, unknown][] =>
      (of as [string, unknown][]).map(([name, value]) => [name, this.valueOf(value)])
    if (int !== undefined) return Number.isSafeInteger(Number(int)) ? Number(int) : BigInt(int)
    if (float !== undefined) return Number(float.replace("inf", "Infinity"))
    if (dict !== undefined) return Object.fromEntries(pairs(dict))
    // As a server writes it.
    if (datetime !== undefined) return new DateTime(datetime.replace("T", " ").replace("+00:00", "+0000"))
    if (date !== undefined) return new DateTime(date)
    if (bytes !== undefined) return Uint8Array.from(Buffer.from(bytes, "base64"))
    assert.ok(tuple !== undefined && fields !== undefined)
    return new Tuple(tuple, Object.fromEntries(pairs(Object.entries(fields))))
  }
}

/** One view, and what a case says of it. */
export class LiveScript {
  readonly #case: Case
  readonly #types: Types
  readonly #line = new FakeLine()
  readonly #view: Observation
  #told: unknown[] = []
  #ended: unknown[] = []
  /** What the last state had under "k". */
  #keys: Json | undefined
  #asked = 0
  #reported = 0

  constructor(one: Case, types: Types) {
    this.#case = one
    this.#types = types
    this.#line.state = "connecting"
    this.#view = new Observation(this.#line, "live", "rows")
    this.#view.addEventListener("rows", ({ detail: { created, updated, deleted } }) => {
      const keysOf = (op: string, rows: readonly AnyTuple[]): unknown[] =>
        rows.map((row) => [op, this.#keys?.[tupleTypeOf(row)] ? this.#view.keyOf(row) : null])
      this.#told.push([
        ...keysOf("created", created),
        ...keysOf("updated", updated),
        ...keysOf("deleted", deleted),
      ])
    })
    this.#view.addEventListener("state", () => {
      const { error } = this.#view
      if (error) this.#ended.push(error.code)
    })
  }

  async run(): Promise<void> {
    this.#line.open()
    for (const [what, ...parts] of this.#case.steps) {
      await this.#step(what, parts)
      await turn()
    }
    assert.deepEqual([this.#asks, this.#told, this.#ended], [[], [], []], "more than was said")
    assert.equal(this.#reports, this.#reported, "more was reported than was said")
  }

  async #step(what: string, parts: readonly unknown[]): Promise<void> {
    const line = this.#line
    const message = (): [view: object, tuples: object[]] => {
      const [first, ...rows] = parts as [Json, ...Row[]]
      if ("s" in first && "e" in first) this.#keys = first["k"] as Json | undefined
      return [{ w: 1, ...first }, rows.map((row) => this.#types.wire(row))]
    }
    switch (what) {
      case "in": {
        const [view, tuples] = message()
        return line.comes({ ...FILT, view }, tuples)
      }
      case "answer": {
        const [view, tuples] = message()
        return line.last.answer(tuples, null, view)
      }
      case "fails":
        return line.last.answer([], parts[0])
      case "lost":
        line.lose()
        return
      case "back":
        line.reset()
        return
      case "spoil": {
        const [key, field, value] = parts
        const row = this.#view.get(key)
        assert.ok(row)
        row[String(field)] = value
        return
      }
      case "asks":
        assert.deepEqual(this.#asks, parts)
        this.#asked = line.asked.length
        return
      case "rows":
        assert.deepEqual(this.#view.rows.map((row) => this.#types.rowOf(row)), parts) // prettier-ignore
        return
      case "is":
        assert.deepEqual([this.#view.state, this.#view.position], parts)
        return
      case "told":
        assert.deepEqual(this.#told.map(sorted), parts.map(sorted))
        this.#told = []
        return
      case "ended":
        assert.deepEqual(this.#ended, parts)
        this.#ended = []
        return
      case "reports":
        assert.equal(this.#reports, ++this.#reported)
        return
    }
    throw new Error(`no step is called ${what}`)
  }

  /** What was asked since it was looked at last. */
  get #asks(): unknown[] {
    return this.#line.asked.slice(this.#asked).map(({ payload: { filt } }) => {
      const { at } = filt["live"] as { readonly at?: string }
      return at ?? null
    })
  }

  get #reports(): number {
    return this.#line.reported.filter((error) => String(error).includes("read differently")).length
  }
}

const sorted = (changes: unknown): unknown[] =>
  [...(changes as unknown[])].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
