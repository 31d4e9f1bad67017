/** Errors of the engine as refusals. */
import { messageOf } from '#http/call';
import { expect, test } from 'vitest';
import { isOutOfSequence, refusalOf } from '#swarm/failure';

test.each([
  [400, 'rpc error: code = InvalidArgument desc = bad port', 'invalidArgument', 'bad port'],
  [500, 'rpc error: code = InvalidArgument desc = bad port', 'invalidArgument', 'bad port'],
  [500, 'rpc error: code = Unknown desc = update out of sequence', 'unknown', 'update out of sequence'],
  [
    500,
    "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few managers are online.",
    'unavailable',
    "The swarm does not have a leader. It's possible that too few managers are online.",
  ],
  [503, 'This node is not a swarm manager. Use more words.', 'unavailable', 'This node is not a swarm manager. Use more words.'],
  [409, 'network with name x already exists', 'alreadyExists', 'network with name x already exists'],
  [403, 'no', 'permissionDenied', 'no'],
  [404, 'service x not found', 'notFound', 'service x not found'],
  [500, 'something broke', 'unknown', 'something broke'],
])('%i %s', (status, message, code, text) => {
  expect(refusalOf(status, messageOf(JSON.stringify({ message })))).toMatchObject({ code, message: text });
});

test('an answer that is no JSON is its own message, an empty one says its status', () => {
  expect(refusalOf(502, messageOf('bad gateway\n')).message).toBe('bad gateway');
  expect(refusalOf(500, messageOf('')).message).toBe('the Docker Engine answered 500');
});

test('a lost race is known behind any prefix', () => {
  expect(isOutOfSequence(refusalOf(500, messageOf('{"message":"rpc error: code = Unknown desc = update out of sequence"}')))).toBe(true);
  expect(isOutOfSequence(new Error('update out of sequence'))).toBe(false);
});
