import { afterEach, beforeEach, expect, test } from 'vitest';
import { startApi, type ApiFixture } from '#test/support/api-fixture';

let api: ApiFixture;
beforeEach(async () => void (api = await startApi()));
afterEach(() => api.stop());

test('counts by state, and forgets states that are gone', async () => {
  await api.http('POST', '/services/create', { Name: 'web', Mode: { Replicated: { Replicas: 3 } }, TaskTemplate: { ContainerSpec: { Image: 'x' } } });
  const { text, headers } = await api.http('GET', '/metrics');
  expect(headers['content-type']).toContain('text/plain');
  expect(text).toContain('shoal_nodes{state="ready"} 1\n');
  expect(text).toContain('shoal_tasks{state="running"} 3\n');
  expect(text).toContain('shoal_services 1\n');
  expect(text).toContain(`shoal_raft_applied_index ${api.cluster.store.index}\n`);
  expect(text).toContain('shoal_read_only 0\n');
  expect(text).toMatch(/^shoal_event_loop_delay_seconds\{percentile="99"\} \d/m);
  expect(text).toMatch(/^process_resident_memory_bytes \d{7,}$/m);
  await api.http('DELETE', '/services/web');
  expect((await api.http('GET', '/metrics')).text).not.toContain('shoal_tasks{state="running"}');
});

test('answers outside a cluster too', async () => {
  Object.assign(api.status, { LocalNodeState: 'inactive', ControlAvailable: false });
  expect((await api.http('GET', '/metrics')).status).toBe(200);
  expect((await api.http('GET', '/healthz')).text).toBe('ok');
});
