/** What is expected of actions, step by step, on a line whose messages are written by hand. */

import assert from "node:assert/strict"
import { beforeEach, suite, test } from "node:test"
import { ConnectionLost } from "../../src/errors.ts"
import { act } from "../../src/handlers/actions.ts"
import { Observation } from "../../src/handlers/observer.ts"
import type { Prediction } from "../../src/handlers/prediction.ts"
import { addTupleType } from "../../src/tuples/registry.ts"
import { Tuple } from "../../src/tuples/tuple.ts"
import { type Asked, FakeLine } from "./fake_line.ts"

class Job extends Tuple {
  static override tupleType = "predictions.Job"
  id = 0
  title = ""
  done = false
}

const FILT = { key: "tupleDataObservable", name: "board" }
const K = { [Job.tupleType]: ["id"] }
const row = (id: number, title = String(id), done = false): object => ({
  _ct: "rt",
  _c: Job.tupleType,
  id,
  title,
  done,
})
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

let line: FakeLine
let view: Observation<Job>
let told: unknown[]

const shown = (): string => view.rows.map(({ title, done }) => title + (done ? "!" : "")).join(" ")
beforeEach(async () => {
  addTupleType(Job)
  line = new FakeLine()
  told = []
  view = new Observation<Job>(line, "board", "jobs", () => told.push(shown()))
  await line.last.answer([row(1), row(2), row(3)], null, { w: 7, e: "e", k: K, s: 4 })
  told.length = 0
})

const push = (view: object, ...rows: object[]): Promise<void> =>
  line.comes({ ...FILT, view: { w: 7, ...view } }, rows)

interface Acting {
  readonly asked: Asked
  readonly outcome: Promise<unknown>
  accept(after?: object): Promise<void>
  reject(): Promise<void>
}

function expecting(...optimistic: Prediction[]): Acting {
  const outcome = act(line, "board", new Tuple("x.Do"), { optimistic }).catch((error: unknown) => error)
  const asked = line.last
  return {
    asked,
    outcome,
    accept: (after) => asked.answer([], null, after && { after }),
    reject: async () => {
      await asked.answer([], "no-title: a job needs a title")
      await turn()
    },
  }
}

suite("An action", () => {
  test("is asked of its processor, and gives the tuples that it is answered with", async () => {
    const action = new Tuple("x.Do", { id: 2, uuid: "mine" })
    const done = act(line, "board", action, { filt: { site: 1 } })
    const { filt, tuples } = line.last.payload
    assert.deepEqual(filt, { key: "tupleActionProcessorName", name: "board", site: 1 })
    assert.deepEqual(
      [Tuple.typeOf(tuples[0] as Tuple), { ...(tuples[0] as object) }],
      ["x.Do", { id: 2, uuid: "mine" }],
    )
    await line.last.answer([row(2, "stored")])
    assert.deepEqual(
      (await done).map((each) => (each as Job).title),
      ["stored"],
    )
  })
})

suite("An action without a uuid", () => {
  test("gets one, and keeps it when it is asked for again", () => {
    const action = new Tuple("x.Do") as Tuple & { uuid?: string }
    const other = new Tuple("x.Do") as Tuple & { uuid?: string }
    void act(line, "board", action).catch(() => null)
    const { uuid } = action
    void act(line, "board", action).catch(() => null)
    void act(line, "board", other).catch(() => null)
    assert.match(uuid ?? "", /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.equal(action.uuid, uuid)
    assert.notEqual(other.uuid, uuid)
  })
})

suite("What is expected", () => {
  test("is shown at once, as rows of their class, and the others stay what they are", () => {
    const [one, two, three] = view.rows
    expecting(view.withUpdated(2, { done: true }))
    assert.deepEqual([shown(), told], ["1 2! 3", ["1 2! 3"]])
    assert.ok(view.rows[0] === one && view.rows[2] === three && view.rows[1] instanceof Job)
    assert.deepEqual([two?.done, view.get(2), view.byKey.get(2)], [false, view.rows[1], view.rows[1]])
  })

  test("is taken back to the exact row that was, if the server says no", async () => {
    const [, two] = view.rows
    const acting = expecting(view.withUpdated(two, { title: "TWO" }))
    await acting.reject()
    assert.equal(view.rows[1], two)
    assert.deepEqual([told, view.rows.length, (await acting.outcome as { code: string }).code], [["1 TWO 3", "1 2 3"], 3, "no-title"]) // prettier-ignore
  })

  test("is taken back where nobody knows what became of it", async () => {
    const acting = expecting(view.withUpdated(2, { title: "TWO" }))
    acting.asked.fail(new ConnectionLost("the connection was closed"))
    await turn()
    assert.equal(shown(), "1 2 3")
  })

  test("stays when it is answered, until the rows have come to where it is so", async () => {
    const acting = expecting(view.withUpdated(2, { done: true }))
    await acting.accept({ 7: 6 })
    assert.equal(shown(), "1 2! 3")
    await push({ f: 4, t: 5 }, row(1, "one"))
    assert.equal(shown(), "one 2! 3")
    const expected = view.rows[1]
    await push({ f: 5, t: 6 }, row(2, "2", true))
    assert.equal(shown(), "one 2! 3")
    // The server has made of it what was expected: the row stays the same object, and nothing is told.
    assert.equal(view.rows[1], expected)
    assert.deepEqual(told, ["1 2! 3", "one 2! 3"])
    // It is gone: what comes from now on is shown.
    await push({ f: 6, t: 7 }, row(2))
    assert.equal(shown(), "one 2 3")
  })

  test("is never shown older in between, if the rows are there before the answer", async () => {
    const acting = expecting(view.withUpdated(2, { done: true }))
    await push({ f: 4, t: 5 }, row(2, "2", true))
    await acting.accept({ 7: 5 })
    assert.deepEqual([shown(), told], ["1 2! 3", ["1 2! 3"]])
  })

  test("is gone with the answer, if that says that the rows have nothing of it", async () => {
    await expecting(view.withUpdated(2, { done: true })).accept()
    assert.deepEqual(told, ["1 2! 3", "1 2 3"])
  })

  test("lies over newer rows of the server: what others change in the row is shown too", async () => {
    const acting = expecting(view.withUpdated(2, { done: true }))
    await push({ f: 4, t: 5 }, row(2, "two"))
    assert.equal(shown(), "1 two! 3")
    await acting.reject()
    assert.equal(shown(), "1 two 3")
  })

  test("of several actions on one row is shown in their order, and each is taken back by itself", async () => {
    const first = expecting(view.withUpdated(2, { title: "a" }))
    const second = expecting(view.withUpdated(2, { title: "b" }))
    const third = expecting(view.withUpdated(2, { done: true }))
    assert.equal(shown(), "1 b! 3")
    await first.accept({ 7: 5 })
    await push({ f: 4, t: 5 }, row(2, "a"))
    assert.equal(shown(), "1 b! 3")
    await second.reject()
    assert.equal(shown(), "1 a! 3")
    await third.accept({ 7: 6 })
    await push({ f: 5, t: 6 }, row(2, "a", true))
    assert.equal(shown(), "1 a! 3")
    assert.deepEqual(told, ["1 a 3", "1 b 3", "1 b! 3", "1 a! 3"])
  })

  test("may be rows that are not there yet, until they come", async () => {
    const acting = expecting(view.withCreated(Job.of({ id: 9, title: "new" })))
    assert.equal(shown(), "1 2 3 new")
    await push({ f: 4, t: 5 }, row(4))
    assert.equal(shown(), "1 2 3 4 new")
    await push({ f: 5, t: 6 }, row(9, "new"))
    await acting.accept({ 7: 6 })
    assert.deepEqual(told, ["1 2 3 new", "1 2 3 4 new"])
    assert.equal(shown(), "1 2 3 4 new")
  })

  test("may be rows that go, and that are back at their places if they do not", async () => {
    const acting = expecting(view.withDeleted(2))
    assert.deepEqual([shown(), view.get(2)], ["1 3", undefined])
    await acting.reject()
    assert.equal(shown(), "1 2 3")
  })

  test("of a row that somebody else deletes goes with it", async () => {
    const acting = expecting(view.withUpdated(2, { done: true }))
    await push({ f: 4, t: 5, x: [2] })
    assert.equal(shown(), "1 3")
    await acting.accept({ 7: 6 })
    await push({ f: 5, t: 6 })
    assert.equal(shown(), "1 3")
  })

  test("may lie over several views, each of which lets go by its own serial", async () => {
    const other = new Observation<Job>(line, "board", "mine")
    await line.last.answer([row(2)], null, { w: 8, e: "o", k: K, s: 1 })
    const acting = expecting(view.withUpdated(2, { done: true }), other.withUpdated(2, { done: true }))
    await acting.accept({ 7: 5, 8: 2 })
    await push({ f: 4, t: 5 }, row(2, "2", true))
    await push({ f: 5, t: 6 }, row(2))
    assert.deepEqual([view.rows[1]?.done, other.rows[0]?.done], [false, true])
    await line.comes({ ...FILT, view: { w: 8, f: 1, t: 2 } }, [row(2)])
    assert.equal(other.rows[0]?.done, false)
  })

  test("is shown on through another session, until the rows are those of that", async () => {
    const acting = expecting(view.withUpdated(2, { done: true }))
    line.reset()
    await acting.accept({ 3: 9 })
    assert.equal(shown(), "1 2! 3")
    await line.last.answer([row(1, "one")], null, { w: 3, e: "e", k: K, f: 4, t: 8 })
    assert.equal(shown(), "one 2! 3")
    await line.comes({ ...FILT, view: { w: 3, f: 8, t: 9 } }, [row(2, "2", true)])
    await line.comes({ ...FILT, view: { w: 3, f: 9, t: 10 } }, [row(2)])
    assert.equal(shown(), "one 2 3")
    assert.deepEqual(told, ["1 2! 3", "one 2! 3", "one 2 3"])
  })

  test("is not shown on by a server that was started anew, and counts from one again", async () => {
    const acting = expecting(view.withUpdated(2, { done: true }))
    await acting.accept({ 7: 43 })
    assert.equal(shown(), "1 2! 3")
    line.reset()
    assert.equal(shown(), "1 2! 3")
    await line.last.answer([row(1), row(2, "two"), row(3)], null, { w: 7, e: "f", k: K, s: 1 })
    assert.equal(shown(), "1 two 3")
  })

  test("is not shown on by a server that was started anew before the rows were asked for again", async () => {
    const acting = expecting(view.withUpdated(2, { done: true }))
    line.reset()
    await acting.accept({ 3: 9 })
    line.reset()
    assert.equal(shown(), "1 2! 3")
    await line.last.answer([row(1), row(2, "two"), row(3)], null, { w: 3, e: "f", k: K, s: 1 })
    assert.equal(shown(), "1 two 3")
  })

  test("is shown on until the rows have it, though the session that has answered it is over", async () => {
    const acting = expecting(view.withUpdated(2, { done: true }))
    await acting.accept({ 7: 6 })
    line.reset()
    await line.last.answer([row(1, "one")], null, { w: 3, e: "e", k: K, f: 4, t: 5 })
    assert.equal(shown(), "one 2! 3")
    await line.comes({ ...FILT, view: { w: 3, f: 5, t: 6 } }, [row(2)])
    assert.equal(shown(), "one 2 3")
  })

  test("is shown while there is no line, and nothing is let go of meanwhile", async () => {
    const acting = expecting(view.withUpdated(2, { done: true }))
    line.lose()
    assert.equal(shown(), "1 2! 3")
    line.open()
    await acting.accept({ 7: 5 })
    await push({ f: 4, t: 5 }, row(2, "2", true))
    assert.deepEqual([shown(), told], ["1 2! 3", ["1 2! 3"]])
  })

  test("does no harm to rows that are the server's alone again", async () => {
    const [one] = view.rows
    const acting = expecting(view.withUpdated(2, { done: true }))
    await push({ f: 4, t: 5 }, row(2, "2", true))
    await acting.accept({ 7: 5 })
    await push({ f: 5, t: 6, x: [3], i: [[0, 0]] }, row(2, "two"))
    assert.equal(shown(), "two 1")
    assert.equal(view.rows[1], one)
    assert.equal(view.byKey.get(2), view.rows[0])
  })
})
