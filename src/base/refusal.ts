/** The one error for expected refusals; edges map its code to HTTP, gRPC, text and exit code, each in one table. */

/** The words of gRPC's status codes that the Engine API's texts carry. */
export type RefusalCode =
  | 'invalidArgument'
  | 'notFound'
  | 'alreadyExists'
  | 'failedPrecondition'
  | 'permissionDenied'
  | 'unauthenticated'
  | 'unimplemented'
  | 'unavailable'
  | 'unknown';

export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(
    readonly code: RefusalCode,
    message: string,
    /** Machine-readable details, never secret. */
    readonly facts: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

/** Whether one is refused for good: asking again, or somebody else, does not help. */
export function isDenial(error: unknown): error is Refusal {
  return error instanceof Refusal && error.code === 'permissionDenied';
}
