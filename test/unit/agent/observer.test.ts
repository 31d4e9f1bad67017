/** Full looks at the engine. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Observer } from '#agent/observer';
import { silentLogger } from '#test/support/silent-logger';
import type { Engine } from '#engine/engine';
import type { ObservedContainer } from '#task/step';
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

test('a node whose engine is away can serve for as long as a restart of one takes, and again when it is back', async () => {
  const clock = new VirtualClock();
  let reached = true;
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' });
  const answer = () => (reached ? Promise.resolve([]) : Promise.reject(refused));
  const engine = { observe: answer, observeNetworks: answer, watch: () => undefined } as unknown as Engine;
  const observer = new Observer({ engine, clock, logger: silentLogger }, () => undefined, new AbortController().signal);
  observer.start();
  await clock.advance(0);
  reached = false;
  observer.refresh(undefined);
  await clock.advance(9_000);
  expect([observer.away, observer.unable()]).toEqual([true, undefined]);
  await clock.advance(1_000);
  expect(observer.unable()).toMatch(/^the Docker Engine does not answer/);
  reached = true;
  await clock.advance(10_000);
  expect([observer.away, observer.unable()]).toEqual([false, undefined]);
});

describe('what steps bring about', () => {
  let observed: string[];
  let tell: (taskId: string, started: boolean) => void;
  let observer: Observer;
  const seen = (state: ObservedContainer['state']): ObservedContainer => ({ containerId: 'c1', taskId: 't1', serviceId: 's1', state, networks: [], ports: [] });

  beforeEach(() => {
    observed = [];
    const observe = (taskId?: string) => {
      observed.push(taskId ?? 'all');
      return Promise.resolve(taskId === undefined ? [] : [seen('running')]);
    };
    const watch: Engine['watch'] = (changed) => (tell = changed);
    const engine = { observe, observeNetworks: () => Promise.resolve([]), watch } as unknown as Engine;
    observer = new Observer({ engine, clock: new VirtualClock(), logger: silentLogger }, () => undefined, new AbortController().signal);
    observer.start();
  });

  test('one that was just created is not looked at, and one that was started once', async () => {
    observer.hold('t1');
    observer.made(seen('created'));
    expect(observer.containers.get('t1')?.state).toBe('created');
    const looked = observer.lookAt('t1');
    tell('t1', true);
    await looked;
    observer.release('t1');
    tell('t1', true);
    expect([observed, observer.containers.get('t1')?.state]).toEqual([['all', 't1'], 'running']);
  });

  test.each([
    ['ends', false, 'running'],
    ['starts and is not seen running', true, 'created'],
  ] as const)('one that %s meanwhile is looked at again', async (_what, started, state) => {
    observer.hold('t1');
    observer.made(seen(state));
    tell('t1', true);
    tell('t1', started);
    tell('t1', true);
    observer.release('t1');
    expect(observed).toEqual(['all', 't1']);
  });
});

test('a container over which the engine hangs keeps no event of another one waiting', async () => {
  const clock = new VirtualClock();
  let answer: (containers: ObservedContainer[]) => void = () => undefined;
  const asked: string[] = [];
  const seen = (taskId: string): ObservedContainer => ({ containerId: taskId, taskId, serviceId: 's1', state: 'exited', networks: [], ports: [] });
  const observe = (taskId?: string): Promise<ObservedContainer[]> => {
    asked.push(taskId ?? 'all');
    if (taskId === 'hangs') return new Promise((resolve) => (answer = resolve));
    return Promise.resolve(taskId === undefined ? [] : [seen(taskId)]);
  };
  const engine = { observe, observeNetworks: () => Promise.resolve([]), watch: () => undefined } as unknown as Engine;
  const observer = new Observer({ engine, clock, logger: silentLogger }, () => undefined, new AbortController().signal);
  observer.start();
  await clock.advance(0);
  observer.refresh('hangs');
  observer.refresh('ends');
  await clock.advance(5000);
  expect([...observer.containers.keys()]).toEqual(['ends']);
  // It is not asked for again before it was answered, and then once more.
  observer.refresh('hangs');
  await clock.advance(10);
  expect(asked).toEqual(['all', 'hangs', 'ends']);
  answer([]);
  await clock.advance(10);
  expect(asked).toEqual(['all', 'hangs', 'ends', 'hangs']);
});
