// The jobs of `vortex demo`: loaded, kept current, added, renamed and deleted.
import { VortexConnection } from "./static/vortex.mjs"

const [line, add, problem, list] = ["line", "add", "problem", "jobs"].map((id) => document.getElementById(id))

const connection = new VortexConnection("./vortex", { name: "fifty lines" })
connection.onStateChange((state) => (line.textContent = state))

const jobs = connection.load({ key: "demo.jobs" }, draw, { tuple: "demo.Job" })
jobs.addEventListener("status", draw)

add.onsubmit = (event) => {
  event.preventDefault()
  attempt(jobs.create({ title: add.title.value }).then(() => add.reset()))
}

function draw() {
  list.replaceChildren(...jobs.rows.map(itemOf))
}

function itemOf(job) {
  const { busy, error } = jobs.status(job)
  const item = document.createElement("li")
  const title = item.appendChild(document.createElement("input"))
  title.value = job.title
  title.ariaLabel = `Title of job ${job.id}`
  title.onchange = () => attempt(jobs.save(job, { title: title.value }))
  const button = item.appendChild(document.createElement("button"))
  button.textContent = "Delete"
  button.ariaLabel = `Delete job ${job.id}`
  button.onclick = () => attempt(jobs.delete(job))
  title.disabled = button.disabled = busy !== null
  if (error) item.append(` ${error.message}`)
  return item
}

function attempt(change) {
  problem.textContent = ""
  change.catch((error) => (problem.textContent = `${error.code}: ${error.message}`))
}
