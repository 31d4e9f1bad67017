import { expect, test } from 'vitest';
import type { AssignmentChange, AssignmentMessage } from '#model/object/assignment';
import { Pieces, toPieces } from '#rpc/assignment-wire';
import { makeSecret, makeTask } from '#test/support/worker';

const secret = (id: string): AssignmentChange => ({ action: 'update', kind: 'secret', item: makeSecret(id, id, 'x'.repeat(100_000)) });
const message: AssignmentMessage = {
  type: 'complete',
  appliesTo: 0,
  resultsIn: 7,
  changes: [
    ...Array.from({ length: 20 }, (_, i) => secret(`s${i}`)),
    { action: 'update', kind: 'task', item: makeTask('t1') },
    { action: 'remove', kind: 'task', id: 't0 ü' },
  ],
};

test('a large set goes in pieces and is whole with the last one', () => {
  const pieces = [...toPieces(message)];
  expect(pieces.length).toBeGreaterThan(5);
  for (const { changes } of pieces) expect(changes.reduce((sum, { item }) => sum + (item?.length ?? 0), 0)).toBeLessThan(500_000);
  const joined = new Pieces();
  expect(pieces.slice(0, -1).map((piece) => joined.add(piece))).toEqual(pieces.slice(1).map(() => undefined));
  expect(joined.add(pieces.at(-1)!)).toEqual(message);
});

test('an empty set is one piece', () => {
  expect([...toPieces({ ...message, changes: [] })]).toEqual([{ acknowledge: false, complete: true, appliesTo: 0, resultsIn: 7, last: true, changes: [] }]);
});

test('what many nodes hold is encoded once', () => {
  const bytes = () => [...toPieces(message)][0]?.changes[0]?.item;
  expect(bytes()).toBe(bytes());
});
