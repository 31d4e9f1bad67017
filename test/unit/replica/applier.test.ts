/** What is committed reaches the state once and in order, or the process ends. */
import { expect, test } from 'vitest';
import type { Entry } from '#raft/message';
import { Applier } from '#replica/applier';
import type { Outcome } from '#replica/replicated-log';

const entry = (index: number): Entry => ({ index, term: 1, kind: 'normal', bytes: Buffer.from('x') });

function applierAt(index: number, apply: () => Outcome | Promise<Outcome> = () => ({ applied: true })): Applier {
  const unexpected = (): never => {
    throw new Error('nothing else is asked for');
  };
  const machine = { apply, snapshot: unexpected, restore: unexpected };
  return new Applier(index, { machine, read: unexpected, applied: () => {}, restored: unexpected, failed: unexpected });
}

test('an entry follows the one before it', () => {
  const applier = applierAt(7);
  applier.apply([entry(8), entry(9)]);
  expect(applier.index).toBe(9);
  expect(() => applier.apply([entry(9)])).toThrow('entry 9 is applied after 9');
  expect(() => applierAt(7).apply([entry(9)])).toThrow('entry 9 is applied after 7');
});

test('a batch comes when the one before is applied', () => {
  const applier = applierAt(0, () => new Promise(() => {}));
  applier.apply([entry(1)]);
  expect(() => applier.apply([entry(2)])).toThrow('a batch comes when the one before is applied');
});
