/** Observation, on a line whose messages are written by hand. */

import assert from "node:assert/strict"
import { beforeEach, suite, test } from "node:test"
import type { VortexError } from "../../src/errors.ts"
import type { RowsChange } from "../../src/handlers/live_rows.ts"
import { Observation, type ObserveOptions } from "../../src/handlers/observer.ts"
import { type AnyTuple, Tuple } from "../../src/tuples/tuple.ts"
import { FakeLine } from "./fake_line.ts"

const FILT = { key: "tupleDataObservable", name: "board" }
const K = { "x.Job": ["id"] }
const row = (id: number, title = String(id)): object => ({ _ct: "rt", _c: "x.Job", id, title })
const titles = (rows: readonly AnyTuple[]): unknown[] => rows.map((each) => each["title"])
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

let line: FakeLine
let changes: RowsChange<AnyTuple>[]
beforeEach(() => {
  line = new FakeLine()
  changes = []
})

function observe(options: ObserveOptions = {}, selector: string | object = "jobs"): Observation {
  return new Observation(line, "board", selector as string, (_, change) => changes.push(change), options)
}

/** One that has the rows 1, 2 and 3 at e.4, of watch 7. */
async function observed(options: ObserveOptions = {}): Promise<Observation> {
  const view = observe(options)
  await line.last.answer([row(1), row(2), row(3)], null, { w: 7, e: "e", k: K, s: 4 })
  changes.length = 0
  return view
}

const push = (view: object, ...rows: object[]): Promise<void> =>
  line.comes({ ...FILT, view: { w: 7, ...view } }, rows)
const asked = (): unknown => line.last.payload.filt["live"]

suite("Observing", () => {
  test("asks for the selector, live, and has the state that is answered", async () => {
    const view = observe(
      { filt: { site: 3 }, policy: { minInterval: 0.5 } },
      { name: "jobs", selector: { done: true } },
    )
    const { tupleSelector, ...filt } = line.last.payload.filt
    assert.deepEqual(filt, { ...FILT, site: 3, subscribe: true, live: { policy: { minInterval: 0.5 } } })
    assert.equal(Tuple.typeOf(tupleSelector as Tuple), "vortex.TupleSelector")
    assert.deepEqual({ ...(tupleSelector as object) }, { name: "jobs", selector: { done: true } })
    assert.deepEqual([view.state, view.position], ["loading", null])
    await line.last.answer([row(1)], null, { w: 1, e: "e", k: K, s: 1 })

    assert.deepEqual([view.state, view.position, titles(view.rows)], ["current", "e.1", ["1"]])
    assert.equal(view.byKey.get(1), view.rows[0])
    assert.equal(view.get(1), view.rows[0])
  })

  test("tells what each delta changes; the other rows stay the objects that they were", async () => {
    const view = await observed()
    const [one, , three] = view.rows
    await push({ f: 4, t: 5 }, row(2, "two"), row(9))

    assert.deepEqual(titles(view.rows), ["1", "two", "3", "9"])
    assert.ok(view.rows[0] === one && view.rows[2] === three)
    assert.deepEqual(
      changes.map(({ created, updated, deleted }) => [created, updated, deleted].map(titles)),
      [[["9"], ["two"], []]],
    )
  })

  test("gives rows that a page cannot sort, or add to, by mistake", async () => {
    const view = observe()
    const spoil = (): void => {
      const rows = view.rows as AnyTuple[]
      assert.throws(() => rows.push(new Tuple("x.Job", { id: 9 }) as AnyTuple), TypeError)
      if (rows.length) assert.throws(() => rows.sort(() => -1), TypeError)
    }
    spoil()
    await line.last.answer([row(1), row(2), row(3)], null, { w: 7, e: "e", k: K, s: 4 })
    spoil()
    await push({ f: 4, t: 5, x: [2] }, row(9))
    spoil()
    const prediction = view.withDeleted(3)
    prediction.lay()
    spoil()
    prediction.lift()
    spoil()

    assert.deepEqual(titles(view.rows), ["1", "3", "9"])
  })

  test("takes nothing that is of another watch", async () => {
    const view = await observed()
    await line.comes({ ...FILT, view: { w: 8, f: 4, t: 5 } }, [row(2, "other")])
    assert.deepEqual([titles(view.rows), line.reported], [["1", "2", "3"], []])
  })

  test("of an empty state is told", async () => {
    observe()
    await line.last.answer([], null, { w: 7, e: "e", k: {}, s: 1 })
    assert.deepEqual(changes, [{ created: [], updated: [], deleted: [] }])
  })

  test("waits for all parts of a state", async () => {
    const view = observe()
    await line.last.answer([row(1)], null, { w: 7, e: "e", k: K, s: 4, p: [0, 2] })
    assert.deepEqual([view.state, changes.length], ["loading", 0])
    await push({ e: "e", k: K, s: 4, p: [1, 2] }, row(2))
    assert.deepEqual([view.state, titles(view.rows)], ["current", ["1", "2"]])
  })

  test("asks from where it is when another session has begun, and keeps its rows until then", async () => {
    const view = await observed()
    const before = view.rows
    line.reset()
    assert.deepEqual([asked(), view.state, view.rows], [{ at: "e.4" }, "stale", before])
    // What comes by the old number is of the session before, or of another watch.
    await push({ f: 4, t: 5 }, row(1, "not this"))
    await line.last.answer([], null, { w: 3, e: "e", k: K, f: 4, t: 4 })
    assert.deepEqual([view.state, view.rows, changes], ["current", before, []])
    await line.comes({ ...FILT, view: { w: 3, f: 4, t: 5 } }, [row(1, "one")])
    assert.deepEqual(titles(view.rows), ["one", "2", "3"])
  })

  test("of a line that comes back with its session asks nothing", async () => {
    const view = await observed()
    line.lose()
    assert.equal(view.state, "stale")
    line.open()
    assert.deepEqual([view.state, line.asked.length], ["current", 1])
  })

  test("asks once where something is missing, and is stale until that is answered", async () => {
    const view = await observed()
    await push({ f: 6, t: 7 }, row(1, "later"))
    await push({ f: 7, t: 8 }, row(1, "later still"))
    assert.deepEqual([asked(), view.state, line.asked.length, titles(view.rows)], [{ at: "e.4" }, "stale", 2, ["1", "2", "3"]]) // prettier-ignore
    await line.last.answer([row(1, "later still")], null, { w: 7, e: "e", k: K, f: 4, t: 8 })
    assert.deepEqual(
      [view.state, view.position, titles(view.rows)],
      ["current", "e.8", ["later still", "2", "3"]],
    )
  })

  test("asks for everything where a check does not fit, and mends what was broken", async () => {
    const view = await observed()
    Object.assign(view.rows[1] as object, { title: "broken" })
    await push({ s: 4, c: [3, 12345] })
    assert.deepEqual([asked(), view.state], [{}, "stale"])
    await line.last.answer([row(1), row(2), row(3)], null, { w: 7, e: "e", k: K, s: 5 })
    assert.deepEqual([view.state, titles(view.rows), line.reported], ["current", ["1", "2", "3"], []])
    assert.deepEqual(changes.map(({ updated }) => titles(updated)), [["2"]]) // prettier-ignore
  })

  test("reports it where both ends read the same rows differently, once", async () => {
    await observed()
    await push({ s: 4, c: [3, 1] })
    await line.last.answer([row(1), row(2), row(3)], null, { w: 7, e: "e", k: K, s: 4 })
    await push({ s: 4, c: [3, 1] })
    assert.deepEqual([line.asked.length, line.reported.length], [2, 1])
    assert.match(String(line.reported[0]), /are read differently by the server/)
  })

  test("that the server ends says why, and is asked for again after a while", async () => {
    const view = await observed()
    const states: unknown[] = []
    view.addEventListener("state", ({ detail }) => states.push([detail, view.error?.code]))
    await push({ end: "access-denied: you may not see this" })
    assert.deepEqual([states, line.asked.length, titles(view.rows)], [[["stale", "access-denied"]], 1, ["1", "2", "3"]]) // prettier-ignore
    line.wait()
    assert.deepEqual([line.asked.length, asked()], [2, { at: "e.4" }])
    await line.last.answer([], null, { w: 8, e: "e", k: K, f: 4, t: 4 })
    assert.deepEqual([view.state, view.error, line.timers.size], ["current", null, 0])
  })

  test("that the server ends is asked for at once when another session begins", async () => {
    await observed()
    await push({ end: "unknown-observable: this is not offered any more" })
    line.reset()
    assert.deepEqual([line.asked.length, line.timers.size], [2, 0])
  })

  test("that is refused is reported, and its error tells it", async () => {
    const view = observe()
    await line.last.answer([], "unknown-observable: nothing here provides 'jobs'")
    await turn()
    assert.deepEqual([view.state, view.error?.code], ["loading", "unknown-observable"])
    assert.deepEqual(line.reported.map((error) => (error as VortexError).code), ["unknown-observable"]) // prettier-ignore
  })

  test("that is refused is asked for again, after longer and longer waits, until it is there", async () => {
    const view = observe()
    for (const longest of [1000, 2000, 4000]) {
      await line.last.answer([], "not-connected: there is no peer named 'board' to ask")
      await turn()
      const [{ ms } = { ms: Infinity }] = [...line.timers]
      assert.ok(ms <= longest)
      line.wait()
    }
    await line.last.answer([row(1)], null, { w: 7, e: "e", k: K, s: 1 })
    assert.deepEqual([view.state, line.asked.length, line.timers.size], ["current", 4, 0])
  })

  test("that is refused is not asked for again once it is closed", async () => {
    const view = observe()
    await line.last.answer([], "unknown-observable: nothing here provides 'jobs'")
    await turn()
    view.close()
    assert.equal(line.timers.size, 0)
  })

  test("is not asked for again while there is no line, but when it is back", async () => {
    observe()
    await line.last.answer([], "unknown-observable: nothing here provides 'jobs'")
    await turn()
    line.lose()
    line.wait()
    assert.equal(line.asked.length, 1)
    line.open()
    assert.equal(line.asked.length, 2)
  })

  test("ends with the signal, and the server is told", async () => {
    const abort = new AbortController()
    const view = await observed({ signal: abort.signal })
    abort.abort()
    assert.deepEqual([view.state, line.listeners, line.sent.length], ["closed", 0, 1])
    const { name, live } = line.sent[0]?.filt ?? {}
    assert.deepEqual([name, live], ["board", { end: 7 }])
  })

  test("that is closed before it is answered is ended as soon as its number is known", async () => {
    const view = observe()
    view.close()
    assert.equal(line.sent.length, 0)
    await line.last.answer([row(1)], null, { w: 7, e: "e", k: K, s: 4 })
    assert.deepEqual([titles(view.rows), line.sent.map(({ filt }) => filt["live"])], [[], [{ end: 7 }]]) // prettier-ignore
  })

  test("that is closed before it is answered is left to others that look", async () => {
    const view = observe()
    const { last } = line
    view.close()
    observe()
    await last.answer([row(1)], null, { w: 7, e: "e", k: K, s: 4 })
    assert.equal(line.sent.length, 0)
  })

  test("that others go on with is not ended by one", async () => {
    const [one, two] = [await observed(), observe()]
    one.close()
    assert.equal(line.sent.length, 0)
    await line.last.answer([row(1)], null, { w: 7, e: "e", k: K, s: 4 })
    two.close()
    assert.deepEqual(line.sent.map(({ filt }) => filt["live"]), [{ end: 7 }]) // prettier-ignore
  })

  test("as an async iterator gives the rows, then each later state, and ends with the view", async () => {
    const view = await observed()
    const found: unknown[] = []
    const over = (async () => {
      for await (const rows of view) found.push(titles(rows))
    })()
    await turn()
    await push({ f: 4, t: 5, x: [1, 2] })
    await turn()
    view.close()
    await over
    assert.deepEqual(found, [["1", "2", "3"], ["3"]])
  })

  test("a server that knows no views sends its whole state each time", async () => {
    const view = observe()
    const { tupleSelector } = line.last.payload.filt
    await line.last.answer([row(1), row(2)])
    await line.comes({ ...FILT, tupleSelector }, [row(2), row(3)])
    assert.deepEqual([view.state, titles(view.rows), view.position], ["current", ["2", "3"], null])
  })
})
