import { expect, test } from 'vitest';
import { assignmentDelta, assignmentItems } from '#stages/dispatcher/assignments';
import type { Kind, ObjectOf } from '#model/object';
import type { Secret } from '#model/secret';
import type { Task } from '#model/task';
import { newMeta, remove, update, type Action } from '#store/action';
import { aNode, aService, aSubnet, aTask, startTime, storeOf } from '#test/support/cluster-objects';

const front = aSubnet('front', '10.5.0.0/24', '10.5.0.1');
const back = aSubnet('back', '10.6.0.0/24', '10.6.0.1');

function file(id: string): Secret {
  return { ...newMeta(id), Spec: { Name: id, Data: 'eA==' } };
}
function using(secrets: string[], configs: string[]): Task['Spec'] {
  const ContainerSpec = {
    Secrets: secrets.map((id) => ({ SecretID: id, SecretName: id })),
    Configs: configs.map((id) => ({ ConfigID: id, ConfigName: id })),
    Privileges: { CredentialSpec: { Config: 'credential' } },
  };
  return { ContainerSpec };
}
function on(nodeId: string, id: string, network = front, change: Partial<Task> = {}): Task {
  return aTask(id, 'running', { NodeID: nodeId, NetworksAttachments: [{ Network: network, Addresses: ['10.5.0.2/24'] }], ...change });
}
function published(id: string): ObjectOf['service'] {
  return aService(id, {}, { Endpoint: { Ports: [{ TargetPort: 80, PublishedPort: 80, PublishMode: 'ingress' }] } });
}

type Objects = { [K in Kind]?: readonly ObjectOf[K][] };

/** A store, and what a change of it means for node n1. */
function deltaOf(objects: Objects, change: (store: ReturnType<typeof storeOf>) => Action[]): unknown[] {
  const store = storeOf({ node: [aNode('n1', { Shoal: { Gateways: { front: '10.5.0.1' } } }), aNode('n2')], ...objects });
  const before = assignmentItems(store, 'n1');
  store.apply(2, { actions: change(store), now: startTime });
  return assignmentDelta(before, assignmentItems(store, 'n1')).map((change) =>
    change.action === 'remove' ? `- ${change.kind} ${change.id}` : `+ ${change.kind}`,
  );
}

test('a node gets its tasks, what they use, its gateways, and the endpoints that concern it', () => {
  const store = storeOf({
    node: [aNode('n1', { Shoal: { Gateways: { front: '10.5.0.254' } } })],
    network: [front, back],
    secret: [file('s1'), file('s2')],
    config: [file('c1'), file('credential')],
    service: [aService('web'), aService('same'), aService('far'), published('public')],
    task: [
      on('n1', 'a', front, { Spec: using(['s1', 'missing'], ['c1']) }),
      on('n1', 'old', back, { Spec: using(['s2'], []), Status: { Timestamp: '', State: 'failed', Message: '' } }),
      on('n1', 'wait', front, { Status: { Timestamp: '', State: 'pending', Message: '' } }),
      on('n2', 'b', front, { ServiceID: 'same' }),
      on('n2', 'c', back, { ServiceID: 'far' }),
    ],
  });
  const items = assignmentItems(store, 'n1');
  expect([...items.keys()].sort()).toEqual([
    'config:c1',
    'config:credential',
    'endpoint:public',
    'endpoint:same',
    'endpoint:web',
    'network:front',
    'secret:s1',
    'task:a',
    'task:old',
  ]);
  expect(items.get('network:front')?.item).toMatchObject({ Network: { ID: 'front' }, Gateway: '10.5.0.254' });
});

test('a node without tasks still hears of published ports; one that is not there of nothing else', () => {
  const store = storeOf({ service: [published('public'), aService('web')], task: [on('n1', 'a')] });
  expect([...assignmentItems(store, 'n9').keys()]).toEqual(['endpoint:public']);
});

const status = (State: Task['Status']['State']): Task['Status'] => ({ Timestamp: 'later', State, Message: 'x' });

test.each<[string, Objects, (store: ReturnType<typeof storeOf>) => Action[], string[]]>([
  ['nothing', { task: [on('n1', 'a')] }, () => [], []],
  ['a status that the agent reported', { task: [on('n1', 'a')] }, () => [update('task', on('n1', 'a', front, { Status: status('running') }))], []],
  ['a wish', { task: [on('n1', 'a')] }, () => [update('task', on('n1', 'a', front, { DesiredState: 'shutdown' }))], ['+ task']],
  ['a task that moved away', { task: [on('n1', 'a')] }, () => [update('task', on('n2', 'a'))], ['- task a', '- network front']],
  [
    'a task that was assigned',
    { network: [front], task: [aTask('a', 'pending')] },
    () => [update('task', on('n1', 'a', front, { Status: status('assigned') }))],
    ['+ network', '+ task'],
  ],
  [
    'the end of the last task that uses a secret',
    { secret: [file('s1')], task: [on('n1', 'a', front, { Spec: using(['s1'], []) })] },
    () => [update('task', on('n1', 'a', front, { Spec: using(['s1'], []), Status: status('failed') }))],
    ['- network front', '- secret s1'],
  ],
  ['a new gateway', { task: [on('n1', 'a')] }, () => [update('node', aNode('n1', { Shoal: { Gateways: { front: '10.5.0.9' } } }))], ['+ network']],
  ["another node's label", { task: [on('n1', 'a')] }, () => [update('node', aNode('n2', { Status: { State: 'down', Addr: '' } }))], []],
  [
    'a task of a service on the same network',
    { service: [aService('web')], task: [on('n1', 'a'), on('n2', 'b', front, { Status: status('starting') })] },
    () => [update('task', on('n2', 'b'))],
    ['+ endpoint'],
  ],
  [
    'a task of a service on another network',
    { service: [aService('web'), aService('far')], task: [on('n1', 'a'), on('n2', 'b', back, { ServiceID: 'far', Status: status('starting') })] },
    () => [update('task', on('n2', 'b', back, { ServiceID: 'far' }))],
    [],
  ],
  ['a published service that goes', { service: [published('public')] }, () => [remove('service', 'public')], ['- endpoint public']],
  [
    'new data of a secret',
    { secret: [file('s1')], task: [on('n1', 'a', front, { Spec: using(['s1'], []) })] },
    () => [update('secret', { ...file('s1'), Spec: { Name: 's1', Data: 'eQ==' } })],
    ['+ secret'],
  ],
  [
    'a secret that is written anew as it was',
    { secret: [file('s1')], task: [on('n1', 'a', front, { Spec: using(['s1'], []) })] },
    () => [update('secret', file('s1'))],
    [],
  ],
])('the delta of %s', (_, objects, change, expected) => {
  expect(deltaOf(objects, change)).toEqual(expected);
});
