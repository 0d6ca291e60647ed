/** Loader: a row of a push that is as it was stays the object that it was, and nothing else does. */

import assert from "node:assert/strict"
import { beforeEach, suite, test } from "node:test"
import type { RowsChange } from "../../src/handlers/live_rows.ts"
import { Loader } from "../../src/handlers/loader.ts"
import { defaultLimits } from "../../src/limits.ts"
import { PayloadIO } from "../../src/routing/payload_io.ts"
import { DateTime } from "../../src/tuples/date_time.ts"
import { addTupleType } from "../../src/tuples/registry.ts"
import { type AnyTuple, Tuple, tupleTypeOf } from "../../src/tuples/tuple.ts"
import { numbers } from "../protocol/mutations.ts"
import { FakeLine } from "./fake_line.ts"

const JOBS = { key: "jobs" }
const day = (text: string): object => ({ _ft: "datetime", _fd: text })
const DUE = day("2026-01-02 03:04:05.000006+0000")
/** As a server writes it: whole numbers are tagged. */
const int = (value: unknown): unknown => (Number.isInteger(value) ? { _ft: "int", _fd: value } : value)
const row = (id: unknown, more: object = {}): object => ({
  _ct: "rt",
  _c: "unchanged.Job",
  id: int(id),
  ...more,
})

class Job extends Tuple {
  static override tupleType = "unchanged.Job"
}

let line: FakeLine
beforeEach(() => {
  addTupleType(Job)
  line = new FakeLine()
})

async function loaded(...rows: object[]): Promise<Loader> {
  const loader = new Loader(line, JOBS)
  await line.last.answer(rows)
  return loader
}

function first(loader: Loader): AnyTuple {
  const [one] = loader.rows
  assert.ok(one)
  return one
}

suite("A row that comes as it was", () => {
  test("is the same object, wherever it stands now", async () => {
    const rows = [1, 2, 3, 4].map((id) =>
      row(id, { title: `job ${id}`, rank: -0, count: int(5), size: 1.5, isDone: false, due: DUE, who: null }),
    )
    const loader = await loaded(...rows)
    const held = [...loader.rows]
    await line.comes(JOBS, [rows[3], row(9), rows[0], rows[2]] as object[])

    assert.deepEqual(
      loader.rows.map((each) => held.indexOf(each)),
      [3, -1, 0, 2],
    )
  })

  test("is counted among the values that a message may hold", async () => {
    const errors: unknown[] = []
    const limits = { ...defaultLimits, maxNodes: 9 }
    const small = new PayloadIO(
      limits,
      () => Promise.resolve(),
      (error) => errors.push(error),
    )
    Object.assign(line, { payloadIO: small })
    const rows = [1, 2, 3, 4, 5].map((id) => row(id))
    const loader = await loaded(...rows.slice(0, 4))
    await line.comes(JOBS, rows)

    assert.deepEqual(
      [loader.rows.length, errors.map(String)],
      [4, ["LimitExceeded: a message holds too many values (maxNodes)"]],
    )
  })
})

suite("A change is noticed", () => {
  const old = { title: "one", count: int(1), due: DUE, tags: ["a", { b: [1] }], part: { ...row(7), at: DUE } }
  for (const [name, change] of [
    ["a text", { title: "One" }],
    ["another kind of value", { title: 1 }],
    ["a whole number", { count: int(2) }],
    ["a microsecond", { due: day("2026-01-02 03:04:05.000007+0000") }],
    ["the same time in another zone", { due: day("2026-01-02 04:04:05.000006+0100") }],
    ["a text instead of a date", { due: "2026-01-02 03:04:05.000006+0000" }],
    ["a date that is gone", { due: null }],
    ["a value in a list in a list", { tags: ["a", { b: [2] }] }],
    ["a field of a tuple in it", { part: { ...row(7), at: day("2026-01-02 03:04:05.000007+0000") } }],
    ["a field that is gone", { title: undefined }],
    ["a field more", { note: null }],
    ["its type", { _c: "unchanged.Task" }],
  ] as const)
    test(`of ${name}`, async () => {
      for (const before of [old, { title: old.title, count: old.count, due: old.due }]) {
        const loader = await loaded(row(1, before))
        const held = first(loader)
        await line.comes(JOBS, [row(1, { ...before, ...change })])
        const other = new FakeLine()
        const fresh = new Loader(other, JOBS)
        await other.last.answer([row(1, { ...before, ...change })])

        assert.notEqual(first(loader), held)
        assert.deepEqual([...loader.rows].map(written), [...fresh.rows].map(written))
        loader.close()
      }
    })

  test("of nothing, if what is nested is as it was", async () => {
    const loader = await loaded(row(1, old))
    const held = first(loader)
    await line.comes(JOBS, [row(1, old)])

    assert.equal(first(loader), held)
  })

  test("of its type, where no class stands for either", async () => {
    const loader = await loaded({ ...row(1), _c: "unchanged.One" })
    await line.comes(JOBS, [{ ...row(1), _c: "unchanged.Two" }])

    assert.equal(tupleTypeOf(first(loader)), "unchanged.Two")
  })

  test("of the class that stands for its type", async () => {
    const loader = await loaded(row(1))
    class Newer extends Job {}
    addTupleType(Newer)
    await line.comes(JOBS, [row(1)])

    assert.ok(first(loader) instanceof Newer)
  })
})

suite("What a page has done to a row goes with the next push", () => {
  for (const [name, mutate] of [
    ["a field that it has set", (job: AnyTuple) => (job["title"] = "mine")],
    ["a zero that it has given a sign", (job: AnyTuple) => (job["zero"] = -0)],
    ["a field that it has added", (job: AnyTuple) => (job["more"] = 1)],
    ["a field that it has put under a hidden name", (job: AnyTuple) => (job["_more"] = 1)],
    ["a field that it has taken away", (job: AnyTuple) => delete job["title"]],
    ["a date that it has set", (job: AnyTuple) => (job["due"] as Date).setUTCHours(9)],
    ["a date of its own", (job: AnyTuple) => (job["due"] = new Date("2026-01-02T03:04:05.000Z"))],
    ["a list that it has added to", (job: AnyTuple) => (job["tags"] as unknown[]).push("c")],
    ["a key that it has set", (job: AnyTuple) => (job["id"] = 5)],
  ] as const)
    test(name, async () => {
      for (const more of [
        { title: "one", zero: 0, due: DUE, tags: ["a"] },
        { title: "one", zero: 0, due: DUE },
      ]) {
        if (name.startsWith("a list") && !("tags" in more)) continue
        const loader = await loaded(row(1, more), row(2))
        const expected = loader.rows.map(written)
        const held = first(loader)
        mutate(held)
        await line.comes(JOBS, [row(1, more), row(2)])

        assert.deepEqual(loader.rows.map(written), expected)
        assert.notEqual(first(loader), held)
        loader.close()
      }
    })
})

/** All that can be told of a value. */
function written(value: unknown): unknown {
  if (value instanceof Date) return ["date", value.getTime(), value instanceof DateTime ? value.text : null]
  if (Array.isArray(value)) return value.map(written)
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : value
  const fields = Object.entries(value).map(([name, each]) => [name, written(each)])
  return [value instanceof Tuple ? tupleTypeOf(value) : "plain", value.constructor.name, fields]
}

/** A loader, and what is told of it. */
class Watched {
  readonly line = new FakeLine()
  readonly told: unknown[] = []
  readonly loader: Loader

  constructor() {
    this.loader = new Loader(
      this.line,
      JOBS,
      ({ length }, { created, updated, deleted }: RowsChange<AnyTuple>) => {
        this.told.push([length, [created, updated, deleted].map((rows) => rows.map(written))])
      },
    )
  }

  /** Which rows are the same objects as before the push. */
  async push(rows: readonly object[]): Promise<readonly number[]> {
    const before = [...this.loader.rows]
    await this.line.comes(JOBS, rows)
    return this.loader.rows.map((each) => before.indexOf(each))
  }
}

test("Any pushes, and what a page does meanwhile, give what they give to one who begins with them", async () => {
  const random = numbers(3)
  const one = <V>(of: readonly V[]): V => of[random(of.length)] as V
  const values = [
    "a",
    "b",
    int(1),
    int(-0),
    int(2 ** 60),
    1,
    0,
    -0,
    true,
    null,
    DUE,
    day("2026-01-02 03:04:05.000007+0000"),
    day("2026-01-02"),
    [1],
  ]
  const some = (): object => {
    const id = one([1, 2, 3, 4, 5, 6, "1", null, true])
    return {
      ...row(id, { x: one(values) }),
      ...(random(3) ? { y: one(values) } : {}),
      ...(random(9) ? {} : { _c: "u" }),
    }
  }
  const watched = new Watched()
  const { loader, line } = watched
  let rows: object[] = []
  let kept = 0
  await line.last.answer(rows)
  for (let count = 0; count < 3_000; count++) {
    rows = rows.filter(() => random(8))
    if (rows.length && random(2)) rows[random(rows.length)] = some()
    if (rows.length < 8 && random(2)) rows.splice(random(rows.length + 1), 0, some())
    if (!random(6)) rows.reverse()
    if (!random(6) && rows.length) rows.push(one(rows))
    const held = loader.rows[random(8)]
    if (held && !random(3)) {
      if (held["x"] instanceof Date) held["x"].setUTCHours(random(24))
      else held["x"] = one(["a", "b", 7])
    }
    const before = loader.rows.map(written)
    const same = await watched.push(rows)
    const other = new FakeLine()
    const fresh = new Loader(other, JOBS)
    await other.last.answer(rows)
    const now = loader.rows.map(written)
    assert.deepEqual(now, fresh.rows.map(written))
    for (const [index, at] of same.entries())
      if (at >= 0) {
        kept++
        assert.deepEqual(now[index], before[at])
      }
    fresh.close()
  }
  assert.ok(kept > 3_000 && watched.told.length > 1_000, `${kept} kept, ${watched.told.length} changes`)
})
