/** What of a change is news to a node. */
import { expect, test } from 'vitest';
import type { Task, TaskMemory } from '#model/object/task';
import { differs, itemOf } from '#stages/dispatcher/item';
import { aNetwork, aNode, aService, aTask, storeOf } from '#test/support/cluster-objects';

const before = aTask('t1', 'running', { NodeID: 'n1' });
const news = (after: Task): boolean => differs({ action: 'update', kind: 'task', item: before }, { action: 'update', kind: 'task', item: after });
const remembering = (memory: Partial<TaskMemory>): Task => ({ ...before, Shoal: { ...before.Shoal, ...memory } });

test.each<[string, Partial<TaskMemory>]>([
  ['how far its slot is in a rollout', { Rollout: { ID: 'r1', DoneAt: 5 } }],
  ['the spec that it was taken over into', { SpecVersion: 7 }],
  ['restarts that are counted', { Restart: true, Restarts: [1, 2] }],
  ['when it may start, which its desired state says in time', { StartAfter: 5, StartDelay: 5, StartAfterTasks: { IDs: ['t0'], Until: 9 } }],
])('no news: %s', (_what, memory) => expect(news(remembering(memory))).toBe(false));

test.each<[string, Task]>([
  ['its desired state', { ...before, DesiredState: 'shutdown' }],
  ['credentials for its image', remembering({ RegistryAuth: 'abc' })],
  ['its ports', remembering({ Ports: [{ TargetPort: 80, PublishedPort: 8080, PublishMode: 'host' }] })],
  ["the cluster's log driver", remembering({ LogDriver: { Name: 'local' } })],
  ['a status that no agent reported', { ...before, Status: { ...before.Status, State: 'assigned' } }],
])('news: %s', (_what, task) => expect(news(task)).toBe(true));

test('a peer is reached where its data path is, and said to show clients by its version', () => {
  const shoal = { Gateways: { net: '10.0.0.9' } };
  const description = (Shoal: object) => ({ Hostname: 'h', Platform: { Architecture: '', OS: '' }, Resources: {}, Engine: { EngineVersion: '' }, Shoal });
  const node = aNode('n1', { Shoal: shoal, Status: { State: 'ready', Addr: '192.0.2.1' } });
  const peer = (Shoal: object) => itemOf(storeOf({ node: [{ ...node, Description: description(Shoal) }] }), 'peer:net/n1')?.item;
  expect(peer({ FeatureLevel: 2 })).toEqual({ ID: 'net/n1', NodeID: 'n1', NetworkID: 'net', Gateway: '10.0.0.9', Address: '192.0.2.1' });
  expect(peer({ FeatureLevel: 3, DataPathAddr: '198.51.100.1' })).toMatchObject({ Address: '198.51.100.1', ShowsClients: true });
});

test('that nobody hears a peer is said where it may be asked for names', () => {
  const node = aNode('n1', { Shoal: { Gateways: { net: '10.0.0.9', ingress: '10.1.0.9' } }, Status: { State: 'down', Addr: '192.0.2.1' } });
  const view = storeOf({ node: [node], network: [aNetwork('net'), aNetwork('ingress', { Ingress: true })] });
  expect(itemOf(view, 'peer:net/n1')?.item).toMatchObject({ Down: true });
  expect(itemOf(view, 'peer:ingress/n1')?.item).not.toHaveProperty('Down');
});

test('where the managers are is told by address and id, in one order', () => {
  const Status = (Addr: string) => ({ State: 'ready' as const, Addr });
  const node = [aNode('b', { Status: Status('192.0.2.1') }), aNode('w', { Status: Status('192.0.2.3') }), aNode('a', { Status: Status('192.0.2.2') })];
  const role = (Role: 'manager' | 'worker') => ({ Role, Availability: 'active' as const });
  const nodes = node.map((each) => ({ ...each, Spec: role(each.ID === 'w' ? 'worker' : 'manager') }));
  for (const order of [nodes, nodes.toReversed()]) {
    expect(itemOf(storeOf({ node: order }), 'managers:all')?.item).toMatchObject({ Addresses: ['192.0.2.1:2377', '192.0.2.2:2377'], NodeIDs: ['b', 'a'] });
  }
});

test('a service is told with what its labels say of its ports', () => {
  const Ports = [{ TargetPort: 80, PublishedPort: 8080, PublishMode: 'ingress' as const }];
  const service = aService('web', { Labels: { 'shoal.sticky': 'true', 'shoal.source': 'local' } }, { Endpoint: { Spec: { Ports }, Ports } });
  expect(itemOf(storeOf({ service: [service] }), `service:${service.ID}`)?.item).toMatchObject({
    Ports: [{ PublishedPort: 8080, Options: { Source: 'local', Sticky: true } }],
  });
});

test('by which key a peer is known goes to those on encrypted networks alone', () => {
  const Encryption = { Key: `${'A'.repeat(43)}=`, Next: `${'E'.repeat(43)}=`, Port: 51_820 };
  const node = aNode('n1', { Shoal: { Gateways: { net: '10.0.0.9' } } });
  const description = { ...node.Description, Shoal: { Encryption } } as NonNullable<typeof node.Description>;
  const peer = (Options: Record<string, string>) =>
    itemOf(storeOf({ node: [{ ...node, Description: description }], network: [aNetwork('net', { Options })] }), 'peer:net/n1')?.item;
  expect(peer({ encrypted: '' })).toMatchObject({ Encryption });
  expect(peer({ encrypted: 'false' })).not.toHaveProperty('Encryption');
  expect(peer({})).not.toHaveProperty('Encryption');
  const down = { ...node, Description: description, Status: { ...node.Status, State: 'down' as const } };
  expect(itemOf(storeOf({ node: [down], network: [aNetwork('net', { Options: { encrypted: '' } })] }), 'peer:net/n1')?.item).not.toHaveProperty('Encryption');
});

test('a task that is to end only because its node is not heard is said to be lost', () => {
  const network = aNetwork('net');
  const backend = (State: 'down' | 'ready', more: Partial<Task>) => {
    const task = aTask('t1', 'running', { NodeID: 'n1', NetworksAttachments: [{ Network: network, Addresses: ['10.0.0.5/24'] }], ...more });
    return itemOf(storeOf({ node: [aNode('n1', { Status: { State, Addr: '' } })], task: [task] }), 'backend:t1')?.item;
  };
  expect(backend('down', { DesiredState: 'shutdown' })).toMatchObject({ Ready: false, Lost: true });
  expect(backend('down', { DesiredState: 'running' })).not.toHaveProperty('Lost');
  for (const item of [backend('ready', { DesiredState: 'shutdown' }), backend('down', { DesiredState: 'remove' })]) {
    expect(item).toMatchObject({ Ready: false });
    expect(item).not.toHaveProperty('Lost');
  }
});
