/** What a Docker Swarm holds, read into our shapes. */
import { expect, test } from 'vitest';
import { healthOfService, nodesOf } from '#control/stack/stack-health';
import { Store } from '#store/store';
import type { EngineApi } from '#swarm/engine-api';
import { Reader } from '#swarm/reader';

const made = '2026-01-01T00:00:00Z';
const now = Date.parse(made) + 600_000;
const meta = (ID: string) => ({ ID, Version: { Index: 7 }, CreatedAt: made, UpdatedAt: made });

/** An engine that answers what is listed under a path; the swarm's own `host` network is in no list. */
function engine(answers: Readonly<Record<string, unknown>>): EngineApi {
  const get = async (path: string): Promise<unknown> => {
    const [plain = ''] = path.split('?');
    if (!(plain in answers)) throw new Error(`nothing is asked of ${path}`);
    return answers[plain];
  };
  return { get } as unknown as EngineApi;
}

test.each([
  ['global', { Global: {} }, {}],
  ['replicated', { Replicated: { Replicas: 1 } }, { Slot: 1 }],
])('a %s service on the network of its hosts is healthy when its task runs: the task is known as one of the spec in force', async (_what, Mode, place) => {
  const template = { ContainerSpec: { Image: 'agent:1' }, Networks: [{ Target: 'idofhost' }] };
  const reader = new Reader(
    engine({
      '/networks': [],
      '/networks/idofhost': { Id: 'idofhost', Name: 'host', Created: made, Driver: 'host', Labels: { 'com.docker.swarm.predefined': 'true' } },
      '/secrets': [],
      '/configs': [],
      '/nodes': [{ ...meta('n1'), Spec: { Role: 'manager', Availability: 'active' }, Status: { State: 'ready', Addr: '' } }],
      '/services': [{ ...meta('s1'), Spec: { Name: 'agent', TaskTemplate: template, Mode } }],
      '/tasks': [
        {
          ...meta('t1'),
          ServiceID: 's1',
          NodeID: 'n1',
          ...place,
          Spec: template,
          DesiredState: 'running',
          Status: { Timestamp: made, State: 'running', Message: 'started' },
        },
      ],
    }),
  );
  const store = await reader.read(new Store(), now);
  const [service] = [...store.list('service')];
  if (!service) throw new Error('no service');
  expect(service.Spec.TaskTemplate.Networks).toEqual([{ Target: 'host' }]);
  expect(healthOfService(store, service, nodesOf(store), now)).toMatchObject({ state: 'healthy', message: '', running: 1 });
});
