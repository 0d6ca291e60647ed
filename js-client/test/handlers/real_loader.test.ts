/** Loader against the real Python server and its database. */

import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { after, before, suite, test } from "node:test"
import WebSocket from "ws"
import { type Loader, type TransportKind, Tuple, VortexConnection, addTupleType } from "../../src/index.ts"
import { PYTHON, Proxy, PythonServer } from "../node/server.ts"

class Row extends Tuple {
  static override tupleType = "test.Row"
  id: number | null = null
  title = ""
}

const server = new PythonServer()
const connections: VortexConnection[] = []

function load(transport: TransportKind, url = server.url): [VortexConnection, Loader<Row>] {
  const connection = new VortexConnection(url, {
    WebSocket,
    transport,
    firstDelayMs: 20,
    maxDelayMs: 200,
  })
  connections.push(connection)
  return [connection, connection.load<Row>({ key: "test.rows" }, undefined, { tuple: Row })]
}

/** The rows that the database has, read by somebody else. */
function stored(): unknown {
  const program =
    "import json, sqlite3, sys; print(json.dumps(sqlite3.connect(sys.argv[1]).execute('select id, title from row order by id').fetchall()))"
  return JSON.parse(execFileSync(PYTHON, ["-c", program, server.database], { encoding: "utf8" }))
}

function firstOf({ rows: [first] }: Loader<Row>): Row {
  assert.ok(first)
  return first
}

const shown = ({ rows }: Loader<Row>): unknown => rows.map(({ id, title }) => [id, title])

/** When *loader* shows what *wanted* says. */
async function until(loader: Loader<Row>, wanted: (rows: readonly Row[]) => boolean): Promise<void> {
  if (loader.state === "current" && wanted(loader.rows)) return
  for await (const rows of loader) if (wanted(rows)) return
}

before(async () => {
  addTupleType(Row)
  await server.start()
})
after(async () => {
  for (const connection of connections) connection.close()
  await server.remove()
})

suite("Rows of a real server", () => {
  test("are created, saved and deleted, in the database and on another page", async () => {
    const [, mine] = load("websocket")
    const [, other] = load("post")
    await until(mine, () => true)
    await until(other, () => true)
    const created = await mine.create({ title: "one" })
    assert.ok(created instanceof Row)
    await until(other, (rows) => rows.length === 1)
    assert.deepEqual([shown(mine), shown(other), stored()], [[[1, "one"]], [[1, "one"]], [[1, "one"]]])

    await other.save(firstOf(other), { title: "ONE" })
    await until(mine, ([row]) => row?.title === "ONE")
    assert.deepEqual([shown(other), stored()], [[[1, "ONE"]], [[1, "ONE"]]])

    await mine.delete(firstOf(mine))
    await until(other, (rows) => rows.length === 0)
    assert.deepEqual([shown(mine), stored()], [[], []])
  })

  test("that break a rule of the database stay what they are, and the code tells it", async () => {
    const [, rows] = load("websocket")
    await until(rows, () => true)
    const row = await rows.create({ title: "kept" })
    await assert.rejects(rows.save(row, { title: null as never }), { code: "constraint-violation" })

    assert.equal(rows.status(row).error?.code, "constraint-violation")
    assert.equal(rows.get(row.id)?.title, "kept")
    assert.deepEqual((stored() as unknown[]).at(-1), [row.id, "kept"])
  })

  test("that another page has deleted go, and the code tells it", async () => {
    const [connection, rows] = load("websocket")
    await until(rows, () => true)
    const row = await rows.create(Row.of({ title: "soon gone" }))
    // Both are on their way at once; the server does them in this order, and only then tells of the first.
    const deleting = connection.request(
      { key: "test.rows", delete: true },
      { tuples: [Row.of({ id: row.id })] },
    )
    await assert.rejects(rows.save(row, { title: "too late" }), { code: "unknown-record" })
    await deleting
    await until(rows, (all) => !all.some(({ id }) => id === row.id))

    assert.deepEqual([shown(rows), rows.status(row).error?.code], [stored(), "unknown-record"])
  })

  test("may be loaded one by one", async () => {
    const [connection, all] = load("websocket")
    await until(all, () => true)
    const row = await all.create({ title: "the one" })
    await all.create({ title: "another" })
    const one = connection.load<Row>({ key: "test.rows", id: row.id })
    await until(one, () => true)
    assert.deepEqual(shown(one), [[row.id, "the one"]])

    await one.save(firstOf(one), { title: "THE ONE" })
    await until(all, (rows) => rows.some(({ title }) => title === "THE ONE"))
    assert.deepEqual([shown(one), shown(all)], [[[row.id, "THE ONE"]], stored()])

    await all.delete(row)
    await until(one, (rows) => rows.length === 0)
    assert.deepEqual(shown(all), stored())
  })

  test("of a model have no key, and are what they are", async () => {
    const [connection] = load("websocket")
    const notes = connection.load({ key: "test.model" })
    for await (const rows of notes) {
      assert.deepEqual(
        rows.map((note) => note["text"]),
        ["a model's row"],
      )
      break
    }
    for (const note of notes.rows) await assert.rejects(notes.save(note, { text: "x" }), /needs its id/)
  })

  test("are saved once, and the save is answered, although its answer was cut off", async () => {
    const proxy = await new Proxy(server.port).start()
    const [, other] = load("websocket")
    const [connection, rows] = load("websocket", proxy.url)
    try {
      await until(other, () => true)
      await until(rows, () => true)
      const row = await other.create({ title: "before the cut" })
      await until(rows, () => rows.get(row.id) !== undefined)
      let told = 0
      other.addEventListener("rows", () => told++)
      // From here on the server has nothing more to say, but to answer the save.
      proxy.allowance = 0
      const saving = rows.save(row, { title: "behind the cut" })
      await untilState(connection, "waiting")
      assert.deepEqual([rows.status(row).busy, rows.state], ["saving", "stale"])
      await until(other, () => other.get(row.id)?.title === "behind the cut")
      proxy.allowance = Infinity

      assert.equal((await saving).title, "behind the cut")
      await until(rows, () => rows.get(row.id)?.title === "behind the cut")
      assert.deepEqual([shown(rows), told, connection.resets], [stored(), 1, 0])
    } finally {
      connection.close()
      await proxy.stop()
    }
  })

  test("made while there is no line are made when there is one", async () => {
    const [connection, rows] = load("websocket")
    await until(rows, () => true)
    connection.cut()
    const creating = rows.create({ title: "made during a cut" })
    connection.reconnect()
    const { id } = await creating

    assert.deepEqual((stored() as unknown[]).at(-1), [id, "made during a cut"])
    assert.equal(connection.resumes, 1)
  })

  test("are asked for again where the session was lost, not where the line was", async () => {
    const [connection, rows] = load("websocket")
    await until(rows, () => true)
    let asked = 0
    const request = connection.request.bind(connection)
    connection.request = (...args) => {
      asked++
      return request(...args)
    }
    const changed: number[] = []
    rows.addEventListener("rows", () => changed.push(asked))
    const [, other] = load("post")
    await until(other, () => true)
    connection.cut()
    const row = await other.create({ title: "made by another during a cut" })
    assert.equal(rows.get(row.id), undefined)
    connection.reconnect()
    await until(rows, () => rows.get(row.id) !== undefined)

    assert.deepEqual([asked, changed, shown(rows)], [0, [0], stored()])
  })

  test("are right again after the server was killed, and a save meanwhile is made", async () => {
    const [connection, rows] = load("websocket")
    await until(rows, () => true)
    const row = await rows.create({ title: "before" })
    await server.kill()
    await untilState(connection, "waiting")
    const saving = rows.save(row, { title: "saved while it was down" })
    const sql =
      "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute(\"insert into row (title) values ('meanwhile')\"); db.commit()"
    execFileSync(PYTHON, ["-c", sql, server.database])
    await server.start()
    await saving
    await until(rows, (all) => all.some(({ title }) => title === "meanwhile"))

    assert.equal(rows.get(row.id)?.title, "saved while it was down")
    assert.deepEqual(shown(rows), stored())
  })
})

async function untilState(connection: VortexConnection, state: string): Promise<void> {
  if (connection.state === state) return
  await new Promise<void>((resolve) => {
    const end = connection.onStateChange((now) => {
      if (now !== state) return
      end()
      resolve()
    })
  })
}
