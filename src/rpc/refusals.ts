/** The one table between refusals and gRPC statuses. The exact code and facts travel in the trailers: gRPC has words of its own. */
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { decodeForeign, encode } from '#base/codec';
import { Refusal, type RefusalCode } from '#base/refusal';

const statusOf: Readonly<Record<RefusalCode, status>> = {
  invalidArgument: status.INVALID_ARGUMENT,
  notFound: status.NOT_FOUND,
  alreadyExists: status.ALREADY_EXISTS,
  failedPrecondition: status.FAILED_PRECONDITION,
  permissionDenied: status.PERMISSION_DENIED,
  unauthenticated: status.UNAUTHENTICATED,
  unimplemented: status.UNIMPLEMENTED,
  unavailable: status.UNAVAILABLE,
  unknown: status.UNKNOWN,
};

const codeKey = 'shoal-refusal';
const factsKey = 'shoal-facts-bin';
/** Trailers are small; facts beyond are left out. */
const factsLimit = 2048;

/** What a call that failed answers; anything but a refusal tells its message alone. */
export function toServiceError(error: unknown): Partial<ServiceError> {
  const refusal = error instanceof Refusal ? error : new Refusal('unknown', error instanceof Error ? error.message : 'the request failed');
  const metadata = new Metadata();
  metadata.set(codeKey, refusal.code);
  const facts = encode(refusal.facts);
  if (Object.keys(refusal.facts).length > 0 && facts.length <= factsLimit) metadata.set(factsKey, Buffer.from(facts));
  return { code: statusOf[refusal.code], details: refusal.message, metadata };
}

/** The refusal behind a failed call; a transport that failed is `unavailable`, with `peer` named. */
export function toRefusal(error: ServiceError, peer: string): Refusal {
  const code = error.metadata?.get(codeKey)[0];
  if (typeof code === 'string' && Object.hasOwn(statusOf, code)) return new Refusal(code as RefusalCode, error.details, factsOf(error));
  if (error.code === status.UNAUTHENTICATED || error.code === status.PERMISSION_DENIED) {
    return new Refusal(error.code === status.UNAUTHENTICATED ? 'unauthenticated' : 'permissionDenied', error.details);
  }
  if (error.code === status.UNIMPLEMENTED) {
    return new Refusal('unimplemented', `${peer} runs a version of shoal that does not know this yet: install the version of this node there, too`);
  }
  return new Refusal('unavailable', `${peer} does not answer: ${error.details || error.message}`);
}

/** What makes no sense is none. */
function factsOf(error: ServiceError): Refusal['facts'] {
  const [bytes] = error.metadata?.get(factsKey) ?? [];
  if (!Buffer.isBuffer(bytes) || bytes.length > factsLimit) return {};
  try {
    const facts = decodeForeign<unknown>(bytes, factsLimit);
    return typeof facts === 'object' && facts !== null ? (facts as Refusal['facts']) : {};
  } catch {
    return {};
  }
}
