/** DateTime: a Date that remembers the exact text it came as, so that microseconds and plain days survive. */

import { DecodeError, EncodeError } from "../errors.ts"

const ISO =
  /^(\d{1,4})-(\d\d)-(\d\d)(?:[ T]([01]\d|2[0-3]):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(Z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?)?$/

/** A Date as it came over the wire, to the microsecond. */
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

  /**
   * Whether nobody has set it to another time.
   *
   * @internal
   */
  get isAsItCame(): boolean {
    return this.getTime() === millisecondsOf(this.text)
  }

  /** Those of its text that a Date has no room for: 0 to 999. */
  get microseconds(): number {
    return Number(/[.,]\d{3}(\d{1,3})/.exec(this.text)?.[1]?.padEnd(3, "0") ?? 0)
  }
}

/**
 * *date* as it stands on the wire: with the text it came as, if it is that date still.
 *
 * @throws EncodeError if it is invalid, or of a year of more than four digits.
 */
export function wireText(date: Date, path = ""): string {
  const time = date.getTime()
  if (date instanceof DateTime && date.isAsItCame) return date.text
  if (Number.isNaN(time)) throw new EncodeError("an invalid Date cannot travel", path)
  const text = date.toISOString()
  if (!/^\d{4}-/.test(text)) throw new EncodeError(`the year of ${text} has more than four digits`, path)
  return text.replace("T", " ").replace("Z", "000+0000")
}

/** What was read before, since rows that are pushed again have the same dates; forgotten when it is much. */
const read = new Map<string, number>()
const MOST_READ = 5_000

function millisecondsOf(text: string): number {
  let time = read.get(text)
  if (time === undefined) {
    time = parsed(text)
    if (read.size >= MOST_READ) read.clear()
    if (text.length < 40) read.set(text, time)
  }
  return time
}

function parsed(text: string): number {
  const parts = ISO.exec(text)
  if (parts) {
    const [, year, month, day, hour = "00", minute = "00", second = "00", fraction = "", offset = "Z"] = parts
    const date = `${String(year).padStart(4, "0")}-${String(month)}-${String(day)}`
    const time = Date.parse(`${date}T${hour}:${minute}:${second}.${fraction.slice(0, 3).padEnd(3, "0")}Z`)
    // Date.parse takes 30 February for 2 March.
    const isDay = Number(day) < 29 || new Date(time).getUTCDate() === Number(day)
    if (isDay && !Number.isNaN(time)) return time - offsetOf(offset)
  }
  throw new DecodeError(`expected an ISO 8601 date, got ${JSON.stringify(text.slice(0, 40))}`)
}

function offsetOf(text: string): number {
  if (text === "Z" || text === "+0000") return 0
  const [hours = 0, minutes = 0, seconds = 0] = (text.slice(1).replaceAll(":", "").match(/\d\d/g) ?? []).map(
    Number,
  )
  return (text.startsWith("-") ? -1000 : 1000) * (hours * 3600 + minutes * 60 + seconds)
}
