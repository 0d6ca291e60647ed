/** A session whose connection is cut at every byte, in both directions, against a model of a server. */

import assert from "node:assert/strict"
import { suite, test } from "node:test"
import { defaultLimits } from "../../src/limits.ts"
import { NativeDecoder } from "../../src/protocol/native.ts"
import { type Action, ClientSession } from "../../src/protocol/session.ts"
import { message } from "../wire.ts"
import { ServerModel } from "./server_model.ts"

const COUNT = 20
const TEXTS = Array.from({ length: COUNT }, (_, n) => (n % 5 === 4 ? `late ${n}` : `text ${n}`))
const PUSHED = Array.from({ length: COUNT }, (_, n) => `push ${n}`)

type Direction = "to the server" | "to the client"

/** What came of one run, and how many bytes a connection that is not cut carries each way. */
interface Outcome {
  readonly done: readonly string[]
  readonly pushed: readonly string[]
  readonly answered: readonly string[]
  readonly resets: readonly string[]
  readonly connections: number
  readonly bytes: Readonly<Record<Direction, number>>
}

/**
 * Run a script of 20 messages each way, every second of ours a request, in which the first *cuts* connections are
 * cut behind *at* bytes one way; what is written after that is lost, either way.
 */
function run(direction: Direction, at: number, cuts: number, reset: string | null = null): Outcome {
  const server = new ServerModel()
  const session = new ClientSession({ uuid: "u", name: "n" }, defaultLimits)
  const pushed: string[] = []
  const answered: string[] = []
  const resets: string[] = []
  const texts = new Map<Action, string>()
  const bytes = { "to the server": 0, "to the client": 0 }
  let connections = 0
  let now = 0
  let connection = server.connect()
  let decoder = new NativeDecoder(1e6)
  let left = { ...bytes }
  let isUp = false

  const connect = (): void => {
    connections++
    const allowance = connections <= cuts ? at : Infinity
    left = { "to the server": Infinity, "to the client": Infinity, [direction]: allowance }
    connection = server.connect()
    decoder = new NativeDecoder(1e6)
    isUp = true
    if (reset && connections > 1) server.resetNext = reset
    toServer(session.hello())
  }
  const pass = (way: Direction, sent: Uint8Array): Uint8Array => {
    const passed = isUp ? sent.subarray(0, left[way]) : new Uint8Array()
    bytes[way] += passed.length
    if (passed.length < sent.length) isUp = false
    left[way] -= passed.length
    return passed
  }
  const toServer = (sent: Uint8Array): void => {
    connection.receive(pass("to the server", sent))
  }
  const pump = (): void => {
    for (;;) {
      if (!isUp || connection.isClosed) {
        session.detach()
        connect()
      }
      const out = pass("to the client", Uint8Array.from(connection.out.splice(0)))
      for (const frame of decoder.feed(out))
        if (frame[0] === 2) session.welcome(frame, undefined, false, now)
        else session.receive(frame, now)
      const frames = session.framesToSend(now)
      for (const frame of frames) toServer(frame)
      for (const event of session.events()) {
        if (event.type === "lost") isUp = false
        if (event.type === "opened" && event.reset) resets.push(event.reset)
        if (event.type !== "received") continue
        const text = String(event.envelope.filt["text"])
        if (event.action) answered.push(`${String(texts.get(event.action))} = ${text}`)
        else if (event.envelope.filt["key"] === "push") pushed.push(text)
        else assert.fail(`an answer came that nobody waits for: ${text}`)
      }
      if (isUp && !connection.out.length && !frames.length) return
    }
  }

  connect()
  pump()
  for (const [index, text] of TEXTS.entries()) {
    const parts = { flags: index % 2 ? 8 : 0, f: { text } }
    texts.set(session.send(Uint8Array.from(message(parts)), index % 2 === 1), text)
    if (server.session) server.push(PUSHED[index] ?? "")
    pump()
    if (index % 7 === 6) {
      now += 1_000
      server.beat()
      pump()
    }
  }
  for (const { action, text } of server.late.splice(0)) server.answer(action, text)
  pump()
  now += 1_000
  pump()
  return { done: server.done, pushed, answered: answered.sort(), resets, connections, bytes }
}

const ANSWERED = TEXTS.filter((_, index) => index % 2)
  .map((text) => `${text} = ${text}`)
  .sort()

for (const direction of ["to the server", "to the client"] as const)
  suite(`what goes ${direction} is cut`, () => {
    const whole = run(direction, Infinity, 0)
    const length = whole.bytes[direction]

    test("nowhere: all is delivered, by one connection", () => {
      assert.ok(length > 500, `${length} bytes`)
      assert.deepEqual([whole.connections, whole.resets], [1, []])
      assert.deepEqual([whole.done, whole.pushed, whole.answered], [TEXTS, PUSHED, ANSWERED])
    })

    for (const cuts of [1, 2, 3])
      test(`at every byte, ${cuts} times: all is delivered, once and in order`, () => {
        // Shorter than a hello and a WELCOME nothing gets through, and tokens are lost.
        for (let at = 0; at < length; at++) {
          const { done, pushed, answered, resets, connections } = run(direction, at, cuts)
          assert.deepEqual([done, pushed, answered, resets], [TEXTS, PUSHED, ANSWERED, []], `cut at ${at}`)
          assert.ok(connections > 1, `cut at ${at}`)
        }
      })

    test("at every byte, and the server has forgotten the session: each action takes effect once", () => {
      for (let at = 0; at < length; at++) {
        const { done, answered, resets } = run(direction, at, 1, "expired")
        assert.deepEqual([done, answered], [TEXTS, ANSWERED], `cut at ${at}`)
        assert.ok(resets.every((reason) => reason === "expired"))
      }
    })
  })
