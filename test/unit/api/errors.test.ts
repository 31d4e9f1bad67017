import { expect, test } from 'vitest';
import { failureOf, HttpError } from '#api/errors';
import { Refusal, type RefusalCode } from '#base/refusal';

test.each<[RefusalCode, number, string]>([
  ['invalidArgument', 400, 'rpc error: code = InvalidArgument desc = text'],
  ['failedPrecondition', 400, 'rpc error: code = FailedPrecondition desc = text'],
  ['alreadyExists', 409, 'rpc error: code = AlreadyExists desc = text'],
  ['permissionDenied', 403, 'rpc error: code = PermissionDenied desc = text'],
  ['unauthenticated', 401, 'rpc error: code = Unauthenticated desc = text'],
  ['unimplemented', 501, 'rpc error: code = Unimplemented desc = text'],
  ['unknown', 500, 'rpc error: code = Unknown desc = text'],
  ['notFound', 404, 'text'],
  ['unavailable', 503, 'text'],
])('%s is %i', (code, status, message) => {
  expect(failureOf(new Refusal(code, 'text'), false)).toEqual({ status, message });
  expect(failureOf(new Refusal(code, 'text'), true)).toEqual({ status, message: 'text' });
});

test('what dockerd words itself has no prefix', () => {
  for (const ambiguous of ['service w is ambiguous (2 matches found)', 'network w is ambiguous (2 matches found based on ID prefix)'])
    expect(failureOf(new Refusal('invalidArgument', ambiguous), false)).toEqual({ status: 400, message: ambiguous });
  expect(failureOf(new Refusal('alreadyExists', 'taken', { plain: true }), false)).toEqual({ status: 409, message: 'taken' });
});

test('an error of the API keeps its status, any other is 500', () => {
  expect(failureOf(new HttpError(413, 'large'), false)).toEqual({ status: 413, message: 'large' });
  expect(failureOf(new TypeError('oops'), false)).toEqual({ status: 500, message: 'oops' });
});
