// The JavaScript client, as it is served, drives a server that has what tests/peers/peer_common.py offers.
//
// usage: node javascript_peer.mjs URL
//
// One JSON line a step: {step, tuples, result} or {step, code, message}. It ends by itself.
import { createRequire } from "node:module"
import { Tuple, VortexConnection, tupleTypeOf } from "../../vortex/static/vortex.mjs"

const { WebSocket } = createRequire(new URL("../../js-client/", import.meta.url))("ws")
const connection = new VortexConnection(process.argv[2], { WebSocket, name: "js-peer", transport: "websocket" })

const plain = (value) =>
  value instanceof Tuple
    ? { type: tupleTypeOf(value), ...Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)])) }
    : value instanceof Date
      ? value.text
      : Array.isArray(value)
        ? value.map(plain)
        : value
const say = (fields) => console.log(JSON.stringify(fields))

async function step(name, filt, tuples = []) {
  try {
    const { result, tuples: found } = await connection.request(filt, { tuples, timeout: 10_000 })
    say({ step: name, result, tuples: found.map(plain) })
    return found
  } catch (error) {
    say({ step: name, code: error.code, message: error.message.split("\n")[0] })
    return []
  }
}

const person = (fields) => new Tuple("acme.PersonTuple", fields)
const thing = (fields) => new Tuple("acme.ThingRow", fields)
const crud = { key: "peer.crud" }
const every = { key: "peer.crud.all" }

const { name } = await connection.connected
say({ step: "connect", name })
const friend = person({ id: 8 })
const sent = person({ id: 7, name: "é 漢字 😀", height: 2.5, born: new Date(1577934245006), tags: [1, "x", true, null], friend })
const [echoed] = await step("echo", { key: "peer.echo" }, [sent])
await step("echo again", { key: "peer.echo" }, [echoed])
await step("fail", { key: "peer.fail" })
await step("insert", crud, [thing({ name: "anvil", weight: 9.5 })])
await step("load", { ...crud, id: 1 })
await step("update", crud, [thing({ id: 1, name: "anvil2", weight: 10 })])
await step("insert two", crud, [thing({ name: "b", weight: 1 }), thing({ name: "c" })])
await step("all", every)
await step("delete", { ...crud, delete: true }, [thing({ id: 1 })])
await step("rest", every)
const jobs = connection.load(every, undefined, { tuple: "acme.ThingRow" })
await new Promise((resolve) => jobs.addEventListener("rows", resolve, { once: true }))
say({ step: "loader", rows: jobs.rows.map(plain), state: jobs.state })
await step("ping", { rapuiServerEcho: true })
connection.close()
