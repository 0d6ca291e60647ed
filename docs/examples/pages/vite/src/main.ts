import { type DateTime, Tuple, VortexConnection, addTupleType } from "txvortex"

class Job extends Tuple {
  static override tupleType = "demo.Job"
  id: number | null = null
  title = ""
  status: "open" | "doing" | "done" = "open"
  assignee: string | null = null
  due: DateTime | null = null

  get isLate(): boolean {
    return this.due !== null && this.due < new Date() && this.status !== "done"
  }
}
addTupleType(Job)

const list = document.querySelector("#late")!
const connection = new VortexConnection("./vortex", { name: "late jobs" })
connection.load<Job>(
  { key: "demo.jobs" },
  (jobs) => {
    const items = jobs.filter((job) => job.isLate).map(({ title, assignee }) => `${title}, ${assignee ?? "nobody"}`)
    list.replaceChildren(...items.map((text) => Object.assign(document.createElement("li"), { textContent: text })))
  },
  { tuple: Job },
)
