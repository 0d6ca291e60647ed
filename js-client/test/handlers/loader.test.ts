/** Loader, on a line whose messages are written by hand. */

import assert from "node:assert/strict"
import { getEventListeners } from "node:events"
import { beforeEach, suite, test } from "node:test"
import { RemoteError, RequestTimeout, type VortexError } from "../../src/errors.ts"
import type { RowsChange } from "../../src/handlers/live_rows.ts"
import { Loader, type LoaderOptions } from "../../src/handlers/loader.ts"
import { DateTime } from "../../src/tuples/date_time.ts"
import { type AnyTuple, Tuple, tupleTypeOf } from "../../src/tuples/tuple.ts"
import { FakeLine } from "./fake_line.ts"

const JOBS = { key: "jobs" }
const row = (id: unknown, title: string, more: object = {}): object => ({
  _ct: "rt",
  _c: "x.Job",
  id,
  title,
  ...more,
})
const titles = (rows: readonly Tuple[]): unknown[] => rows.map((each) => (each as AnyTuple)["title"])
const fields = (tuple: unknown): unknown => [
  tupleTypeOf(tuple as Tuple),
  Object.fromEntries(Object.entries(tuple as Tuple)),
]
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

let line: FakeLine
let changes: RowsChange<AnyTuple>[]
beforeEach(() => {
  line = new FakeLine()
  changes = []
})

function load(options: LoaderOptions<AnyTuple> = {}, filt: object = JOBS): Loader {
  return new Loader(line, { ...filt }, (_, change) => changes.push(change), options)
}

function firstOf(loader: Loader): AnyTuple {
  const [first] = loader.rows
  assert.ok(first)
  return first
}

async function loaded(...rows: object[]): Promise<Loader> {
  const loader = load()
  await line.last.answer(rows.length ? rows : [row(1, "one"), row(2, "two")])
  changes.length = 0
  return loader
}

suite("Loading", () => {
  test("asks at once, and has the rows that come", async () => {
    const loader = load()
    const { filt, tuples } = line.last.payload
    assert.deepEqual([filt, tuples, loader.state], [{ ...JOBS, live: {} }, [], "loading"])
    await line.last.answer([row(1, "one"), row(2, "two")])

    assert.deepEqual([titles(loader.rows), loader.state], [["one", "two"], "current"])
    assert.deepEqual(
      changes.map((change) => titles(change.created)),
      [["one", "two"]],
    )
  })

  test("of nothing is told too", async () => {
    const loader = load()
    await line.last.answer([])

    assert.deepEqual([loader.rows, loader.state, changes.length], [[], "current", 1])
  })

  test("waits for a line, and asks again where another session has begun, not where the line is back", async () => {
    line.state = "connecting"
    const loader = load()
    assert.equal(line.asked.length, 0)
    line.open()
    await line.last.answer([row(1, "one")])
    line.lose()
    assert.equal(loader.state, "stale")
    line.open()
    assert.deepEqual([loader.state, line.asked.length], ["current", 1])
    line.lose()
    line.reset()
    assert.deepEqual([loader.state, line.asked.length], ["stale", 2])
    await line.last.answer([row(1, "one, changed meanwhile")])

    assert.deepEqual([titles(loader.rows), loader.state], [["one, changed meanwhile"], "current"])
  })

  test("that fails is told, and the rows stay", async () => {
    const loader = await loaded()
    const states: unknown[] = []
    loader.addEventListener("state", ({ detail }) => states.push([detail, loader.error?.code]))
    const failing = assert.rejects(loader.reload(), { code: "access-denied" })
    await line.last.answer([], "access-denied: you may not see these records")
    await failing

    assert.deepEqual([titles(loader.rows), states], [["one", "two"], [["current", "access-denied"]]])
    const again = loader.reload()
    await line.last.answer([row(1, "one")])
    assert.deepEqual(titles(await again), ["one"])
    assert.equal(loader.error, null)
  })

  test("that nobody waits for is reported when it fails, with what was asked for", async () => {
    load()
    await line.last.answer([], "access-denied: you may not see these records")
    await turn()

    assert.deepEqual(
      line.reported.map((error) => [(error as VortexError).code, String(error)]),
      [
        [
          "access-denied",
          'VortexError: the rows of {"key":"jobs"} cannot be loaded: you may not see these records',
        ],
      ],
    )
  })

  test("asks again where another session has begun on a line that is there", async () => {
    const loader = await loaded()
    line.reset()
    assert.deepEqual([loader.state, line.asked.length], ["stale", 2])
    await line.last.answer([row(1, "one")])

    assert.deepEqual([titles(loader.rows), loader.state], [["one"], "current"])
  })

  test("asks anew although it waits: what is answered may be what was so before the other session", async () => {
    const loader = load()
    const [first] = line.asked
    line.lose()
    line.reset()
    assert.equal(line.asked.length, 2)
    await first?.answer([row(1, "old")])
    assert.equal(loader.state, "current")
    await line.last.answer([row(1, "new")])

    assert.deepEqual(titles(loader.rows), ["new"])
  })

  test("that has waited too long while there was no line is done again when there is one", async () => {
    const loader = load()
    line.lose()
    line.last.fail(new RequestTimeout("no answer came"))
    await turn()
    assert.deepEqual([loader.state, line.asked.length], ["loading", 1])
    line.open()
    assert.equal(line.asked.length, 2)
    await line.last.answer([row(1, "one")])

    assert.equal(loader.state, "current")
  })

  test("a messageId and rapui keys in the filt are no part of what it is about", () => {
    assert.deepEqual(
      load({}, { ...JOBS, rapuiServerEcho: true, "PayloadResponse.messageId": "9" }).filt,
      JOBS,
    )
  })
})

suite("A push", () => {
  test("tells what it has changed, and leaves the other rows the objects they were", async () => {
    const loader = await loaded(row(1, "one"), row(2, "two"), row(3, "three"))
    const [one, two] = loader.rows
    await line.comes(JOBS, [row(4, "four"), row(1, "one"), row(2, "TWO")])

    assert.equal(loader.rows[1], one)
    assert.notEqual(loader.rows[2], two)
    const [change] = changes
    assert.deepEqual(
      [titles(change?.created ?? []), titles(change?.updated ?? []), titles(change?.deleted ?? [])],
      [["four"], ["TWO"], ["three"]],
    )
  })

  test("of the same rows is not told", async () => {
    const due = { _ft: "datetime", _fd: "2026-01-02 03:04:05.000006+0000" }
    const more = { due, tags: ["a", { b: [1] }], bytes: { _ft: "bytes", _fd: "AP8=" }, nan: NaN }
    const one = [row(1, "one", more)]
    await loaded(...one)
    await line.comes(JOBS, one)

    assert.equal(changes.length, 0)
  })

  for (const [name, value] of [
    ["a microsecond", { _ft: "datetime", _fd: "2026-01-02 03:04:05.000007+0000" }],
    ["a byte", { _ft: "bytes", _fd: "AP4=" }],
    ["a byte more", { _ft: "bytes", _fd: "AP8A" }],
    ["a field that is gone", undefined],
    ["null", null],
  ] as const)
    test(`that differs by ${name} is told`, async () => {
      const loader = load()
      const old = name.startsWith("a byte")
        ? { _ft: "bytes", _fd: "AP8=" }
        : { _ft: "datetime", _fd: "2026-01-02 03:04:05.000006+0000" }
      await line.last.answer([row(1, "one", { value: old })])
      await line.comes(JOBS, [row(1, "one", { value })])

      assert.deepEqual(
        changes.map(({ updated }) => updated.length),
        [0, 1],
      )
      assert.equal(loader.rows.length, 1)
    })

  test("of another type under the same key is told", async () => {
    const loader = await loaded(row(1, "one"))
    await line.comes(JOBS, [{ ...row(1, "one"), _c: "x.Task" }])

    assert.deepEqual(
      changes.map(({ updated }) => updated.map((each) => tupleTypeOf(each))),
      [["x.Task"]],
    )
    assert.equal(tupleTypeOf(firstOf(loader)), "x.Task")
  })

  test("of another order is told, with nothing changed", async () => {
    const loader = await loaded()
    await line.comes(JOBS, [row(2, "two"), row(1, "one")])

    assert.deepEqual(titles(loader.rows), ["two", "one"])
    assert.deepEqual(changes, [{ created: [], updated: [], deleted: [] }])
  })

  for (const filt of [
    { ...JOBS, id: 1 },
    { ...JOBS, delete: true },
    { ...JOBS, more: { a: 1 } },
  ])
    test(`under ${JSON.stringify(filt)} is for others`, async () => {
      const loader = await loaded()
      await line.comes(filt, [row(9, "nine")])

      assert.deepEqual(titles(loader.rows), ["one", "two"])
    })

  test("under its filt with a messageId is for it", async () => {
    const loader = await loaded()
    await line.comes({ ...JOBS, "PayloadResponse.messageId": "of the server" }, [row(9, "nine")])

    assert.deepEqual(titles(loader.rows), ["nine"])
  })

  test("that tells an error changes nothing", async () => {
    const loader = await loaded()
    await line.comes(JOBS, [], "internal: 17")

    assert.deepEqual(titles(loader.rows), ["one", "two"])
  })

  test("of rows without the key is a set of rows told apart by their places", async () => {
    const loader = await loaded(row(null, "first"), row(null, "second"))
    const [first] = loader.rows
    await line.comes(JOBS, [row(null, "first"), row(null, "changed")])

    assert.equal(loader.rows[0], first)
    assert.deepEqual(
      changes.map(({ updated }) => titles(updated)),
      [["changed"]],
    )
  })

  test("of two rows with one key loses neither", async () => {
    const loader = await loaded(row(1, "first"), row(1, "second"))

    assert.deepEqual(titles(loader.rows), ["first", "second"])
  })
})

suite("Saving", () => {
  test("sends the key and what changes, is busy until it is answered, and shows the server's row", async () => {
    const loader = await loaded()
    const [one, two] = loader.rows as [AnyTuple, AnyTuple]
    const saving = loader.save(one, { title: "ONE" })
    assert.deepEqual(line.last.payload.tuples.map(fields), [["x.Job", { id: 1, title: "ONE" }]])
    assert.deepEqual(
      [loader.status(one).busy, loader.status(1).busy, loader.status(two).busy],
      ["saving", "saving", null],
    )
    assert.deepEqual(titles(loader.rows), ["one", "two"])
    await line.last.answer([row(1, "ONE!")], true)

    assert.equal(await saving, loader.rows[0])
    assert.deepEqual([titles(loader.rows), loader.status(1)], [["ONE!", "two"], { busy: null, error: null }])
    assert.equal(loader.rows[1], two)
  })

  test("what it is already gives the object that is shown", async () => {
    const loader = await loaded()
    const [one] = loader.rows as [AnyTuple]
    const saving = loader.save(one, { title: "one" })
    await line.last.answer([row(1, "one")], true)

    assert.equal(await saving, one)
    assert.deepEqual([loader.rows[0] === one, changes], [true, []])
  })

  test("without changes sends the whole row", async () => {
    const loader = await loaded(row(1, "one", { note: "x" }))
    const [one] = loader.rows as [AnyTuple]
    one["title"] = "mine"
    void loader.save(one)

    assert.deepEqual(line.last.payload.tuples.map(fields), [["x.Job", { id: 1, title: "mine", note: "x" }]])
  })

  test("refused leaves the server's row and the error's code, and asks again", async () => {
    const loader = await loaded()
    const [one] = loader.rows as [AnyTuple]
    const told: unknown[] = []
    loader.addEventListener("status", ({ detail: { key, busy, error } }) =>
      told.push([key, busy, error?.code]),
    )
    const saving = assert.rejects(
      loader.save(one, { title: "" }),
      new RemoteError("no-title", "a job needs a title"),
    )
    await line.last.answer([], "no-title: a job needs a title")
    await saving

    assert.deepEqual([titles(loader.rows), loader.status(one).error?.code], [["one", "two"], "no-title"])
    assert.deepEqual(told, [
      [1, "saving", undefined],
      [1, null, "no-title"],
    ])
    assert.equal(line.asked.length, 3)
    await line.last.answer([row(1, "one"), row(2, "two")])
    assert.equal(loader.status(1).error?.code, "no-title", "it stays until it is cleared, or the next save")
    loader.clearError(1)
    assert.equal(loader.status(1).error, null)
  })

  test("of a row that somebody has deleted ends with the row gone", async () => {
    const loader = await loaded()
    const [one] = loader.rows as [AnyTuple]
    const saving = assert.rejects(loader.save(one, { title: "x" }), { code: "unknown-record" })
    await line.last.answer([], "unknown-record: there is no x.Job with id 1")
    await saving
    await line.last.answer([row(2, "two")])

    assert.deepEqual([titles(loader.rows), loader.status(one).error?.code], [["two"], "unknown-record"])
  })

  test("cut in the middle is told as not known, and the rows are the truth once there is a line", async () => {
    const loader = await loaded()
    const [one] = loader.rows as [AnyTuple]
    const saving = loader.save(one, { title: "ONE" })
    line.lose()
    assert.deepEqual([loader.status(1).busy, loader.state], ["saving", "stale"])
    line.open()
    assert.equal(loader.state, "current")
    await line.last.answer([row(1, "ONE")], true)

    assert.equal((await saving)["title"], "ONE")
    assert.deepEqual(titles(loader.rows), ["ONE", "two"])
    assert.equal(line.asked.length, 2)
  })

  test("that is never answered is told, and the rows are asked for again", async () => {
    const loader = await loaded()
    const saving = assert.rejects(loader.save(firstOf(loader), { title: "x" }), RequestTimeout)
    line.last.fail(new RequestTimeout("no answer came"))
    await saving

    assert.equal(loader.status(1).error?.code, "timeout")
    assert.deepEqual(line.last.payload.tuples, [])
  })

  test("of a row that goes meanwhile, and comes back, leaves nothing at the row", async () => {
    const loader = await loaded()
    const saving = assert.rejects(loader.save(firstOf(loader), { title: "x" }), { code: "unknown-record" })
    const asked = line.last
    await line.comes(JOBS, [row(2, "two")])
    assert.equal(loader.status(1).busy, "saving")
    await asked.answer([], "unknown-record: there is no x.Job with id 1")
    await saving
    await line.last.answer([row(2, "two")])
    assert.deepEqual([loader.status(1).busy, loader.status(1).error?.code], [null, "unknown-record"])
    await line.comes(JOBS, [row(1, "had back"), row(2, "two")])
    assert.deepEqual(loader.status(1), { busy: null, error: null })
    const again = loader.save(firstOf(loader), { title: "y" })
    assert.equal(loader.status(1).busy, "saving")
    await line.last.answer([row(1, "y")], true)
    await again

    assert.equal(loader.status(1).busy, null)
  })

  test("of a row that goes and comes back meanwhile is busy until it is answered", async () => {
    const loader = await loaded()
    const saving = loader.save(firstOf(loader), { title: "x" })
    const asked = line.last
    await line.comes(JOBS, [row(2, "two")])
    await line.comes(JOBS, [row(1, "had back"), row(2, "two")])
    assert.equal(loader.status(1).busy, "saving")
    await asked.answer([row(1, "x")], true)
    await saving

    assert.deepEqual([titles(loader.rows), loader.status(1)], [["x", "two"], { busy: null, error: null }])
  })

  test("of many that are refused at once asks again once", async () => {
    const loader = await loaded()
    const asked: (typeof line.last)[] = []
    const saving = loader.rows.map((each) => {
      const answer = assert.rejects(loader.save(each, { title: "" }), { code: "no-title" })
      asked.push(line.last)
      return answer
    })
    for (const each of asked) await each.answer([], "no-title: a job needs a title")
    await Promise.all(saving)

    assert.deepEqual(
      line.asked.map(({ payload }) => payload.tuples.length),
      [0, 1, 1, 0],
    )
    await line.last.answer([row(1, "one"), row(2, "two")])
    const more = assert.rejects(loader.save(firstOf(loader), { title: "" }))
    await line.last.answer([], "no-title: a job needs a title")
    await more
    assert.equal(line.asked.length, 6)
  })

  test("refused beside one that is made keeps its error", async () => {
    const loader = await loaded()
    const [one] = loader.rows as [AnyTuple]
    const first = assert.rejects(loader.save(one, { title: "" }), { code: "no-title" })
    const answerFirst = line.last
    const second = loader.save(one, { status: "done" })
    const answerSecond = line.last
    await answerFirst.answer([], "no-title: a job needs a title")
    await first
    assert.deepEqual([loader.status(1).busy, loader.status(1).error?.code], ["saving", "no-title"])
    await answerSecond.answer([row(1, "one", { status: "done" })], true)
    await second

    assert.deepEqual([loader.status(1).busy, loader.status(1).error?.code], [null, "no-title"])
    void loader.save(one, { title: "x" })
    assert.equal(loader.status(1).error, null)
  })

  test("of a row that was changed in its place and is refused shows the server's again", async () => {
    const loader = await loaded()
    const one = firstOf(loader)
    one["title"] = ""
    const saving = assert.rejects(loader.save(one), { code: "no-title" })
    await line.last.answer([], "no-title: a job needs a title")
    await saving
    await line.last.answer([row(1, "one"), row(2, "two")])

    assert.deepEqual(
      changes.map(({ updated }) => titles(updated)),
      [["one"]],
    )
    assert.deepEqual(titles(loader.rows), ["one", "two"])
  })

  test("or deleting what has no key is refused here: the server would take it for a new one", async () => {
    const loader = await loaded(row(null, "first"))
    const asked = line.asked.length

    await assert.rejects(loader.save(firstOf(loader), { title: "x" }), /needs its id/)
    await assert.rejects(loader.delete(firstOf(loader)), /needs its id/)
    assert.equal(line.asked.length, asked)
    assert.deepEqual(loader.status(firstOf(loader)), { busy: null, error: null })
  })

  test("twice at once is busy until both are answered", async () => {
    const loader = await loaded()
    const [one] = loader.rows as [AnyTuple]
    const first = loader.save(one, { title: "first" })
    const answerFirst = line.last
    const second = loader.save(one, { title: "second" })
    const answerSecond = line.last
    await answerFirst.answer([row(1, "first")], true)
    await first
    assert.equal(loader.status(1).busy, "saving")
    await answerSecond.answer([row(1, "second")], true)
    await second

    assert.deepEqual([loader.status(1).busy, titles(loader.rows)], [null, ["second", "two"]])
  })

  test("twice at once shows what was saved last, as soon as that is answered", async () => {
    const loader = load()
    const view = { w: 7, e: "e", k: { "x.Job": ["id"] } }
    await line.last.answer([row(1, "one"), row(2, "two")], null, { ...view, s: 4 })
    const one = firstOf(loader)
    const first = loader.save(one, { title: "first" })
    const answerFirst = line.last
    const second = loader.save(one, { title: "second" })
    const answerSecond = line.last
    await answerFirst.answer([row(1, "first")], true)
    await first
    assert.deepEqual(titles(loader.rows), ["first", "two"])
    await line.comes({ ...JOBS, view: { w: 7, f: 4, t: 5 } }, [row(1, "first")])
    await answerSecond.answer([row(1, "second")], true)

    assert.equal(await second, loader.rows[0])
    assert.deepEqual(titles(loader.rows), ["second", "two"])
  })

  test("twice at once leaves what has come in between: that may be newer", async () => {
    const loader = load()
    const view = { w: 7, e: "e", k: { "x.Job": ["id"] } }
    await line.last.answer([row(1, "one"), row(2, "two")], null, { ...view, s: 4 })
    const one = firstOf(loader)
    const first = loader.save(one, { title: "first" })
    const answerFirst = line.last
    const second = loader.save(one, { title: "second" })
    const answerSecond = line.last
    await answerFirst.answer([row(1, "first")], true)
    await line.comes({ ...JOBS, view: { w: 7, f: 4, t: 5 } }, [row(1, "of somebody else")])
    await answerSecond.answer([row(1, "second")], true)
    await Promise.all([first, second])

    assert.deepEqual(titles(loader.rows), ["of somebody else", "two"])
  })

  test("a push that comes meanwhile is shown", async () => {
    const loader = await loaded()
    const saving = loader.save(firstOf(loader), { title: "mine" })
    const asked = line.last
    await line.comes(JOBS, [row(1, "one"), row(2, "of somebody else")])
    assert.deepEqual(titles(loader.rows), ["one", "of somebody else"])
    await asked.answer([row(1, "mine")], true)
    await saving

    assert.deepEqual(titles(loader.rows), ["mine", "of somebody else"])
  })

  test("is seen by another loader on the same filt", async () => {
    const loader = await loaded()
    const other = load()
    await line.last.answer([row(1, "one"), row(2, "two")])
    const saving = loader.save(firstOf(loader), { title: "ONE" })
    await line.last.answer([row(1, "ONE")], true)
    await saving

    assert.deepEqual(titles(other.rows), ["ONE", "two"])
  })

  test("answered without a row is an error", async () => {
    const loader = await loaded()
    const saving = assert.rejects(loader.save(firstOf(loader), { title: "x" }), /expected a row, got nothing/)
    await line.last.answer([], true)
    await saving
  })
})

suite("Creating", () => {
  test("sends a tuple of the type that the others have, and shows what was stored", async () => {
    const loader = await loaded()
    const creating = loader.create({ title: "three" })
    assert.deepEqual(line.last.payload.tuples.map(fields), [["x.Job", { title: "three" }]])
    await line.last.answer([row(3, "three")], true)

    assert.equal(await creating, loader.rows[2])
    assert.deepEqual(
      changes.map((change) => titles(change.created)),
      [["three"]],
    )
  })

  test("where there are no rows needs the type, by name or as a class", async () => {
    const nameless = load()
    await assert.rejects(nameless.create({}), /a new row needs a type: load with \{ tuple: Job \}/)
    void load({ tuple: "x.Job" }).create({ title: "a" })
    assert.deepEqual(line.last.payload.tuples.map(fields), [["x.Job", { title: "a" }]])
    class Job extends Tuple {
      static override tupleType = "x.Other"
    }
    void new Loader<Job>(line, JOBS, undefined, { tuple: Job }).create({ title: "b" })
    assert.deepEqual(line.last.payload.tuples.map(fields), [["x.Other", { title: "b" }]])
  })

  test("of a whole tuple sends it as it is", async () => {
    const loader = await loaded()
    void loader.create(new Tuple("x.Special", { id: 7 }))

    assert.deepEqual(line.last.payload.tuples.map(fields), [["x.Special", { id: 7 }]])
  })

  test("refused changes nothing", async () => {
    const loader = await loaded()
    const creating = assert.rejects(loader.create({ title: "" }), { code: "no-title" })
    await line.last.answer([], "no-title: a job needs a title")
    await creating

    assert.deepEqual(titles(loader.rows), ["one", "two"])
  })
})

suite("Deleting", () => {
  test("sends the key, and the row is gone once it is answered", async () => {
    const loader = await loaded()
    const deleting = loader.delete(firstOf(loader))
    const asked = line.last
    const { payload } = asked
    assert.deepEqual(
      [payload.filt, payload.tuples.map(fields)],
      [{ ...JOBS, delete: true }, [["x.Job", { id: 1 }]]],
    )
    assert.deepEqual([titles(loader.rows), loader.status(1).busy], [["one", "two"], "deleting"])
    await asked.answer([row(2, "two")], true)
    await deleting

    assert.deepEqual([titles(loader.rows), loader.status(1).busy], [["two"], null])
    assert.deepEqual(
      changes.map((change) => titles(change.deleted)),
      [["one"]],
    )
  })

  test("and a row of that key right after it: that row is there", async () => {
    const loader = await loaded()
    const deleting = loader.delete(firstOf(loader))
    await Promise.all([
      line.last.answer([row(2, "two")], true),
      line.comes(JOBS, [row(1, "had back"), row(2, "two")]),
    ])
    await deleting

    assert.deepEqual(titles(loader.rows), ["had back", "two"])
  })

  test("refused leaves the row and the error", async () => {
    const loader = await loaded()
    const deleting = assert.rejects(loader.delete(firstOf(loader)), {
      code: "constraint-violation",
    })
    await line.last.answer([], "constraint-violation: others refer to it")
    await deleting

    assert.deepEqual(
      [titles(loader.rows), loader.status(1).error?.code],
      [["one", "two"], "constraint-violation"],
    )
  })
})

suite("Keys", () => {
  test("of several fields are lists, and go out as they are", async () => {
    const loader = load({ key: ["a", "b"] })
    const cell = (a: number, b: number, title: string): object => ({ _ct: "rt", _c: "x.Cell", a, b, title })
    await line.last.answer([cell(1, 2, "x"), cell(2, 1, "y")])
    const x = loader.get([1, 2])
    assert.ok(x)
    void loader.save(x, { title: "z" })

    assert.deepEqual([x["title"], loader.get([2, 1])?.["title"]], ["x", "y"])
    assert.deepEqual(line.last.payload.tuples.map(fields), [["x.Cell", { a: 1, b: 2, title: "z" }]])
    assert.deepEqual([loader.status([1, 2]).busy, loader.status([2, 1]).busy], ["saving", null])
  })

  test("may be dates and long integers", async () => {
    const loader = load()
    const day = { _ft: "datetime", _fd: "2026-01-02" }
    await line.last.answer([row(day, "day"), row({ _ft: "int", _fd: "9007199254740993" }, "long")])

    assert.deepEqual(
      titles([loader.get(new DateTime("2026-01-02")), loader.get(9007199254740993n)] as Tuple[]),
      ["day", "long"],
    )
  })
})

suite("The end", () => {
  test("of a loader leaves nothing behind, and no row changes after it", async () => {
    const loader = await loaded()
    loader.close()
    await line.comes(JOBS, [row(9, "nine")])
    line.lose()
    line.open()

    assert.deepEqual(
      [line.listeners, titles(loader.rows), loader.state, line.asked.length],
      [0, ["one", "two"], "closed", 1],
    )
  })

  test("of the connection is the loader's", async () => {
    const loader = await loaded()
    line.close()
    const late = load()

    assert.deepEqual([loader.state, late.state, line.listeners], ["closed", "closed", 0])
  })

  test("comes before an answer: what was asked for is told, and no row changes", async () => {
    const loader = await loaded()
    const [one, two] = loader.rows as [AnyTuple, AnyTuple]
    const saving = loader.save(one, { title: "ONE" })
    const answerSave = line.last
    const deleting = loader.delete(two)
    const answerDelete = line.last
    loader.close()
    await answerSave.answer([row(1, "ONE")], true)
    await answerDelete.answer([row(1, "ONE")], true)

    assert.equal((await saving)["title"], "ONE")
    await deleting
    assert.deepEqual([titles(loader.rows), changes], [["one", "two"], []])
    assert.deepEqual([loader.status(1).busy, loader.status(2).busy], [null, null])
  })

  test("by its signal, before or after it was made", async () => {
    const abort = new AbortController()
    const loader = load({ signal: abort.signal })
    await line.last.answer([])
    abort.abort()
    const never = load({ signal: abort.signal })
    const other = new AbortController()
    load({ signal: other.signal }).close()
    assert.deepEqual(getEventListeners(other.signal, "abort"), [])

    assert.deepEqual(
      [loader.state, never.state, line.listeners, line.asked.length],
      ["closed", "closed", 0, 2],
    )
  })

  test("in its own callback is safe", async () => {
    const states: unknown[] = []
    const loader = new Loader(line, JOBS, () => { loader.close() }) // prettier-ignore
    loader.addEventListener("state", ({ detail }) => states.push(detail))
    await line.last.answer([row(1, "one")])

    assert.deepEqual([states, line.reported], [["closed"], []])
  })

  test("a callback that raises is reported, and the next change comes", async () => {
    let calls = 0
    new Loader(line, JOBS, () => {
      calls++
      throw new Error("boom")
    })
    await line.last.answer([row(1, "one")])
    await line.comes(JOBS, [])

    assert.deepEqual([calls, line.reported.map(String)], [2, ["Error: boom", "Error: boom"]])
  })

  test("one that raises later is reported too", async () => {
    new Loader(line, JOBS, () => Promise.reject(new Error("later")))
    await line.last.answer([])
    await turn()

    assert.deepEqual(line.reported.map(String), ["Error: later"])
  })

  test("a listener that was taken away hears no more", async () => {
    const heard: number[] = []
    const loader = load()
    const listener = ({ detail }: CustomEvent<RowsChange<AnyTuple>>): void => {
      heard.push(detail.created.length)
    }
    loader.addEventListener("rows", listener)
    await line.last.answer([row(1, "one")])
    loader.removeEventListener("rows", listener)
    await line.comes(JOBS, [row(2, "two")])

    assert.deepEqual(heard, [1])
  })
})

suite("As an async iterator", () => {
  test("it gives the rows, then whatever they are when they have changed, and ends with the loader", async () => {
    const loader = load()
    const seen: unknown[] = []
    const reading = (async () => {
      for await (const rows of loader) seen.push(titles(rows))
    })()
    await turn()
    await line.last.answer([row(1, "one")])
    await turn()
    await line.comes(JOBS, [row(1, "passed over")])
    await line.comes(JOBS, [row(1, "last")])
    await turn()
    loader.close()
    await reading

    assert.deepEqual(seen[0], ["one"])
    assert.deepEqual(seen.at(-1), ["last"])
  })

  test("it gives the rows that are there already, and tells an empty set", async () => {
    const loader = load()
    await line.last.answer([])

    assert.deepEqual(await loader[Symbol.asyncIterator]().next(), { done: false, value: [] })
  })

  test("it waits for the whole set, though a new row is stored before that has come", async () => {
    const loader = load({ tuple: "x.Job" })
    const loading = line.last
    const first = loader[Symbol.asyncIterator]().next()
    const creating = loader.create({ title: "two" })
    await line.last.answer([row(2, "two")], true)
    await creating
    await loading.answer([row(1, "one"), row(2, "two")])

    assert.deepEqual(titles((await first).value ?? []), ["one", "two"])
  })

  test("asked twice at once, it answers both", async () => {
    const loader = load()
    const iterator = loader[Symbol.asyncIterator]()
    const both = Promise.all([iterator.next(), iterator.next()])
    await line.last.answer([row(1, "one")])
    await turn()
    loader.close()

    assert.deepEqual(
      (await both).map(({ done }) => done),
      [false, true],
    )
  })

  test("left by a break it lets go, also of one that is waiting", async () => {
    const loader = await loaded()
    for await (const rows of loader) {
      assert.equal(rows.length, 2)
      break
    }
    const iterator = loader[Symbol.asyncIterator]()
    await iterator.next()
    const waiting = iterator.next()
    await iterator.return?.()

    assert.equal((await waiting).done, true)
  })
})

test("an error's name and code are those of the server", () => {
  const error: VortexError = new RemoteError("stale-record", "it has changed")
  assert.deepEqual(
    [error.name, error.code, String(error)],
    ["RemoteError", "stale-record", "RemoteError: it has changed"],
  )
})
