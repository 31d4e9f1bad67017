/** The one table from refusals to HTTP: status, and whether Docker shows the text behind its gRPC prefix. */
import { Refusal, type RefusalCode } from '#base/refusal';

const codes: Readonly<Record<RefusalCode, { status: number; grpc: string }>> = {
  invalidArgument: { status: 400, grpc: 'InvalidArgument' },
  notFound: { status: 404, grpc: 'NotFound' },
  alreadyExists: { status: 409, grpc: 'AlreadyExists' },
  failedPrecondition: { status: 400, grpc: 'FailedPrecondition' },
  permissionDenied: { status: 403, grpc: 'PermissionDenied' },
  unauthenticated: { status: 401, grpc: 'Unauthenticated' },
  unimplemented: { status: 501, grpc: 'Unimplemented' },
  unavailable: { status: 503, grpc: 'Unavailable' },
  unknown: { status: 500, grpc: 'Unknown' },
};

/** Where a reason says more than its code: a key that was used for something else cannot be processed, as the field's standard has it. */
const statusOfReason: Readonly<Record<string, number>> = { otherRequest: 422 };

/** dockerd words this one itself, before the manager's gRPC service is asked: no prefix. `control` marks its own such texts `plain`. */
const ambiguous = / is ambiguous \(\d+ matches found( based on ID prefix)?\)$/;

/** A failed request whose status the API itself decides; `message` is shown as it is. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export interface Failure {
  status: number;
  message: string;
}

/**
 * Status and text of an error.
 * @param own the route is one of shoal's: texts never carry Docker's prefix there
 */
export function failureOf(error: unknown, own: boolean): Failure {
  if (error instanceof HttpError) return { status: error.status, message: error.message };
  if (!(error instanceof Refusal)) return { status: 500, message: error instanceof Error ? error.message : String(error) };
  const { status, grpc } = codes[error.code];
  const plain = own || error.facts['plain'] === true || error.code === 'notFound' || error.code === 'unavailable' || ambiguous.test(error.message);
  return {
    status: statusOfReason[String(error.facts['reason'])] ?? status,
    message: plain ? error.message : `rpc error: code = ${grpc} desc = ${error.message}`,
  };
}
