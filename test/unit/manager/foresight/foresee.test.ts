/** A rollout that is played forward does what the same rollout then does, at the same moments. */
import { expect, test } from 'vitest';
import { finish } from '#base/pace/steps';
import { second } from '#base/text/duration';
import type { UseCase } from '#control/cluster';
import { createService, updateService } from '#control/service/services';
import { foresee } from '#manager/foresight/foresee';
import { foresightLines, foresightMarkdown } from '#model/difference/foresight';
import type { ServiceSpec } from '#model/object/service-spec';
import { seededRandom } from '#base/random';
import { specOf, StagedCluster, withImage } from '#test/support/staged-cluster';

const asForeseen = { prepareMs: 1000, startMs: 1000, stopMs: 1000, end: 'failed' } as const;

function clusterOf(nodes: number): StagedCluster {
  const cluster = new StagedCluster();
  cluster.behaviour = () => asForeseen;
  for (let node = 1; node <= nodes; node++) cluster.addNode(`n${node}`);
  return cluster;
}

function actionsOf<R>(cluster: StagedCluster, useCase: UseCase<R>) {
  let count = 0;
  return useCase(cluster.store, { now: cluster.now, random: seededRandom(1), newId: () => `planned${(count += 1)}` }).actions;
}

const foreseen = (cluster: StagedCluster, useCase: UseCase<unknown>) => finish(foresee(cluster.store, actionsOf(cluster, useCase), cluster.now));

/** What really happens, in the words of a foresight: when which slot runs and is gone. */
function happens(cluster: StagedCluster, change: () => void): string[] {
  const [from, began] = [cluster.story.length, cluster.now];
  change();
  cluster.pass(3_600_000);
  const start = Date.UTC(2026, 0, 1);
  return cluster.story.slice(from).flatMap((line) => {
    const [, time = '', task = '', what = ''] = /^([\d.]+) (\w+\.\w+)#\d+ is (running|shutdown)$/.exec(line) ?? [];
    return time === '' ? [] : [`${(Number(time) - (began - start) / 1000).toFixed(1)} ${task} ${what === 'running' ? 'runs' : 'is gone'}`];
  });
}

const told = (events: ReturnType<typeof foreseen>['events']): string[] =>
  events
    .filter(({ what }) => what === 'runs' || what === 'is gone')
    .map(({ atMs, service, task, what }) => `${(atMs / 1000).toFixed(1)} ${service}.${task} ${what}`);

const rolling = (config: NonNullable<ServiceSpec['UpdateConfig']>): ServiceSpec =>
  specOf('web', 'app:1', { Mode: { Replicated: { Replicas: 4 } }, UpdateConfig: config });

test.each([
  ['one by one', rolling({ Parallelism: 1, Delay: 5 * second, Monitor: second })],
  ['two at a time, the new ones first', rolling({ Parallelism: 2, Delay: 0, Monitor: 3 * second, Order: 'start-first' })],
  ['all at once', rolling({ Parallelism: 0, Monitor: second })],
])('an update %s goes as it was foreseen, and nothing was touched by foreseeing it', (_what, spec) => {
  const cluster = clusterOf(2);
  cluster.createService(spec);
  cluster.pass(60_000);
  const { ID, Version, Spec } = cluster.service('web');
  const { entries } = cluster;
  const seen = foreseen(cluster, updateService(ID, Version.Index, withImage('app:2')(Spec)));
  expect(cluster.entries).toBe(entries);
  const real = happens(cluster, () => cluster.updateService('web', withImage('app:2')));
  expect(told(seen.events)).toEqual(real);
  expect(real).toHaveLength(8);
  expect(seen).toMatchObject({ pending: [], more: 0 });
  expect(seen.endsMs).toBeGreaterThanOrEqual(seen.events.at(-1)?.atMs ?? 0);
});

test('what has no place is said with the reason, and a health check takes its time', () => {
  const cluster = clusterOf(1);
  const spec = specOf('web', 'app:1', { Mode: { Replicated: { Replicas: 3 } }, task: { Placement: { Constraints: ['node.hostname==elsewhere'] } } });
  const { pending, events } = foreseen(cluster, createService(spec));
  expect(events).toEqual([]);
  expect(pending).toEqual([{ service: 'web', tasks: 3, reason: expect.stringContaining('no suitable node') as string }]);
  const checked = specOf('db', 'db:1');
  const runsAt = (health: object): number | undefined => {
    checked.TaskTemplate.ContainerSpec = { Image: 'db:1', Healthcheck: { Test: ['CMD', 'true'], ...health } };
    return foreseen(cluster, createService(checked)).events.find(({ what }) => what === 'runs')?.atMs;
  };
  expect(
    [{}, { Interval: 60 * second }, { StartPeriod: second, Interval: 60 * second }, { StartPeriod: second, StartInterval: 2 * second }].map(runsAt),
  ).toEqual([32_000, 62_000, 7_000, 4_000]);
  checked.TaskTemplate.ContainerSpec = { Image: 'db:1', Healthcheck: { Test: ['CMD', 'true'], Interval: 7 * second } };
  expect(foreseen(cluster, createService(checked)).events.map(({ atMs, what }) => [atMs, what])).toEqual([
    [0, 'starts'],
    [9000, 'runs'],
  ]);
});

test('a foresight has an end, and is told in few words', () => {
  const cluster = clusterOf(1);
  const many = foreseen(cluster, createService(specOf('web', 'app:1', { Mode: { Replicated: { Replicas: 5000 } } })));
  expect(foresightLines(many)).toEqual(['Rollout: not played forward: it is of more than 2000 tasks.']);
  expect(foresightMarkdown(many)).toEqual(['', ...foresightLines(many)]);
  const more = foreseen(cluster, createService(specOf('web', 'app:1', { Mode: { Replicated: { Replicas: 600 } } })));
  expect([more.events.length, more.more]).toEqual([500, 700]);
  const lines = foresightLines(foreseen(cluster, createService(specOf('web', 'app:1'))));
  expect(lines).toEqual([
    expect.stringMatching(/^Rollout, over after 2\.0 s \(tasks take 2 s/) as string,
    '     0.0 s  web.1 starts on n1',
    '     2.0 s  web.1 runs on n1',
  ]);
  expect(foresightMarkdown(foreseen(cluster, createService(specOf('web', 'app:1')))).join('\n')).toContain('<details><summary>Rollout, over after 2.0 s');
  expect(foresightLines({ events: [], more: 0, endsMs: 0, pending: [], assumed: '' })).toEqual([]);
});
