/** Full looks at the engine. */
import { expect, test } from 'vitest';
import { Observer } from '#agent/observer';
import { silentLogger } from '#test/support/silent-logger';
import type { Engine } from '#engine/engine';
import { VirtualClock } from '#test/support/virtual-clock';

test('looks at single tasks do not put off the next full look', async () => {
  const clock = new VirtualClock();
  let fullLooks = 0;
  const observe = (taskId?: string) => {
    if (taskId === undefined) fullLooks++;
    return Promise.resolve([]);
  };
  const engine = { observe, observeNetworks: () => Promise.resolve([]), watch: () => undefined } as unknown as Engine;
  const observer = new Observer({ engine, clock, logger: silentLogger }, () => undefined, new AbortController().signal);
  observer.start();
  for (let second = 0; second < 31; second++) {
    observer.refresh('busy');
    await clock.advance(1000);
  }
  expect(fullLooks).toBe(2);
});
