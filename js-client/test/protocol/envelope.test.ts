import assert from "node:assert/strict"
import { suite, test } from "node:test"
import { deflateSync, inflateSync } from "node:zlib"
import { DecodeError } from "../../src/errors.ts"
import { defaultLimits } from "../../src/limits.ts"
import { fromBase64, toBase64 } from "../../src/protocol/base64.ts"
import { type Envelope, encodeMessage, hello, readMessage } from "../../src/protocol/envelope.ts"
import { Payload } from "../../src/protocol/payload.ts"
import { DateTime } from "../../src/tuples/date_time.ts"
import { Tuple } from "../../src/tuples/tuple.ts"

const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString("base64")
const body = (json: string): string => deflateSync(json).toString("base64")
const read = (fields: object): Envelope =>
  readMessage(JSON.stringify({ _ct: "rpe", ...fields }), defaultLimits) as Envelope
const tuplesOf = async (data: unknown): Promise<unknown[]> =>
  (await read({ data }).open(defaultLimits)).tuples

suite("A message is read", () => {
  test("raw, in base64, and with a dot behind it", () => {
    const json = '{"_ct":"rpe","filt":{"key":"é"},"result":true,"date":null,"data":null,"_isReply":true}'
    for (const text of [json, base64(json), base64(json) + "."]) {
      const { filt, result, date, isReply } = readMessage(text, defaultLimits) as Envelope
      assert.deepEqual([filt, result, date, isReply], [{ key: "é" }, true, null, true])
    }
  })

  test("in UTF-8, or in Latin-1 where it is no UTF-8", async () => {
    const json = '{"_ct":"rpe","filt":{"key":"é"}}'
    const latin1 = Uint8Array.from(json, (char) => char.charCodeAt(0))

    assert.deepEqual((readMessage(base64(latin1), defaultLimits) as Envelope).filt, { key: "é" })
    assert.deepEqual((await Payload.fromVortexMsg(latin1)).filt, { key: "é" })
    assert.deepEqual((await Payload.fromVortexMsg(new TextEncoder().encode(json))).filt, { key: "é" })
  })

  test("whatever stands in its body, until it is opened", async () => {
    const envelope = read({ filt: { key: "k" }, data: "no base64" })

    assert.deepEqual(envelope.filt, { key: "k" })
    await assert.rejects(envelope.open(defaultLimits), DecodeError)
  })

  const bodies: [what: string, data: unknown, tuples: unknown[]][] = [
    ["a payload", body('{"_ct":"rp","tuples":[1,{"_ft":"int","_fd":2}]}'), [1, 2]],
    ["a payload whose filt nobody reads", body('{"_ct":"rp","filt":{"_ft":"?"},"tuples":[1],"date":7}'), [1]],
    ["a payload without tuples", body('{"_ct":"rp","tuples":null}'), []],
    ["a payload in bytes in base64", { _ft: "bytes", _fd: base64(body('{"_ct":"rp","tuples":[1]}')) }, [1]],
    ["no bytes", { _ft: "bytes", _fd: null }, []],
    ["nothing", null, []],
    ["an empty text", "", []],
    ["a list of tuples", [{ _ft: "int", _fd: 1 }, "x", null], [1, "x", null]],
    ["one value, the only tuple", { a: { _ft: "int", _fd: 1 } }, [{ a: 1 }]],
  ]
  for (const [what, data, tuples] of bodies)
    test(`with ${what} in it`, async () => {
      assert.deepEqual(await tuplesOf(data), tuples)
    })

  const refused: [what: string, data: unknown, problem: RegExp][] = [
    ["no zlib", base64("{}"), /zlib/],
    ["no JSON", body("{"), /JSON/],
    ["an envelope", body('{"_ct":"rpe"}'), /'rp'/],
    ["tuples that are no list", body('{"_ct":"rp","tuples":{"a":1}}'), /expected a list, got \{"a":1\} - at \.tuples/],
    ["a tuple that is wrong", body('{"_ct":"rp","tuples":[1,{"a":{"_ft":"?","_fd":1}}]}'), /- at \.tuples\[1\]\.a$/],
  ] // prettier-ignore
  for (const [what, data, problem] of refused)
    test(`and refused with ${what} in it`, async () => {
      await assert.rejects(
        tuplesOf(data),
        (error) => error instanceof DecodeError && problem.test(error.message),
      )
    })

  for (const text of ["[]", "null", '{"_ct":"rp"}', '{"_ct":"rpe","filt":[]}', '{"_ct":"rpe","data":{"_ft":"bytes","_fd":5}}'])
    test(`and refused if it is ${text}`, () => {
      for (const message of [text, base64(text)])
        assert.throws(() => readMessage(message, defaultLimits), DecodeError)
    }) // prettier-ignore
})

suite("A hello says who it is, and nothing else", () => {
  const filt = { __vortexUuid__: "u", __vortexName__: "n" }
  const cases: [what: string, fields: object, isHello: boolean, isEmpty: boolean][] = [
    ["both keys", { filt }, true, false],
    ["one more key", { filt: { ...filt, key: "k" } }, false, false],
    ["one key less", { filt: { __vortexUuid__: "u" } }, false, false],
    ["a name that is no text", { filt: { ...filt, __vortexName__: { _ft: "int", _fd: 1 } } }, false, false],
    ["a result", { filt, result: "no" }, false, false],
    ["a body", { filt, data: "AAAA" }, false, false],
    ["no filt", { filt: {} }, false, true],
    ["no filt and a result", { filt: {}, result: true }, false, false],
    ["no filt and a body", { filt: {}, data: [] }, false, false],
  ]
  for (const [what, fields, isHello, isEmpty] of cases)
    test(what, () => {
      const envelope = read(fields)

      assert.deepEqual([envelope.isHello, envelope.isEmpty], [isHello, isEmpty])
    })

  test("ours is the server's to the letter", () => {
    const json =
      '{"_ct":"rpe","_c":"vortex.PayloadEnvelope.PayloadEnvelope","filt":{"__vortexUuid__":"u","__vortexName__":"é"},' +
      '"data":null,"result":null,"date":null}'

    assert.equal(hello("u", "é", "raw"), json)
    assert.equal(hello("u", "é", "base64"), base64(json))
  })
})

suite("A message is written", () => {
  const date = new DateTime("2026-01-02 03:04:05.000006+0000")
  const dateJson = '{"_ft":"datetime","_fd":"2026-01-02 03:04:05.000006+0000"}'
  const head = '{"_ct":"rpe","_c":"vortex.PayloadEnvelope.PayloadEnvelope","filt":{"key":"é"}'

  test("without a body where there are no tuples", async () => {
    const json = `${head},"data":null,"result":null,"date":${dateJson}}`

    assert.equal(await encodeMessage(new Payload({ key: "é" }, [], null, date), "raw"), json)
    assert.equal(await new Payload({ key: "é" }, [], null, date).toVortexMsg(), base64(json))
  })

  test("with its filt and date in the body too, which VortexJS looks for there", async () => {
    const payload = new Payload({ key: "é" }, [new Tuple("demo.Job", { id: 7 })], true, date)
    const text = await encodeMessage(payload, "raw", true)
    const { data } = JSON.parse(text) as { data: string }

    assert.equal(text, `${head},"data":"${data}","result":true,"date":${dateJson},"_isReply":true}`)
    assert.equal(
      inflateSync(Buffer.from(data, "base64")).toString(),
      `{"_ct":"rp","_c":"vortex.Payload.Payload","filt":{"key":"é"},"tuples":[{"_ct":"rt","_c":"demo.Job","id":7}],"date":${dateJson}}`,
    )
  })

  test("with the time of writing where the payload has none", async () => {
    const before = Date.now()
    const { date: written } = await Payload.fromVortexMsg(await new Payload({ key: "k" }).toVortexMsg())

    assert.ok(written && written.getTime() >= before && written.getTime() <= Date.now())
  })
})

suite("Base64", () => {
  for (const text of ["", "AA==", "AAA=", "AAAA", "AB==", "+/+/"])
    test(`${JSON.stringify(text)} is read`, () => {
      assert.deepEqual(Buffer.from(fromBase64(text)), Buffer.from(text, "base64"))
    })

  for (const text of [
    "A",
    "AA",
    "AAA",
    "A===",
    "AA==AAAA",
    "AA AA==",
    "\nAAA",
    "AA-_",
    "AAAA=",
    "ÄÄÄÄ",
    "====",
  ])
    test(`${JSON.stringify(text)} is refused`, () => {
      assert.throws(() => fromBase64(text), DecodeError)
    })

  test("is written, however long it is", () => {
    for (const length of [0, 1, 2, 3, 0x8000, 100_000]) {
      const bytes = Uint8Array.from({ length }, (_, index) => (index * 7) % 256)
      assert.equal(toBase64(bytes), base64(bytes))
    }
  })
})
