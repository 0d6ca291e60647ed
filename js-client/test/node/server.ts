/** The real Python server as a child process, and a TCP proxy in front of it that a test can break. */

import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { createInterface } from "node:readline"

/** The interpreter that has the Python library; tests run in js-client. */
export const PYTHON = process.env["VORTEX_PYTHON"] ?? resolve("../.venv/bin/python")

/** One vortex, which may be killed and started again on the same port and database. */
export class PythonServer {
  port = 0
  readonly #folder = mkdtempSync(join(tmpdir(), "vortex-test-"))
  #child: ChildProcess | null = null

  get url(): string {
    return `http://127.0.0.1:${this.port}/vortex`
  }

  /** The file of its rows. */
  get database(): string {
    return join(this.#folder, "rows.sqlite")
  }

  async start(): Promise<this> {
    const child = spawn(PYTHON, ["test/node/server.py", this.database, String(this.port)], {
      env: { ...process.env, PYTHONPATH: resolve("..") },
      stdio: ["ignore", "pipe", "pipe"],
    })
    this.#child = child
    const log: string[] = []
    createInterface({ input: child.stderr }).on("line", (line) => log.push(line))
    this.port = await new Promise<number>((done, failed) => {
      createInterface({ input: child.stdout }).on("line", (line) => {
        const ready = /^READY (\d+)$/.exec(line)
        if (ready) done(Number(ready[1]))
      })
      child.once("error", failed)
      child.once("exit", (code) => {
        failed(new Error(`the server ended with ${String(code)}:\n${log.join("\n")}`))
      })
    })
    return this
  }

  /** kill -9, as a machine that goes down. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (!child) return
    const ended = new Promise((done) => child.once("exit", done))
    child.kill("SIGKILL")
    await ended
  }

  async remove(): Promise<void> {
    await this.kill()
    rmSync(this.#folder, { recursive: true })
  }
}

/** Passes TCP connections on to a port, and can cut them, or go silent. */
export class Proxy {
  port = 0
  /** Bytes from the server that are let through on all connections together; then they are cut. */
  allowance = Infinity
  /** While set, nothing is passed on in either direction, and nothing is closed. */
  silent = false
  readonly #target: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(target: number) {
    this.#target = target
    this.#server = createServer((client) => {
      const server = connect(this.#target, "127.0.0.1")
      this.#keep(client, server)
      this.#keep(server, client)
      client.on("data", (data) => this.silent || server.write(data))
      server.on("data", (data) => {
        if (this.silent) return
        const passed = data.subarray(0, this.allowance)
        this.allowance -= passed.length
        client.write(passed)
        if (this.allowance <= 0) this.cut()
      })
    })
  }

  #keep(socket: Socket, other: Socket): void {
    this.#sockets.add(socket)
    socket.on("error", () => undefined)
    socket.on("close", () => {
      this.#sockets.delete(socket)
      if (!this.silent) other.destroy()
    })
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/vortex`
  }

  async start(): Promise<this> {
    await new Promise<void>((done) => this.#server.listen(0, "127.0.0.1", done))
    this.port = (this.#server.address() as AddressInfo).port
    return this
  }

  /** Cut every connection there is, once what was written has left. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroySoon()
  }

  async stop(): Promise<void> {
    const closed = new Promise((done) => this.#server.close(done))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}
