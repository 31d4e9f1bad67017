import { expect, test } from 'vitest';
import { affectedNodes } from '#stages/dispatcher/affected';
import type { Task } from '#model/task';
import { create, newMeta, remove, update, type Action } from '#store/action';
import { aNode, aService, aSubnet, aTask, startTime, storeOf } from '#test/support/cluster-objects';

const front = aSubnet('front', '10.5.0.0/24', '10.5.0.1');
const secret = { ...newMeta('s1'), Spec: { Name: 's1', Data: 'eA==' } };

function on(nodeId: string, id: string, change: Partial<Task> = {}): Task {
  return aTask(id, 'running', { NodeID: nodeId, NetworksAttachments: [{ Network: front, Addresses: ['10.5.0.2/24'] }], ...change });
}

function affected(...actions: Action[]): string[] | 'all' {
  const published = aService('public', {}, { Endpoint: { Ports: [{ TargetPort: 80, PublishedPort: 80, PublishMode: 'ingress' }] } });
  const using = { ContainerSpec: { Secrets: [{ SecretID: 's1', SecretName: 's1' }] } };
  const store = storeOf({
    node: [aNode('n1', { Shoal: { Gateways: { front: '10.5.0.1' } } }), aNode('n2', { Shoal: { Gateways: { front: '10.5.0.2' } } }), aNode('n3'), aNode('n4')],
    network: [front],
    secret: [secret],
    service: [aService('web'), published],
    task: [
      on('n1', 'a'),
      on('n2', 'b'),
      aTask('alone', 'running', { NodeID: 'n3', ServiceID: 'alone', Spec: using }),
      aTask('p', 'starting', { NodeID: 'n3', ServiceID: 'public' }),
    ],
  });
  const events = store.apply(2, { actions, now: startTime });
  const nodes = affectedNodes(store, events);
  return nodes === 'all' ? 'all' : [...nodes].sort();
}

const message = { Timestamp: 'later', State: 'running', Message: 'later' } as const;

test.each<[string, Action[], string[] | 'all']>([
  ['a task on no network', [update('task', aTask('alone', 'complete', { NodeID: 'n3', ServiceID: 'alone' }))], ['n3']],
  ['a message of a task', [update('task', on('n1', 'a', { Status: message }))], ['n1']],
  ['the end of a task on a network', [update('task', on('n1', 'a', { Status: { ...message, State: 'failed' } }))], ['n1', 'n2']],
  ['a task that goes from node to node', [update('task', on('n4', 'a'))], ['n1', 'n2', 'n4']],
  ['a task that runs for a published service', [update('task', aTask('p', 'running', { NodeID: 'n3', ServiceID: 'public' }))], 'all'],
  [
    'a message of such a task',
    [update('task', aTask('p', 'starting', { NodeID: 'n3', ServiceID: 'public', Status: { ...message, State: 'starting' } }))],
    ['n3'],
  ],
  ['a published service that goes', [remove('service', 'public')], 'all'],
  ['a service on a network that goes', [remove('service', 'web')], ['n1', 'n2']],
  ["a service's new image", [update('service', aService('web', { TaskTemplate: { ForceUpdate: 1 } }))], []],
  ['a node that goes down', [update('node', aNode('n3', { Status: { State: 'down', Addr: '' } }))], []],
  ["a node's new gateway", [update('node', aNode('n3', { Shoal: { Gateways: { front: '10.5.0.3' } } }))], ['n3']],
  ['a network', [update('network', front)], ['n1', 'n2']],
  ['a secret that is used', [update('secret', secret)], ['n3']],
  ['a new secret', [create('secret', { ...secret, ID: 's2', Spec: { Name: 's2' } })], []],
  ['a pending task', [create('task', aTask('new', 'pending'))], []],
])('%s concerns its nodes', (_, actions, nodes) => {
  expect(affected(...actions)).toEqual(nodes);
});
