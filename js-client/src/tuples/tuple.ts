/**
 * Tuple: a record that can travel, and the name of its type. What its fields become on the wire is `convert`'s.
 */

/** A class of tuples of one type. */
export interface TupleClass<T extends Tuple = Tuple> {
  new (): T
  /** The name that its tuples travel under, as the server has it. */
  readonly tupleType: string
}

/** A tuple whose fields nobody has declared. */
export type AnyTuple = Tuple & Record<string, unknown>

/**
 * A record of named fields.
 *
 * One of a type without a class is made by `new Tuple("demo.Job", { title: "Water the plants" })`. A class of
 * one's own names its type and gives its fields defaults:
 *
 *     class Job extends Tuple {
 *       static override tupleType = "demo.Job"
 *       id: number | null = null
 *       title = ""
 *     }
 *     addTupleType(Job)
 *     const job = Job.of({ title: "Water the plants" })
 */
export class Tuple {
  /** What tuples of this class are called on the wire. */
  static tupleType = ""

  readonly #type: string

  /**
   * @param tupleType - What it is called on the wire; default: the class's own.
   * @param fields - Its fields. A class with fields of its own is filled by `of` instead: its defaults are set
   *   after this.
   */
  constructor(tupleType?: string, fields?: Readonly<Record<string, unknown>>) {
    this.#type = tupleType ?? new.target.tupleType
    if (fields) fill(this, fields)
  }

  /** A new tuple of this class, with *fields* set and the others as the class has them. */
  static of<T extends Tuple>(this: new () => T, fields: Partial<Omit<T, keyof Tuple>>): T {
    return fill(new this(), fields)
  }

  /** What *tuple* is called on the wire. */
  static typeOf(tuple: Tuple): string {
    return tuple.#type
  }
}

/** What *tuple* is called on the wire. */
export function tupleTypeOf(tuple: Tuple): string {
  return Tuple.typeOf(tuple)
}

/** What is wrong with a class that does not name its type. */
export const needsType = (cls: { readonly name: string }): string =>
  `${cls.name} needs a static tupleType, as in "demo.Job"`

/** Names that a record cannot have as fields: they would reach its prototype. */
export const isForbidden = (name: string): boolean =>
  name === "__proto__" || name === "constructor" || name === "prototype"

/** Set *fields* in *target*, but for forbidden ones. */
export function fill<T extends object>(target: T, fields: Readonly<Record<string, unknown>>): T {
  for (const name of Object.keys(fields))
    if (!isForbidden(name)) (target as Record<string, unknown>)[name] = fields[name]
  return target
}
