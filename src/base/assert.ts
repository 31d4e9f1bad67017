/** Broken invariants end the process: state that contradicts itself is never guessed around. */

/** A fault in our own reasoning. Nothing but the top of the program may catch it. */
class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Throws InvariantError with `message` unless `condition` holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Closes a switch over a union: the compiler proves that no case is forgotten. */
export function unreachable(value: never): never {
  throw new InvariantError(`unexpected case ${JSON.stringify(value)}`);
}
