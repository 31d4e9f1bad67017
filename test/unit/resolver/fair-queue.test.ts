/** Who waits for whom when somebody asks in a flood. */
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { FairQueue } from '#resolver/fair-queue';

function filled(): { queue: FairQueue<string>; handled: string[] } {
  const handled: string[] = [];
  return { queue: new FairQueue((message) => void handled.push(message)), handled };
}

test('one who asks in a flood waits for himself, others do not wait for him', async () => {
  const { queue, handled } = filled();
  for (let index = 0; index < 100; index++) queue.add('10.0.1.66', 'flood');
  queue.add('10.0.1.5', 'one');
  await turn();
  await turn();
  expect(handled).toContain('one');
  expect(handled.length).toBeLessThan(40);
});

test('what one asker may have waiting is bounded, and so is what all have; what waits is handled in the end', async () => {
  const { queue, handled } = filled();
  for (let index = 0; index < 10_000; index++) queue.add('10.0.1.66', 'flood');
  for (let index = 0; index < 50_000; index++) queue.add(`10.1.${index >> 8}.${index & 255}`, 'forged');
  while (!queue.empty) await turn();
  expect(handled.filter((message) => message === 'flood')).toHaveLength(128);
  expect(handled).toHaveLength(4096);
  queue.add('10.0.1.5', 'afterwards');
  while (!queue.empty) await turn();
  expect(handled.at(-1)).toBe('afterwards');
});

test('each asker’s messages are handled in their order', async () => {
  const { queue, handled } = filled();
  for (let index = 0; index < 30; index++) for (const asker of ['a', 'b']) queue.add(asker, `${asker}${index}`);
  while (!queue.empty) await turn();
  for (const asker of ['a', 'b'])
    expect(handled.filter((each) => each.startsWith(asker))).toEqual(Array.from({ length: 30 }, (_, index) => `${asker}${index}`));
});
