import { finish } from '#base/pace/steps';
import { describe, expect, test } from 'vitest';
import { timeText } from '#base/clock';
import { seededRandom } from '#base/random';
import { orchestrate } from '#stages/orchestrator/orchestrator';
import { create, type Action } from '#store/action';
import { boundlessRoom } from '#test/support/boundless-room';
import type { Scope, StageResult } from '#store/stage';
import { Store } from '#store/store';
import { cluster, node, now, service, task } from '#test/support/drafts';

function run(actions: readonly Action[], scope: Scope = 'all'): StageResult {
  const store = new Store();
  store.apply(1, { actions, now });
  let ids = 0;
  return finish(orchestrate(store, { now, newId: () => `new${++ids}`, random: seededRandom(1), scope, room: boundlessRoom() }));
}

const scope = (part: Partial<Record<'services' | 'nodes', string[]>>): Scope => ({
  services: new Set(part.services),
  specs: new Set(),
  nodes: new Set(part.nodes),
  loads: new Set(),
  waiting: false,
  networks: false,
});

test('a new task is all that the service says', () => {
  const of = service(
    { Labels: { a: 'b' }, EndpointSpec: { Mode: 'dnsrr' }, Mode: { ReplicatedJob: {} } },
    { Shoal: { SpecVersion: 4, RegistryAuth: 'auth' }, JobStatus: { JobIteration: { Index: 2 }, LastExecution: '' } },
  );
  const { actions } = run([create('service', of)]);
  expect(actions).toEqual([
    create('task', {
      ID: 'new1',
      Version: { Index: 0 },
      CreatedAt: '',
      UpdatedAt: '',
      Spec: of.Spec.TaskTemplate,
      ServiceID: 'web',
      NodeID: '',
      Status: { Timestamp: timeText(now), State: 'new', Message: 'created', Shoal: { AppliedAt: now } },
      DesiredState: 'complete',
      JobIteration: { Index: 2 },
      Shoal: { ServiceName: 'web', ServiceLabels: { a: 'b' }, SpecVersion: 4, EndpointSpec: { Mode: 'dnsrr' }, RegistryAuth: 'auth' },
    }),
  ]);
});

test.each<[string, object, object | undefined]>([
  ["the cluster's log driver stands in for none", {}, { Name: 'local' }],
  ["the service's own is not doubled", { LogDriver: { Name: 'syslog' } }, undefined],
])('%s', (_name, TaskTemplate, expected) => {
  const { actions } = run([create('cluster', cluster(5, { LogDriver: { Name: 'local' } })), create('service', service({ TaskTemplate }))]);
  expect(actions).toMatchObject([{ object: { Spec: TaskTemplate } }]);
  const [made] = actions;
  expect(made?.type === 'create' && made.kind === 'task' && made.object.Shoal.LogDriver).toEqual(expected);
});

test('tasks without a service stop, and are deleted when they have', () => {
  const orphans = [
    task({ id: 'a' }),
    task({ id: 'b', state: 'failed' }),
    task({ id: 'c', state: 'pending', node: '' }),
    task({ id: 'd', desired: 'remove' }),
    task({ id: 'e', node: 'gone' }),
  ];
  const { actions } = run([create('node', node('n1')), ...orphans.map((one) => create('task', one))]);
  const texts = actions.map((action) =>
    action.type === 'remove' ? `${action.id} removed` : `${action.object.ID} ${(action.object as { DesiredState?: string }).DesiredState}`,
  );
  expect(texts).toEqual(['a remove', 'b removed', 'c removed', 'e removed']);
});

describe('the scope', () => {
  const named = (ID: string, Mode: object): Action => create('service', { ...service({ Mode }), ID });
  const objects = [
    create('node', node('n1')),
    named('one', { Replicated: { Replicas: 2 } }),
    named('two', { Replicated: { Replicas: 2 } }),
    named('all', { Global: {} }),
    create('task', { ...task({ id: 'of-two', slot: 1 }), ServiceID: 'two' }),
    create('task', { ...task({ id: 'of-none', slot: 1 }), ServiceID: 'none' }),
  ];
  test.each<[string, Scope, string[]]>([
    ['everything', 'all', ['one', 'one', 'two', 'all', 'none']],
    ['nothing', scope({}), []],
    ['a service', scope({ services: ['one'] }), ['one', 'one']],
    ['a service that is gone', scope({ services: ['none'] }), ['none']],
    ['a node: its tasks and all that is global', scope({ nodes: ['n1'] }), ['two', 'none', 'all']],
  ])('%s', (_name, part, expected) => {
    const services = run(objects, part).actions.map((action) => (action.type !== 'remove' && action.kind === 'task' ? action.object.ServiceID : '?'));
    expect(services).toEqual(expected);
  });
});

test('the earliest deadline is told', () => {
  const waiting = (id: string, slot: number, at: number): Action =>
    create('task', task({ id, slot, state: 'ready', desired: 'ready', Shoal: { StartAfter: at } }));
  const of = service({ Mode: { Replicated: { Replicas: 2 } } });
  expect(run([create('node', node('n1')), create('service', of), waiting('a', 1, now + 90), waiting('b', 2, now + 40)])).toEqual({
    actions: [],
    wakes: [{ kind: 'service', id: 'web', at: now + 40 }],
  });
});

test('a deadline that the pass itself has done away with is not told', () => {
  const waiting = task({ slot: 1, state: 'ready', desired: 'ready', Shoal: { StartAfter: now + 90 } });
  const of = service({ Mode: { Replicated: { Replicas: 0 } } });
  const { wakes, actions } = run([create('node', node('n1')), create('service', of), create('task', waiting)]);
  expect(actions).toHaveLength(1);
  expect(wakes).toEqual([{ kind: 'service', id: 'web' }]);
});
