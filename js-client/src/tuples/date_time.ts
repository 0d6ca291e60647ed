/** DateTime: a Date that remembers the exact text it came as, so that microseconds and plain days survive. */

import { EncodeError, unexpected } from "../errors.ts"

/** Year, month and day; hour, minute, second and its fraction; the offset: its sign, hours, minutes and seconds. */
const ISO =
  /^(\d{1,4})-(\d\d)-(\d\d)(?:[ T]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:[.,](\d+))?)?(?:Z|([+-])(\d\d)(?::?(\d\d)(?::?(\d\d))?)?)?)?$/

/** A Date as it came over the wire, to the microsecond. */
export class DateTime extends Date {
  /** As it stands on the wire, as in "2026-01-02 03:04:05.000006+0000". */
  readonly text: string
  readonly #time: number

  /**
   * @param text - ISO 8601, with a blank or a T; without an offset it is UTC, without a time it is a day.
   * @throws DecodeError if it is no date.
   */
  constructor(text: string) {
    super(millisecondsOf(text))
    this.text = text
    this.#time = this.getTime()
  }

  /**
   * Whether nobody has set it to another time.
   *
   * @internal
   */
  get isAsItCame(): boolean {
    return this.getTime() === this.#time
  }

  /** Those of its text that a Date has no room for: 0 to 999. */
  get microseconds(): number {
    return digitsOf(ISO.exec(this.text), 3)
  }
}

/**
 * *date* as it stands on the wire: with the text it came as, if it is that date still.
 *
 * @throws EncodeError if it is invalid, or of a year of more than four digits.
 */
export function wireText(date: Date, path = ""): string {
  if (date instanceof DateTime && date.isAsItCame) return date.text
  const text = date.toJSON() as string | null
  if (text?.length !== 24)
    throw new EncodeError(`expected a Date of the years 0 to 9999, got ${String(date)}`, path)
  return text.replace("T", " ").replace("Z", "000+0000")
}

function millisecondsOf(text: string): number {
  const parts = ISO.exec(text)
  const part = (index: number): number => Number(parts?.[index] ?? 0)
  const month = part(2) - 1
  const east = parts?.[8] === "-" ? -1 : 1
  const date = new Date(0)
  date.setUTCFullYear(part(1), month, part(3))
  // 30 February would be in March.
  if (!parts || date.getUTCMonth() !== month) throw unexpected("an ISO 8601 date", text.slice(0, 40))
  return date.setUTCHours(
    part(4) - east * part(9),
    part(5) - east * part(10),
    part(6) - east * part(11),
    digitsOf(parts, 0),
  )
}

/** Three digits of the fraction of a second, from that one on. */
function digitsOf(parts: RegExpExecArray | null, start: number): number {
  const fraction = parts?.[7] ?? ""
  return Number(fraction.slice(start, start + 3).padEnd(3, "0"))
}
