/**
 * JSON text: read with all digits of long integers, and with the NaN and Infinity that Python writes.
 *
 * `JSON.parse` knows neither, so where a text has such a number it is tagged first, as `convert` reads it.
 */

import { DecodeError } from "../errors.ts"

/** What is past 2^53, or near it. */
const LONG = /9\d{15}|\d{17}/

const UNUSUAL = /(?<![\w.+-])-?(?:Infinity|NaN|(?:9\d{15}|\d{17,})(?![\d.eE]))/g

/** @throws DecodeError if *bytes* are no UTF-8. */
export function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new DecodeError("expected UTF-8")
  }
}

/** @throws DecodeError if *text* is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return parsed(text)
  } catch (error) {
    throw new DecodeError(`expected JSON: ${String(error)}`)
  }
}

function parsed(text: string): unknown {
  if (!LONG.test(text))
    try {
      return JSON.parse(text)
    } catch {
      // It has NaN or Infinity in it, or is no JSON. That is not looked for first: texts are long, and few have it.
    }
  return JSON.parse(tagged(text))
}

function tagged(text: string): string {
  let result = ""
  for (let at = 0; at < text.length;) {
    const quote = text.indexOf('"', at)
    const end = quote < 0 ? text.length : quote
    result += text.slice(at, end).replace(UNUSUAL, tag)
    if (quote < 0) break
    at = endOfString(text, quote)
    result += text.slice(quote, at)
  }
  return result
}

function tag(number: string): string {
  if (/\d/.test(number)) return `{"_ft":"int","_fd":"${number}"}`
  return `{"_ft":"float","_fd":"${number}"}`
}

/** Where the string that begins at *start* is over. */
function endOfString(text: string, start: number): number {
  for (let quote = start; ;) {
    quote = text.indexOf('"', quote + 1)
    if (quote < 0) return text.length
    let escapes = 0
    while (text[quote - 1 - escapes] === "\\") escapes++
    if (escapes % 2 === 0) return quote + 1
  }
}
