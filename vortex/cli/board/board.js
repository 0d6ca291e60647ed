// The job board. A VortexConnection is the line to the server: it reconnects by itself, and tells what it is
// doing. An observation has rows that stay as they are on the server; actions change them there, and what one
// is expected to do is shown ahead. All else is the page; what comes is only ever set as a value or as text.
import { Tuple, VortexConnection } from "./static/vortex.mjs"

const $ = (id) => document.getElementById(id)
const write = (id, text) => $(id).textContent !== text && ($(id).textContent = text) // or it is laid out anew
const guest = ["Badger", "Heron", "Lynx", "Otter", "Robin", "Wren"][Math.floor(Math.random() * 6)]
const asked = new URLSearchParams(location.search).get("name") // counts until a name is typed in

const connection = new VortexConnection("./vortex", { name: localStorage.getItem("name") || asked || guest })
const jobs = connection.observe("demo.board", "demo.Job")
const people = connection.load({ key: "demo.people" }, { key: "uuid" })

// ---- the line: what it is doing, cutting it, and choosing the transport
const TRANSPORTS = { websocket: "WebSocket", post: "held POST", sse: "events", poll: "polls" }
const isCalm = matchMedia("(prefers-reduced-motion: reduce)")
const resets = new Map() // why another session had to begin, "expired" or whatever it was: how often
const ping = () => connection.ping().catch(() => {}) // a lost line is told of as its state

function drawLine() {
  const { state, transport, peer, retryAtMs, roundTripMs } = connection
  const seconds = Math.max(0, Math.ceil((retryAtMs - performance.now()) / 1000))
  const waiting = retryAtMs === null ? "Cut" : `Waiting: next try in ${seconds} s`
  $("line").dataset.state = state
  write("state", { connecting: "Connecting", open: "Open", waiting, closed: "Closed" }[state])
  write("transport", TRANSPORTS[transport] ?? "–")
  write("round-trip", roundTripMs === null ? "–" : `${roundTripMs.toFixed(1)} ms`)
  for (const each of ["reconnect", "resume"]) write(each, String(connection[`${each}s`]))
  write("reset", [...resets].map(([reason, count]) => `${count} (${reason})`).join(", ") || "0")
  write("server", peer?.name ?? "server")
  write("cut", state === "open" ? "Cut the line" : "Mend the line")
}

connection.addEventListener("state", ({ detail: { state, previous, transport } }) => {
  if (state === "open" || previous === "open") say(`The line is ${state}`) // and not at each try
  for (const input of $("switch").querySelectorAll("input")) input.checked = input.value === transport
})
connection.addEventListener("reset", ({ detail: { reason } }) => {
  const before = resets.get(reason) ?? 0
  resets.delete(reason) // and the last one is last
  resets.set(reason, before + 1)
})
for (const act of [drawLine, ping]) connection.onStateChange(act)
setInterval(ping, 3000)
setInterval(drawLine, 500) // for the seconds until the next try
connection.addEventListener("roundtrip", () => {
  if (!isCalm.matches) $("pulse").animate({ left: ["0", "calc(100% - 10px)", "0"], opacity: [1, 1, 0] }, 800)
})
connection.addEventListener("error", ({ detail }) => toast(`Something went wrong: ${detail.message}`))
$("cut").onclick = () => (connection.state === "open" ? connection.cut() : connection.reconnect())
$("switch").onchange = ({ target }) => connection.useTransport(target.value)

// ---- who is here
$("name").value = connection.name
$("name").onchange = () => {
  localStorage.setItem("name", $("name").value.trim())
  location.reload() // a connection has one name
}

people.addEventListener("rows", () => {
  $("people").replaceChildren()
  for (const { uuid, name, transport } of people.rows) {
    if (uuid === connection.uuid) continue
    const item = $("people").appendChild(document.createElement("li"))
    item.append(name || "somebody", " ", document.createElement("span"))
    item.lastChild.textContent = TRANSPORTS[transport] ?? transport
  }
})

// ---- the table: rows that changed are drawn soon, some at least and then for a short time
const rowOf = (id) => $(`row-${id}`)
const shownIn = (place) => [...place.rows].filter((row) => row.id && !row.hidden) // the head has no id
const touched = new Map() // ids of rows to draw: whether somebody else has changed them
const drafts = new Set() // cells with something typed in that is not saved
let [drawn, due, timer] = [0, Infinity] // when rows were drawn last, and are next, in milliseconds
jobs.addEventListener("rows", ({ detail: { created, updated, deleted } }) => {
  for (const { id } of [...created.toReversed(), ...updated, ...deleted]) touch(id, drawn > 0)
})
jobs.addEventListener("state", drawCount)
$("jobs").addEventListener("contentvisibilityautostatechange", ({ target, skipped }) => {
  target.classList.toggle("unseen", skipped) // and then as high as its rows are, without their layout
})
$("filter").oninput = () => jobs.rows.forEach(({ id }) => touch(id))

function touch(id, isNews = false) {
  // Few frames are for what others change out of view.
  const at = drawn + (isNews && rowOf(id)?.closest(".unseen") ? 500 : 40)
  if (at < due) {
    clearTimeout(timer)
    timer = setTimeout(requestAnimationFrame, (due = at) - performance.now(), draw)
  }
  touched.set(id, touched.get(id) || (isNews && !pending.get(id)))
}

function draw() {
  const end = (drawn = performance.now()) + 4 // ms: the rest of a frame is for laying out and painting
  const enough = touched.size - 25
  for (const [id, isNews] of touched) {
    if (touched.size < enough && performance.now() > end) break
    drawRow(id, isNews)
    touched.delete(id)
  }
  if (touched.size > 0) requestAnimationFrame(draw)
  else due = Infinity
  drawCount()
}

function drawRow(id, isNews) {
  const job = jobs.get(id)
  if (!job) return rowOf(id) && removeRow(id, rowOf(id))
  const row = rowOf(id) ?? addRow(id)
  const error = errors.get(id)
  for (const cell of row.querySelectorAll("input, select")) {
    if (drafts.has(cell) || cell.matches(":focus:invalid")) continue // it keeps what is typed
    const text = textOf(job[cell.name])
    if (cell.value !== text) cell.value = text // setting what is there has a browser lay the row out
    cell.classList.toggle("none", !cell.value)
  }
  row.dataset.status = job.status
  row.ariaBusy = pending.get(id) ? "true" : null
  hide(row, !isWanted(job) && !row.contains(document.activeElement))
  row.querySelector(".error").textContent = error ? explain(error, doomed.has(id) ? "deleted" : "saved") : ""
  const flash = { pseudoElement: "::before", duration: 1500, easing: isCalm.matches ? "step-end" : "ease-in" }
  if (isNews && !row.closest(".unseen")) row.animate({ opacity: [1, 0] }, flash)
}

function isWanted({ title, status, assignee }) {
  const text = $("filter-text").value.trim().toLowerCase()
  const isFound = `${title} ${assignee ?? ""}`.toLowerCase().includes(text)
  return isFound && ($("filter-status").value || status) === status
}

function addRow(id) {
  // A browser lays out, and looks into, the groups that are near the view: a frame costs by these alone.
  const group = $(`group-${Math.floor(id / 32)}`) ?? insert("group", $("jobs"), Math.floor(id / 32))
  const row = insert("row", group, id)
  row.querySelector(".error").id = `error-${id}`
  row.querySelector("input").setAttribute("aria-describedby", `error-${id}`)
  for (const control of row.querySelectorAll("[name]")) control.ariaLabel += ` job ${id}`
  // Or the browser takes down each second what is in all of them, to fill them in when it comes back.
  for (const cell of row.querySelectorAll("input, select")) cell.autocomplete = "off"
  return row
}

function insert(name, place, id) {
  const element = $(name).content.firstElementChild.cloneNode(true)
  Object.assign(element, { id: `${name}-${id}` }).dataset.id = id
  let below = null // newest first: each of those that are loaded belongs at the end
  for (let it = place.lastElementChild; it?.dataset.id < id; it = it.previousElementSibling) below = it
  return place.insertBefore(element, below)
}

function hide(row, isHidden = true) {
  if (row.hidden === isHidden) return
  row.hidden = isHidden
  const group = row.parentElement
  const count = shownIn(group).length
  group.style.setProperty("--rows", count)
  group.hidden = count === 0
}

function removeRow(id, row) {
  const isFocused = row.contains(document.activeElement)
  const isDraft = [...drafts].filter((cell) => row.contains(cell) && drafts.delete(cell)).length > 0
  const error = row.querySelector(".error").textContent || (isDraft ? "Not saved: what you were typing" : "")
  hide(row)
  const others = shownIn($("jobs"))
  neighbour = others.find((other) => other.dataset.id < id) ?? others.at(-1) ?? $("add")
  row.remove()
  errors.delete(id)
  if (error.startsWith("Not deleted")) doomed.delete(id)
  else if (error && !doomed.has(id)) toast(`Job ${id} was deleted. ${error}`)
  if (doomed.has(id)) deleted.push(doomed.get(id))
  if (doomed.delete(id)) toast()
  if (isFocused) ($("toast").hidden ? neighbour.querySelector("button") : $("undo")).focus()
}

function drawCount() {
  const [count, all] = [shownIn($("jobs")).length, jobs.rows.length]
  const found = `${count < all ? `${count} of ` : ""}${all} ${all === 1 ? "job" : "jobs"}`
  const text = jobs.error ? explain(jobs.error, "loaded") : jobs.state === "loading" ? "Loading" : found
  write("count", text)
}

// ---- editing in place: Enter saves, and so does leaving the cell; Escape puts the server's value back
// Days are those in UTC, so that everybody sees the same.
const textOf = (value) => (value instanceof Date ? value.toISOString().slice(0, 10) : String(value ?? ""))
const valueOf = (cell) => (cell.type === "date" ? cell.valueAsDate : cell.value.trim() || null)
const idOf = (cell) => Number(cell.closest("tr").dataset.id)

function save(cell) {
  const job = jobs.get(idOf(cell))
  if (!job || !cell.validity.valid || !drafts.delete(cell) || cell.value === textOf(job[cell.name])) return
  const { id, [cell.name]: before } = job
  const changes = { [cell.name]: valueOf(cell) }
  const both = { seen: jobOf({ id, [cell.name]: before }), job: jobOf({ id, ...changes }) }
  doomed.delete(id)
  attempt(new Tuple("demo.ChangeJob", both), "saved", id, jobs.withUpdated(id, changes))
}

$("jobs").oninput = ({ target }) => drafts.add(target)
$("jobs").onchange = ({ target }) => save(target)
$("jobs").onkeydown = ({ key, target, isComposing }) => {
  if (key === "Enter" && !isComposing && target.reportValidity()) save(target)
  if (key === "Escape" && drafts.delete(target)) target.value = textOf(jobs.get(idOf(target))[target.name])
}
$("jobs").addEventListener("focusout", ({ target }) => {
  save(target)
  if (!target.validity.valid) toast(`${target.ariaLabel} was not saved: ${target.validationMessage}`)
  drafts.delete(target)
  touch(idOf(target)) // puts back what was not saved; and a row that the filter hides could stay until now
})

// ---- adding, deleting, and undoing that, which makes a job with the same id
const doomed = new Map() // the id of a job that is being deleted here: the job
const deleted = [] // jobs that can be had back, the last one last
let neighbour = $("add") // of the last row that went: it has the focus when the toast goes

$("add").onsubmit = async (event) => {
  event.preventDefault()
  const fields = [...$("add").querySelectorAll("[name]")].map((cell) => [cell.name, valueOf(cell)])
  $("add").inert = true // or a second press would add it twice
  $("add-error").textContent = ""
  const add = new Tuple("demo.AddJob", { job: jobOf(Object.fromEntries(fields)) })
  const job = await attempt(add, "added", $("add-error"))
  $("add").inert = false
  if (job) $("add").reset()
  if (job && !isWanted(job)) toast(`Added job ${job.id}, which the filter hides`)
  $("add").querySelector("input").focus()
}

$("jobs").onclick = ({ target }) => {
  const job = jobs.get(idOf(target))
  if (target.name !== "delete" || pending.get(job.id)) return
  doomed.set(job.id, job)
  attempt(new Tuple("demo.DeleteJob", { seen: job }), "deleted", job.id)
}

$("undo").onclick = async () => {
  const job = deleted.pop()
  const add = new Tuple("demo.AddJob", { job })
  if (!(await attempt(add, "restored", $("toast-text")))) return deleted.push(job)
  drawRow(job.id)
  rowOf(job.id)?.querySelector("input").focus()
  toast()
}

$("dismiss").onclick = () => {
  deleted.length = 0
  toast()
  neighbour.querySelector("button").focus()
}

// ---- actions, and telling what came of them
const pending = new Map() // a job's id: how many actions on it are not answered
const errors = new Map() // a job's id: why the last one on it has failed
const jobOf = (fields) => new Tuple("demo.Job", fields)

/** The job that *action* ends with; none after it was told why, at a job by its id, or in an element. */
async function attempt(action, done, at, optimistic = []) {
  const isJob = typeof at === "number"
  if (isJob) mark(at, 1)
  try {
    return (await connection.act("demo.board", action, { optimistic }))[0] ?? action
  } catch (error) {
    if (isJob) errors.set(at, error)
    say(explain(error, done), isJob ? null : at)
    if (isJob && !jobs.get(at)) toast(`Job ${at} was deleted. ${explain(error, done)}`)
  } finally {
    if (isJob) mark(at, -1, errors.get(at))
  }
}

function mark(id, more, error) {
  pending.set(id, (pending.get(id) ?? 0) + more)
  if (!error) errors.delete(id)
  drawRow(id) // at once: the rows that come next may lack the one that it is about
}

function explain({ code, message }, done) {
  const why = { "connection-lost": "The line was cut", timeout: "No answer came" }[code]
  return why ? `${why}: it may or may not be ${done}, the table tells` : `Not ${done}: ${message} (${code})`
}

function toast(text = deleted.length > 0 ? `Deleted “${deleted.at(-1).title}”` : "") {
  $("undo").hidden = deleted.length === 0
  $("toast").hidden = !text
  say(text, $("toast-text"))
}

function say(text, place) {
  if (place) place.textContent = text
  $("log").append(`${text} `) // for those who listen to the page
  if ($("log").childNodes.length > 9) $("log").firstChild.remove()
}
