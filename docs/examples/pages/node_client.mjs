// The jobs of a server, from Node: node node_client.mjs http://127.0.0.1:8080/vortex
import { VortexConnection } from "txvortex"
import WebSocket from "ws" // Node 22 and newer have one of their own

const connection = new VortexConnection(process.argv[2], { name: "node", WebSocket })
await connection.connected
console.log(`connected to ${connection.peer.name} by ${connection.transport}`)

const jobs = connection.load({ key: "demo.jobs" }, { tuple: "demo.Job" })
for await (const rows of jobs) {
  console.log(`${rows.length} jobs`)
  break
}
const job = await jobs.create({ title: "Sweep the yard" })
const saved = await jobs.save(job, { status: "done" })
console.log(`${saved.title}: ${saved.status}`)
await jobs.delete(saved)
connection.close()
