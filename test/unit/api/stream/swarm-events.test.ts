import { expect, test } from 'vitest';
import { SwarmEvents, swarmEvent, type SwarmEvent } from '#api/stream/swarm-events';
import type { ReconcileEvent } from '#api/dependencies';
import { createConfig, removeConfig } from '#control/configs';
import type { Stack } from '#model/object/stack';
import type { Service } from '#model/object/service';
import { initialisedCluster } from '#test/support/memory-cluster';

function service(image: string, replicas: number, state?: string): Service {
  return {
    ID: 's1',
    UpdatedAt: '2026-01-01T00:00:00.000Z',
    Spec: { Name: 'web', TaskTemplate: { ContainerSpec: { Image: image } }, Mode: { Replicated: { Replicas: replicas } } },
    ...(state && { UpdateStatus: { State: state, Message: '' } }),
  } as Service;
}

test('an update says what changed', () => {
  const event = swarmEvent({ kind: 'service', id: 's1', previous: service('a', 1), object: service('b', 1, 'updating') }, 0);
  expect(event).toMatchObject({
    Type: 'service',
    Action: 'update',
    scope: 'swarm',
    time: 1767225600,
    Actor: { ID: 's1', Attributes: { name: 'web', 'image.old': 'a', 'image.new': 'b', 'updatestate.new': 'updating' } },
  });
  expect(Object.keys(event?.Actor.Attributes ?? {})).not.toContain('replicas.new');
});

test('tasks and our own kinds have no events', () => {
  expect(swarmEvent({ kind: 'task', id: 't' }, 0)).toBeUndefined();
  expect(swarmEvent({ kind: 'stack', id: 't' }, 0)).toBeUndefined();
});

test('a stack that somebody deploys, changes and removes by hand is told of; how it fares, and what a repository does, is not told here', () => {
  const stack = (Digest: string, Kind = 'deploy') =>
    ({ ID: 't', UpdatedAt: '2026-01-01T00:00:00.000Z', Spec: { Name: 'shop' }, Source: { Kind }, Digest }) as Stack;
  const told = (object: Stack | undefined, previous?: Stack) => {
    const event = swarmEvent({ kind: 'stack', id: 't', ...(object && { object }), ...(previous && { previous }) }, 0);
    return event && `${event.Type} ${event.Action} ${event.Actor.ID} ${event.Actor.Attributes['name']}`;
  };
  expect([told(stack('1')), told(stack('2'), stack('1')), told(undefined, stack('2'))]).toEqual([
    'stack applied shop shop',
    'stack applied shop shop',
    'stack removed shop shop',
  ]);
  expect([told(stack('1'), stack('1')), told(stack('2', 'repository'), stack('1', 'repository')), told(undefined, stack('1', 'repository'))]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

const nobody = { watch: () => () => undefined };

test('commits are published, and the last 1,024 kept', () => {
  const cluster = initialisedCluster();
  const events = new SwarmEvents(cluster, nobody, { now: () => 0, index: () => 1 });
  const heard: SwarmEvent[] = [];
  events.listen((event) => heard.push(event));
  for (let i = 0; i < 600; i++) {
    cluster.run(createConfig({ Name: `c${i}`, Data: 'eA==' }));
    cluster.run(removeConfig(`c${i}`));
  }
  expect(heard).toHaveLength(1200);
  expect(events.recent()).toHaveLength(1024);
  expect(events.recent().at(-1)).toMatchObject({ Action: 'remove', Actor: { Attributes: { name: 'c599' } } });
  events.stop();
});

test('what the reconciler does is among them, in docker’s shape', () => {
  const listeners: ((event: ReconcileEvent) => void)[] = [];
  const kept: string[] = [];
  const watching = { watch: (listener: (event: ReconcileEvent) => void) => (listeners.push(listener), () => undefined) };
  const next = new SwarmEvents(initialisedCluster(), watching, { now: () => 0, index: () => 7 }, { lines: kept, keep: (line) => void kept.push(line) });
  listeners.at(-1)?.({ time: '2026-01-01T00:00:00.250Z', type: 'stack', name: 'web', action: 'drift reverted', message: 'web_front: image' });
  kept.push('half a li', '{"time":1}', 'null');
  expect(next.recent()).toEqual([
    {
      Type: 'stack',
      Action: 'drift reverted',
      Actor: { ID: 'web', Attributes: { name: 'web', message: 'web_front: image' } },
      scope: 'swarm',
      time: 1767225600,
      timeNano: 1767225600250 * 1e6,
    },
  ]);
});

test('what an earlier daemon kept is not told again when the log is read once more', () => {
  const cluster = initialisedCluster();
  const kept: string[] = [];
  let index = 4;
  const events = new SwarmEvents(
    cluster,
    nobody,
    { now: () => 0, index: () => index },
    { lines: kept, keep: (line) => void kept.push(line), had: (at) => at <= 5 },
  );
  for (const name of ['c4', 'c5', 'c6']) {
    cluster.run(createConfig({ Name: name, Data: 'eA==' }));
    index++;
  }
  expect(kept.map((line) => JSON.parse(line) as object)).toMatchObject([{ index: 6, Actor: { Attributes: { name: 'c6' } } }]);
  expect(events.recent()[0]).not.toHaveProperty('index');
  events.stop();
});
