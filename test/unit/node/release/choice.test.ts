/** Which program a host starts: the release that was chosen, and the one before where that one fails. */
import { expect, test } from 'vitest';
import { chosenNext, endedWell, proven, startOf, type Choice } from '#node/release/choice';

const [a, b] = ['a'.repeat(64), 'b'.repeat(64)] as const;
const there = (): boolean => true;
const begin = (before?: Choice, digest: string = a): Choice => chosenNext(before, '1.0.0', digest, 1);

/** Starts until nothing is noted any more; what ran each time, and the choice that is left. */
function startsOf(choice: Choice, times: number): { ran: (string | undefined)[]; left: Choice } {
  const ran: (string | undefined)[] = [];
  let left = choice;
  for (let at = 0; at < times; at++) {
    const { run, note } = startOf(left, '1.0.0', there);
    ran.push(run?.slice(0, 1));
    left = note ?? left;
  }
  return { ran, left };
}

test('a release that dies twice before it serves is given up, and what ran before runs again', () => {
  const first = startsOf(begin(), 4);
  expect(first.ran).toEqual(['a', 'a', undefined, undefined]);
  expect(first.left).toEqual({
    format: 1,
    installed: '1.0.0',
    failed: { digest: a, attempt: 1, text: 'it was started 2 times and did not come to serve: what ran before runs again' },
  });
  const second = startsOf(begin(proven(begin()), b), 4);
  expect(second.ran).toEqual(['b', 'b', 'a', 'a']);
  expect(second.left).toMatchObject({ chosen: a, failed: { digest: b, attempt: 1 } });
});

test('one that served runs for ever, and one that was ended in good order has not failed', () => {
  const { note: once = begin() } = startOf(begin(), '1.0.0', there);
  expect(startsOf(proven(once), 4).ran).toEqual(['a', 'a', 'a', 'a']);
  expect(startsOf(endedWell(once), 3).ran).toEqual(['a', 'a', undefined]);
});

test('what is chosen while another is on probation goes back to the one that has proven itself', () => {
  expect(chosenNext(begin(proven(begin()), b), '1.0.0', 'c'.repeat(64), 2)).toMatchObject({ before: a, probation: { attempt: 2, starts: 0 } });
});

test('a program that somebody installed by hand since counts more, and files that are gone are not looked for twice', () => {
  expect(startOf(proven(begin()), '1.1.0', there)).toEqual({ note: { format: 1, installed: '1.1.0' } });
  const gone = startOf(proven(begin()), '1.0.0', () => false);
  expect([gone.run, gone.note?.failed?.text]).toEqual([undefined, 'its files are gone: what ran before runs again']);
  expect(startOf(undefined, '1.0.0', there)).toEqual({});
});
