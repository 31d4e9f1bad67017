import { afterEach, beforeEach, expect, test } from 'vitest';
import { LoopDelay } from '#api/routes/process-metrics';
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
