/** Registry: which class stands for which tuple type, for everything in this page or program. */

import { type Tuple, type TupleClass, needsType } from "./tuple.ts"

const types = new Map<string, TupleClass>()

/**
 * Have tuples of this class's type arrive as instances of it.
 *
 * A class under a name that is taken replaces the one before it, as a reloaded module's has to.
 *
 * @throws TypeError if the class does not name its type.
 */
export function addTupleType<C extends TupleClass>(cls: C): C {
  if (!cls.tupleType) throw new TypeError(needsType(cls))
  types.set(cls.tupleType, cls)
  return cls
}

/** The class of *tupleType*; undefined where nobody has added one. */
export function tupleClassOf(tupleType: string): TupleClass | undefined {
  return types.get(tupleType)
}

/** The name of a type that is given as such, or as a class. */
export function tupleTypeNamed(type: string | { readonly tupleType: string } | (new () => Tuple)): string {
  return typeof type === "string" ? type : (type as TupleClass).tupleType
}
