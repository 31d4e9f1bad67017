/** Whom a node leads clients to while nobody is ready but on nodes that are not heard. */
import { expect, test } from 'vitest';
import { LastKnown } from '#agent/last-known';
import type { EndpointTask, ServiceEndpoint } from '#model/object/assignment';
import { endpointTask, serviceEndpoint } from '../../support/endpoints.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const task = (id: string, state: 'ready' | 'lost' | 'gone'): EndpointTask => ({
  ...endpointTask(id, 1, state === 'ready', 'front 10.0.0.9'),
  ...(state === 'lost' && { Lost: true }),
});
const readyOf = (services: readonly ServiceEndpoint[]) => services.map(({ Tasks }) => Tasks.flatMap(({ TaskID, Ready }) => (Ready ? [TaskID] : [])));

test('the last known are led to for a minute, and only where nobody else is ready', async () => {
  const clock = new VirtualClock();
  let over = 0;
  const known = new LastKnown(clock, () => over++);
  const [web, other] = [
    serviceEndpoint('web', [], [task('a', 'lost'), task('b', 'gone')]),
    serviceEndpoint('other', [], [task('c', 'lost'), task('d', 'ready')]),
  ];
  const led = known.of([web, other]);
  expect([readyOf(led), led[1] === other]).toEqual([[['a'], ['d']], true]);
  await clock.advance(59_000);
  // Another one is missed later, and has a minute of its own.
  const later = serviceEndpoint('web', [], [task('a', 'lost'), task('e', 'lost')]);
  expect(readyOf(known.of([later]))).toEqual([['a', 'e']]);
  await clock.advance(1000);
  expect([over, readyOf(known.of([later]))]).toEqual([1, [['e']]]);
  await clock.advance(60_000);
  expect([over, readyOf(known.of([later]))]).toEqual([2, [[]]]);
  expect(known.of([web])[0]).toBe(web);
});

test('a node that is heard again and missed anew has its minute anew', async () => {
  const clock = new VirtualClock();
  const known = new LastKnown(clock, () => {});
  const [lost, gone] = [serviceEndpoint('web', [], [task('a', 'lost')]), serviceEndpoint('web', [], [task('a', 'gone')])];
  known.of([lost]);
  await clock.advance(61_000);
  expect([known.of([lost]), known.of([gone]), known.of([lost])].map(readyOf)).toEqual([[[]], [[]], [['a']]]);
});
