/** LiveRows: messages of a watch by hand, one after the other, and what they make of its rows. */

import assert from "node:assert/strict"
import { beforeEach, suite, test } from "node:test"
import { crc32 } from "node:zlib"
import { LiveRows, type Taken, type ViewMessage } from "../../src/handlers/live_rows.ts"
import { type AnyTuple, Tuple } from "../../src/tuples/tuple.ts"

const K = { "x.Job": ["id"] }
const job = (id: unknown, title = String(id)): AnyTuple => new Tuple("x.Job", { id, title }) as AnyTuple
const titles = (rows: readonly AnyTuple[]): unknown[] => rows.map((row) => row["title"])

let live: LiveRows<AnyTuple>
beforeEach(() => {
  live = new LiveRows(["id"])
})

const take = (view: Omit<ViewMessage, "w">, ...rows: unknown[]): Taken<AnyTuple> =>
  live.take({ w: 7, ...view }, rows)
const whole = (serial: number, ...rows: unknown[]): Taken<AnyTuple> =>
  take({ e: "e", k: K, s: serial }, ...rows)
const told = ({ change }: Taken<AnyTuple>): unknown =>
  change && [change.created, change.updated, change.deleted].map(titles)

/** The row sum of a job with a short title and a number below 10, of bytes written by hand. */
const sum = (id: number, title: string): number =>
  crc32(`(s\x05x.Jobs\x02idi${id};s\x05titles${String.fromCharCode(title.length)}${title})`)

suite("A whole state", () => {
  test("is the rows, at its position", () => {
    const taken = whole(4, job(1), job(2))
    assert.deepEqual([told(taken), taken.isCurrent], [[["1", "2"], [], []], true])
    assert.deepEqual([titles(live.rows), live.position, live.watch], [["1", "2"], "e.4", 7])
    assert.equal(live.byKey.get(2), live.rows[1])
  })

  test("later leaves rows that are as they were the objects that they were", () => {
    whole(4, job(1), job(2), job(3))
    const [one] = live.rows
    const taken = whole(9, job(4), job(2, "two"), job(1))
    assert.deepEqual(told(taken), [["4"], ["two"], ["3"]])
    assert.equal(live.rows[2], one)
  })

  test("in parts is nothing until the last is there", () => {
    whole(1, job(1))
    const part = (index: number, serial: number, ...rows: unknown[]): Taken<AnyTuple> =>
      take({ e: "f", k: K, s: serial, p: [index, 3] }, ...rows)
    assert.equal(part(0, 5, job(2)).isCurrent, false)
    part(1, 5, job(3))
    assert.deepEqual([titles(live.rows), live.position], [["1"], "e.1"])
    // A newer one takes the place of one whose parts are not all there.
    part(0, 6, job(4))
    part(1, 6, job(5))
    assert.equal(part(2, 6, job(6)).isCurrent, true)
    assert.deepEqual([titles(live.rows), live.position], [["4", "5", "6"], "f.6"])
  })

  test("in parts of which one is missing is asked for anew", () => {
    whole(1, job(1))
    take({ e: "e", k: K, s: 5, p: [0, 3] }, job(2))
    assert.equal(take({ e: "e", k: K, s: 5, p: [2, 3] }, job(4)).isBehind, true)
    assert.deepEqual([titles(live.rows), live.position, live.at], [["1"], "e.1", null])
  })

  test("without keys is compared by the fields that whoever holds it knows", () => {
    take({ e: "e", s: 1 }, job(1), job(1), job(2))
    const [first, , two] = live.rows
    const taken = take({ e: "e", s: 2 }, job(2), job(1), job(1, "other"))
    assert.deepEqual(told(taken), [[], ["other"], []])
    assert.ok(live.rows[0] === two && live.rows[1] === first)
  })
})

suite("A delta", () => {
  beforeEach(() => {
    whole(4, job(1), job(2), job(3))
  })

  test("changes a row in its place, and puts a new one at the end", () => {
    const [one, , three] = live.rows
    assert.deepEqual(told(take({ f: 4, t: 5 }, job(2, "two"), job(9))), [["9"], ["two"], []])
    assert.deepEqual([titles(live.rows), live.position], [["1", "two", "3", "9"], "e.5"])
    assert.ok(live.rows[0] === one && live.rows[2] === three && live.byKey.get(9) === live.rows[3])
  })

  test("takes rows away, and puts others at their places, in their order", () => {
    const taken = take({ f: 4, t: 6, x: [2, 77], i: [[1, 0], [0, 2], [2, 3]] }, job(1), job(8), job(9)) // prettier-ignore
    assert.deepEqual(told(taken), [["8", "9"], [], ["2"]])
    assert.deepEqual(titles(live.rows), ["8", "3", "1", "9"])
  })

  test("of rows that have only moved is told, with nothing in it", () => {
    const before = [...live.rows]
    assert.deepEqual(told(take({ f: 4, t: 5, i: [[0, 0]] }, job(3))), [[], [], []])
    assert.deepEqual(live.rows, [before[2], before[0], before[1]])
  })

  test("that leads no further is dropped, one that begins before is taken, one that begins after asks again", () => {
    assert.deepEqual(told(take({ f: 2, t: 4 }, job(1, "old"))), null)
    assert.deepEqual(told(take({ f: 1, t: 5 }, job(1, "new"))), [[], ["new"], []])
    const taken = take({ f: 6, t: 7 }, job(1, "newer"))
    assert.deepEqual([taken.isBehind, told(taken), live.position], [true, null, "e.5"])
  })

  test("without anything in it leads to another serial", () => {
    assert.deepEqual([told(take({ f: 4, t: 9 })), live.position], [null, "e.9"])
  })

  test("that is net answers a position: the watch's number may be another, the epoch may not", () => {
    const taken = live.take({ w: 3, e: "e", k: K, f: 4, t: 6 }, [job(1, "new")])
    assert.deepEqual([taken.isCurrent, live.watch, live.position], [true, 3, "e.6"])
    const same = live.take({ w: 4, e: "e", k: K, f: 6, t: 6 }, [])
    assert.deepEqual([same.isCurrent, told(same), live.watch], [true, null, 4])
    const other = live.take({ w: 5, e: "o", k: K, f: 1, t: 2 }, [])
    assert.deepEqual([other.isBehind, live.watch], [true, 4])
  })

  test("knows keys of several fields, and of several types", () => {
    take({ e: "e", k: { "x.Job": ["id", "title"] }, s: 1 }, job(1, "a"), job(1, "b"))
    take({ f: 1, t: 2, x: [[1, "a"]] }, job(1, "c"))
    assert.deepEqual(titles(live.rows), ["b", "c"])
    take(
      { e: "e", k: { "x.Job": ["id"], "x.Man": ["id"] }, s: 1 },
      job(1),
      new Tuple("x.Man", { id: 1, title: "man" }),
    )
    take({ f: 1, t: 2, x: [["x.Job", 1]] })
    assert.deepEqual(titles(live.rows), ["man"])
  })
})

suite("A check", () => {
  const c = [2, (sum(1, "one") + sum(2, "two")) % 2 ** 32] as const
  beforeEach(() => {
    whole(4, job(1, "one"), job(2, "two"))
  })

  test("that fits is nothing, and neither is one of another time before", () => {
    assert.deepEqual(take({ s: 4, c }).isBehind, false)
    assert.deepEqual(take({ s: 3, c: [9, 9] }).isBehind, false)
    assert.equal(live.position, "e.4")
  })

  test("of a later serial says that something was missed", () => {
    assert.deepEqual([take({ s: 5, c }).isBehind, live.position], [true, "e.4"])
  })

  test("finds a row that is another than it should be, and all is asked for", () => {
    Object.assign(live.rows[1] as object, { title: "broken" })
    assert.deepEqual([take({ s: 4, c }).isBehind, live.position, live.at], [true, "e.4", null])
    const taken = whole(4, job(1, "one"), job(2, "two"))
    assert.deepEqual([told(taken), live.position, taken.isMisread], [[[], ["two"], []], "e.4", false])
    assert.equal(take({ s: 4, c }).isBehind, false)
  })

  test("that does not fit what was just fetched either is told once, and no more are made", () => {
    assert.equal(take({ s: 4, c: [2, 1] }).isBehind, true)
    assert.equal(whole(4, job(1, "one"), job(2, "two")).isMisread, true)
    const again = take({ s: 4, c: [2, 1] })
    assert.deepEqual([again.isBehind, again.isMisread], [false, false])
  })

  test("that never fits, although the state goes on, is told the third time", () => {
    const found = [4, 5, 6, 7].map((serial) => {
      const { isBehind, isMisread } = take({ s: serial, c: [2, 1] })
      whole(serial + 1, job(1, "one"), job(2, "two"))
      return [isBehind, isMisread]
    })
    assert.deepEqual(found, [[true, false], [true, false], [false, true], [false, false]]) // prettier-ignore
  })
})
