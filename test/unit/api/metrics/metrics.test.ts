import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LoopDelay } from '#api/metrics/process-metrics';
import { compareTexts } from '#base/text/text';
import { create, newMeta, type StoreEvent } from '#store/action';
import { Metrics } from '#api/metrics/metrics';
import { initialisedCluster } from '#test/support/memory-cluster';
import { realClock } from '#test/support/real-clock';
import type { Task } from '#model/object/task';
import { aService } from '#test/support/cluster-objects';
import { startApi, type ApiFixture } from '#test/support/api-fixture';

let api: ApiFixture;
beforeEach(async () => void (api = await startApi()));
afterEach(() => api.stop());

test('counts by state, and states that nothing is in', async () => {
  await api.http('POST', '/services/create', { Name: 'web', Mode: { Replicated: { Replicas: 3 } }, TaskTemplate: { ContainerSpec: { Image: 'x' } } });
  const { text, headers } = await api.http('GET', '/metrics');
  expect(headers['content-type']).toContain('text/plain');
  expect(text).toContain('shoal_nodes{state="ready"} 1\n');
  expect(text).toContain('shoal_tasks{state="running"} 3\n');
  expect(text).toContain('shoal_services 1\n');
  expect(text).toContain(`shoal_raft_applied_index ${api.cluster.store.index}\n`);
  expect(text).toContain('shoal_read_only 0\n');
  expect(text).toMatch(/^shoal_event_loop_delay_seconds\{quantile="0.99"\} \d/m);
  for (const name of ['process_cpu_seconds_total', 'process_open_fds', 'process_start_time_seconds']) expect(text).toMatch(new RegExp(`^${name} \\d`, 'm'));
  for (const line of [
    // A counter that began with 1 would hide its first count from whoever looks at increases.
    'shoal_service_rollbacks_total{service="web"} 0',
    'shoal_service_restarts_total{service="web"} 0',
    'shoal_raft_proposals_total{result="failed"} 0',
    'shoal_nodes{state="down"} 0',
    'shoal_tasks{state="failed"} 0',
    'shoal_service_tasks_wanted{service="web"} 3',
    'shoal_service_tasks_running{service="web"} 3',
  ])
    expect(text).toContain(`${line}\n`);
  expect(text).toContain('shoal_api_requests_total{method="POST",route="/services/create",code="201"} 1\n');
  expect(text).toMatch(/^process_resident_memory_bytes \d{7,}$/m);
  await api.http('DELETE', '/services/web');
  expect((await api.http('GET', '/metrics')).text).toContain('shoal_tasks{state="running"} 0\n');
  expect((await api.http('GET', '/metrics')).text).not.toContain('service="web"');
});

test('answers outside a cluster too', async () => {
  Object.assign(api.status, { LocalNodeState: 'inactive', ControlAvailable: false });
  expect((await api.http('GET', '/metrics')).status).toBe(200);
  expect((await api.http('GET', '/healthz')).text).toBe('ok');
});

test('the loop’s delay is of the last minute or two, whoever reads it and how often', () => {
  let now = 0;
  let nanoseconds = 500e6;
  let resets = 0;
  const histogram = { count: 1, percentile: () => nanoseconds, reset: () => void resets++, enable: () => true, disable: () => true };
  const delay = new LoopDelay(() => now, histogram);
  const told = () => delay.seconds().map(([, seconds]) => Math.round(seconds * 1000));
  expect([told(), told(), resets]).toEqual([[400, 400, 400], [400, 400, 400], 0]);
  now = 61_000;
  expect([told(), resets]).toEqual([[400, 400, 400], 1]);
  nanoseconds = 150e6;
  expect(told()).toEqual([400, 400, 400]);
  now = 122_000;
  told();
  expect(told()).toEqual([50, 50, 50]);
});

test('tasks without a node are counted by what keeps them from one, and each reason with none is 0', async () => {
  const resting = await startApi({ cluster: initialisedCluster() });
  const waiting = (id: string, Err?: string) =>
    create('task', {
      ...newMeta(id),
      Spec: {},
      ServiceID: 's',
      Slot: 1,
      NodeID: '',
      Status: { Timestamp: '', State: 'pending', Message: '', ...(Err !== undefined && { Err }) },
      DesiredState: 'running',
      Shoal: { ServiceName: 's', ServiceLabels: {}, SpecVersion: 0 },
    } as Task);
  await resting.cluster.submit(() => ({
    actions: [
      waiting('a'),
      waiting('b', 'no suitable node (scheduling constraints not satisfied on 2 nodes; insufficient resources on 1 node)'),
      waiting('c', 'no suitable node (insufficient resources on 2 nodes; 1 node not available for new tasks)'),
      waiting('d', 'no address is left in network x'),
    ],
    result: undefined,
  }));
  const { text } = await resting.http('GET', '/metrics');
  await resting.stop();
  const counts = Object.fromEntries([...text.matchAll(/^shoal_tasks_pending\{reason="(\w+)"\} (\d+)$/gm)].map(([, reason, count]) => [reason, Number(count)]));
  expect(counts).toEqual({
    unavailable: 0,
    resources: 1,
    plugin: 0,
    encryption: 0,
    constraints: 1,
    platform: 0,
    port: 0,
    max_replicas: 0,
    volume: 0,
    new: 1,
    other: 1,
  });
});

test('what the parts of the daemon tell is shown, and forgotten with the service or repository that it names', async () => {
  const names = ['web'];
  const view = {
    list: (kind: string) => (kind === 'service' ? names.map((Name) => ({ ID: Name, Spec: { Name, TaskTemplate: {} } })) : []),
    find: () => [],
    tasksOfService: () => [],
    taskStates: () => new Map(),
    count: () => 0,
  };
  let commit: (events: readonly StoreEvent[]) => void = () => {};
  const metrics = new Metrics({
    cluster: { read: async () => view, watch: (listener: typeof commit) => ((commit = listener), () => {}) } as never,
    swarm: { status: () => ({ LocalNodeState: 'active', ControlAvailable: true }) } as never,
    reconciler: {} as never,
    clock: realClock,
    metrics: {
      raftIndex: () => 0,
      leads: () => true,
      readOnly: () => false,
      network: async () => [],
      log: () => ({ term: 4, proposalsPending: 2, bytes: async () => ({ log: 10, snapshots: 20 }) }),
    },
  });
  metrics.meter.count('shoal_service_restarts_total', { service: 'web' });
  metrics.meter.took('shoal_raft_commit_seconds', 0.003);
  metrics.meter.note('shoal_repository_last_success_timestamp_seconds', 5, { repository: 'gone' });
  const [text, again] = await Promise.all([metrics.text(), metrics.text()]);
  expect(again).toBe(text);
  for (const line of [
    'shoal_service_restarts_total{service="web"} 1',
    'shoal_raft_commit_seconds_bucket{le="0.005"} 1',
    'shoal_raft_commit_seconds_sum 0.003',
    'shoal_raft_proposals_pending 2',
    'shoal_raft_term 4',
    'shoal_raft_disk_bytes{what="log"} 10',
    'shoal_raft_disk_bytes{what="snapshots"} 20',
  ])
    expect(text).toContain(`${line}\n`);
  expect(text).not.toContain('repository="gone"');
  // Of what goes nothing is kept until somebody scrapes, who may never come.
  names.push('api');
  metrics.meter.count('shoal_service_restarts_total', { service: 'api' });
  commit([{ kind: 'service', id: 'api', previous: aService('api') }]);
  const kept = await metrics.text();
  expect([kept.includes('restarts_total{service="web"}'), kept.includes('restarts_total{service="api"} 0')]).toEqual([true, true]);
  names.length = 0;
  expect(await metrics.text()).not.toContain('service="web"');
});

test('each name says its type, as what checks metrics wants it', async () => {
  const { text } = await api.http('GET', '/metrics');
  const types = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type = '']) => ({ name, type }));
  expect(types.filter(({ name, type }) => name.endsWith('_total') !== (type === 'counter'))).toEqual([]);
  const quantiles = new Set([...text.matchAll(/^(\w+)\{[^}]*quantile=/gm)].map(([, name]) => name));
  expect(types.filter(({ name }) => quantiles.has(name))).toEqual([{ name: 'shoal_event_loop_delay_seconds', type: 'summary' }]);
});

test('the table in the docs is fresh', async () => {
  const { text } = await api.http('GET', '/metrics');
  const described = [...text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\w+)$/gm)].map(([, name, help, type]) => ({ name, help, type }));
  expect(described.length).toBeGreaterThan(40);
  const rows = described.toSorted((a, b) => compareTexts(a.name ?? '', b.name ?? '')).map(({ name, help, type }) => `| \`${name}\` | ${type} | ${help} |`);
  const head =
    '# What /metrics tells\n\nMade from the daemon’s own answer; durations are histograms (`_bucket`, `_sum`, `_count`).\n\n| name | type | what it is |\n|---|---|---|\n';
  await expect(`${head}${rows.join('\n')}\n`).toMatchFileSnapshot(new URL('../../../../src/api/METRICS.md', import.meta.url).pathname);
});

test('each alert of the monitoring stack looks at what there is', () => {
  const place = (path: string): string => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8');
  const known = new Set([...place('src/api/METRICS.md').matchAll(/`(\w+)`/g)].map(([, name]) => name));
  const used = [...place('stacks/monitoring/alerts.yml').matchAll(/^ +expr: (.*)$/gm)].flatMap(([, text = '']) => text.match(/\b(?:shoal|process)_\w+/g) ?? []);
  expect(used.length).toBeGreaterThan(12);
  expect(used.map((name) => name.replace(/_(?:bucket|sum|count)$/, '')).filter((name) => !known.has(name))).toEqual([]);
});
