/** DateTime: a Date that remembers the exact text it came as, so that microseconds and plain days survive. */

import { DecodeError } from "../errors.ts"

const ISO =
  /^(\d{1,4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d:?\d\d(?::?\d\d)?)?)?$/

export class DateTime extends Date {
  /** As it stands on the wire, as in "2026-01-02 03:04:05.000006+0000". */
  readonly text: string

  /**
   * @param text - ISO 8601, with a blank or a T; without an offset it is UTC, without a time it is a day.
   * @throws DecodeError if it is no date.
   */
  constructor(text: string) {
    super(millisecondsOf(text))
    this.text = text
  }
}

function millisecondsOf(text: string): number {
  const parts = ISO.exec(text)
  if (parts) {
    const [, year, month, day, hour = "00", minute = "00", second = "00", fraction = "", offset = "Z"] = parts
    const date = `${String(year).padStart(4, "0")}-${String(month)}-${String(day)}`
    const time = Date.parse(`${date}T${hour}:${minute}:${second}.${fraction.slice(0, 3).padEnd(3, "0")}Z`)
    // Date.parse takes 30 February for 2 March.
    if (!Number.isNaN(time) && new Date(time).toISOString().startsWith(date)) return time - offsetOf(offset)
  }
  throw new DecodeError(`expected an ISO 8601 date, got ${JSON.stringify(text.slice(0, 40))}`)
}

function offsetOf(text: string): number {
  if (text === "Z") return 0
  const [hours = 0, minutes = 0, seconds = 0] = (text.slice(1).replaceAll(":", "").match(/\d\d/g) ?? []).map(
    Number,
  )
  return (text.startsWith("-") ? -1000 : 1000) * (hours * 3600 + minutes * 60 + seconds)
}
