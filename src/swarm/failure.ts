/** What the engine's error answers mean to us: one table from status and gRPC code to refusals. */
import { Refusal, type RefusalCode } from '#base/refusal';

const byStatus: Readonly<Record<number, RefusalCode>> = {
  400: 'invalidArgument',
  401: 'unauthenticated',
  403: 'permissionDenied',
  404: 'notFound',
  409: 'alreadyExists',
  501: 'unimplemented',
  503: 'unavailable',
};

const byName: Readonly<Record<string, RefusalCode>> = {
  InvalidArgument: 'invalidArgument',
  NotFound: 'notFound',
  AlreadyExists: 'alreadyExists',
  FailedPrecondition: 'failedPrecondition',
  PermissionDenied: 'permissionDenied',
  Unauthenticated: 'unauthenticated',
  Unimplemented: 'unimplemented',
  Unavailable: 'unavailable',
  DeadlineExceeded: 'unavailable',
  Canceled: 'unavailable',
  Aborted: 'unavailable',
};

/** Passing troubles of a manager that older engines answer with a bare 500. */
const passing = /does not have a leader|deadline exceeded|not a swarm manager|connection (refused|error)|raft/i;

/** The refusal that an answer with an error status stands for, in the engine's words without the prefix of its transport. */
export function refusalOf(status: number, said: string): Refusal {
  const message = said || `the Docker Engine answered ${status}`;
  const match = /^rpc error: code = (\w+) desc = (.*)$/s.exec(message);
  const plain = match?.[2] ?? message;
  const named = match ? byName[match[1] ?? ''] : undefined;
  const code = named ?? byStatus[status] ?? (passing.test(plain) ? 'unavailable' : 'unknown');
  return new Refusal(code, plain, { status });
}

/** Another client changed the object after we read it. */
export function isOutOfSequence(error: unknown): boolean {
  return error instanceof Refusal && error.message.endsWith('update out of sequence');
}
