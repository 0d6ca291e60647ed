// The jobs of `vortex demo`: loaded, kept current, added, renamed and deleted.
import { VortexConnection } from "./static/vortex.mjs"

const [line, add, problem, list] = ["line", "add", "problem", "jobs"].map((id) => document.getElementById(id))
const itemOf = (id) => document.getElementById(`job-${id}`) ?? newItem(id)
const drafts = new Set() // inputs with something typed in that is not sent yet

const connection = new VortexConnection("./vortex", { name: "fifty lines" })
connection.onStateChange((state) => (line.textContent = state))

const jobs = connection.load({ key: "demo.jobs" }, draw, { tuple: "demo.Job" })
jobs.addEventListener("status", ({ detail }) => drawJob(jobs.get(detail.key)))

function draw(rows, { created, updated, deleted }) {
  for (const { id } of deleted) itemOf(id).remove()
  for (const job of [...created, ...updated]) drawJob(job)
  rows.forEach(({ id }, at) => list.children[at] === itemOf(id) || list.children[at].before(itemOf(id)))
}

function drawJob(job) {
  if (!job) return // it was deleted
  const [title, button, note] = itemOf(job.id).children
  const { busy, error } = jobs.status(job)
  if (!drafts.has(title)) title.value = job.title // what is being typed is left alone
  title.readOnly = button.disabled = busy !== null
  note.textContent = error?.message ?? ""
}

function newItem(id) {
  const item = list.appendChild(Object.assign(document.createElement("li"), { id: `job-${id}` }))
  const [title, button] = ["input", "button", "i"].map((tag) => item.appendChild(document.createElement(tag)))
  title.ariaLabel = `Title of job ${id}`
  title.oninput = () => drafts.add(title)
  title.onchange = () => drafts.delete(title) && attempt(jobs.save(jobs.get(id), { title: title.value }))
  title.onblur = () => drafts.delete(title) && drawJob(jobs.get(id))
  button.ariaLabel = `Delete job ${id}`
  button.textContent = "Delete"
  button.onclick = () => attempt(jobs.delete(jobs.get(id)))
  return item
}

add.onsubmit = (event) => {
  event.preventDefault()
  attempt(jobs.create({ title: add.title.value }).then(() => add.reset()))
}

function attempt(change) {
  problem.textContent = ""
  change.catch((error) => (problem.textContent = `${error.code}: ${error.message}`))
}
