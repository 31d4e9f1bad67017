import { expect, test } from 'vitest';
import type { Node } from '#model/object/node';
import type { PortConfig, TaskSpec } from '#model/object/service-spec';
import { taskNetwork, type Task } from '#model/object/task';
import { Candidate } from '#stages/scheduler/candidate';
import { acceptsAll, explain, requirementOf, withMaxReplicas } from '#stages/scheduler/filters';
import { aNetwork, aNode, aTask } from '#test/support/cluster-objects';

const filtersFor = (task: Task) => withMaxReplicas(requirementOf(task).filters(), task);

function described(change: Partial<Node['Description']>): Partial<Node> {
  return { Description: { ...aNode('n').Description!, ...change } as NonNullable<Node['Description']> };
}
function plugins(...names: string[]): Partial<Node> {
  const Plugins = names.map((name) => ({ Type: name.split(' ')[0] ?? '', Name: name.split(' ')[1] ?? '' }));
  return described({ Engine: { EngineVersion: '28', Plugins } });
}
function hostPort(PublishedPort: number, Protocol: 'tcp' | 'udp' = 'tcp'): PortConfig {
  return { TargetPort: 80, PublishedPort, Protocol, PublishMode: 'host' };
}
function volume(Name: string): TaskSpec {
  return { ContainerSpec: { Mounts: [{ Type: 'volume', Target: '/x', VolumeOptions: { DriverConfig: { Name } } }] } };
}

const big: TaskSpec = { Resources: { Reservations: { NanoCPUs: 3e9, MemoryBytes: 6e9 } } };
const storageNet = aNetwork('s', { Driver: 'weave' });

const onSealed = { NetworksAttachments: [{ Network: taskNetwork(aNetwork('sealed', { Options: { encrypted: '' } })), Addresses: [] }] };

interface Case {
  task?: Partial<Task>;
  node?: Partial<Node>;
  on?: Partial<Task>[];
  reason?: string;
}

test.each<[string, Case]>([
  ['a ready and active node', {}],
  ['a node that is down', { node: { Status: { State: 'down', Addr: '' } }, reason: '1 node not available for new tasks' }],
  ['a node that is unknown', { node: { Status: { State: 'unknown', Addr: '' } }, reason: '1 node not available for new tasks' }],
  ['a paused node', { node: { Spec: { Role: 'worker', Availability: 'pause' } }, reason: '1 node not available for new tasks' }],
  ['a drained node', { node: { Spec: { Role: 'worker', Availability: 'drain' } }, reason: '1 node not available for new tasks' }],

  ['enough resources', { task: { Spec: big } }],
  ['resources that a running task reserves', { task: { Spec: big }, on: [{ Spec: big }], reason: 'insufficient resources on 1 node' }],
  [
    'resources of a task that is told to stop',
    { task: { Spec: big }, on: [{ Spec: big, DesiredState: 'shutdown' }], reason: 'insufficient resources on 1 node' },
  ],
  ['a node that says nothing of its resources', { task: { Spec: big }, node: described({ Resources: {} }), reason: 'insufficient resources on 1 node' }],
  ['limits, which reserve nothing', { task: { Spec: { Resources: { Limits: { NanoCPUs: 99e9 } } } } }],
  [
    'a generic kind that is not there',
    {
      task: { Spec: { Resources: { Reservations: { GenericResources: [{ DiscreteResourceSpec: { Kind: 'gpu', Value: 1 } }] } } } },
      reason: 'insufficient resources on 1 node',
    },
  ],

  ['a volume driver by its name', { task: { Spec: volume('nfs') }, node: plugins('Volume nfs:latest') }],
  ['a volume driver that is missing', { task: { Spec: volume('nfs') }, node: plugins('Volume local', 'Log nfs'), reason: 'missing plugin on 1 node' }],
  ['a volume driver on a node that says nothing', { task: { Spec: volume('nfs') } }],
  ['the local volume driver, which all have', { task: { Spec: volume('local') }, node: plugins('Volume x') }],
  [
    'a network driver that is missing',
    { task: { NetworksAttachments: [{ Network: storageNet, Addresses: [] }] }, node: plugins('Network bridge'), reason: 'missing plugin on 1 node' },
  ],
  ['our own network driver', { task: { NetworksAttachments: [{ Network: aNetwork('n'), Addresses: [] }] }, node: plugins('Volume local') }],
  ['a log driver that is missing', { task: { Spec: { LogDriver: { Name: 'gelf' } } }, node: plugins('Log syslog'), reason: 'missing plugin on 1 node' }],
  ['a log driver where no log driver is told of', { task: { Spec: { LogDriver: { Name: 'gelf' } } }, node: plugins('Volume local') }],

  ['a constraint that holds', { task: { Spec: { Placement: { Constraints: ['node.role==worker', 'node.labels.a!=b'] } } } }],
  [
    'one of two constraints that does not hold',
    { task: { Spec: { Placement: { Constraints: ['node.role==worker', 'node.labels.a==b'] } } }, reason: 'scheduling constraints not satisfied on 1 node' },
  ],
  [
    'a constraint that cannot be read',
    { task: { Spec: { Placement: { Constraints: ['node.role~worker'] } } }, reason: 'scheduling constraints not satisfied on 1 node' },
  ],

  ['the platform by its other name', { task: { Spec: { Placement: { Platforms: [{ Architecture: 'amd64', OS: 'linux' }] } } } }],
  [
    'arm64 by its other name',
    { task: { Spec: { Placement: { Platforms: [{ Architecture: 'arm64' }] } } }, node: described({ Platform: { Architecture: 'aarch64', OS: 'linux' } }) },
  ],
  ['one of several platforms', { task: { Spec: { Placement: { Platforms: [{ Architecture: 's390x', OS: 'linux' }, { OS: 'linux' }] } } } }],
  ['a network that is encrypted', { task: onSealed, node: described({ Shoal: { Encryption: { Key: 'k', Port: 1 } } }) }],
  [
    'a node that cannot encrypt it',
    { task: onSealed, node: described({ Shoal: { Encryption: { Lacks: 'wg' } } }), reason: 'cannot encrypt networks on 1 node' },
  ],
  ['a node that says nothing of it', { task: onSealed, reason: 'cannot encrypt networks on 1 node' }],
  ['another system', { task: { Spec: { Placement: { Platforms: [{ Architecture: 'amd64', OS: 'windows' }] } } }, reason: 'unsupported platform on 1 node' }],
  [
    'another architecture',
    { task: { Spec: { Placement: { Platforms: [{ Architecture: 'arm64', OS: 'linux' }] } } }, reason: 'unsupported platform on 1 node' },
  ],

  [
    'a host port that is taken',
    {
      task: { Shoal: { ...aTask('x', 'new').Shoal, Ports: [hostPort(80)] } },
      on: [{ Shoal: { ...aTask('x', 'new').Shoal, Ports: [hostPort(80)] } }],
      reason: 'host-mode port already in use on 1 node',
    },
  ],
  [
    'a host port of another protocol',
    { task: { Shoal: { ...aTask('x', 'new').Shoal, Ports: [hostPort(80)] } }, on: [{ Shoal: { ...aTask('x', 'new').Shoal, Ports: [hostPort(80, 'udp')] } }] },
  ],
  [
    'host ports that the engine chooses',
    { task: { Shoal: { ...aTask('x', 'new').Shoal, Ports: [hostPort(0)] } }, on: [{ Shoal: { ...aTask('x', 'new').Shoal, Ports: [hostPort(0)] } }] },
  ],

  ['room for one more replica', { task: { Spec: { Placement: { MaxReplicas: 2 } } }, on: [{}] }],
  ['as many replicas as are allowed', { task: { Spec: { Placement: { MaxReplicas: 2 } } }, on: [{}, {}], reason: 'max replicas per node limit exceed' }],
  ["other services' and unwanted replicas", { task: { Spec: { Placement: { MaxReplicas: 1 } } }, on: [{ ServiceID: 'other' }, { DesiredState: 'shutdown' }] }],

  [
    'a cluster volume',
    { task: { Spec: { ContainerSpec: { Mounts: [{ Type: 'cluster', Target: '/x' }] } } }, reason: 'cannot fulfill requested CSI volume mounts on 1 node' },
  ],
])('%s', (_, { task, node, on = [], reason = '' }) => {
  const filters = filtersFor(aTask('t', 'pending', task));
  const candidate = new Candidate(aNode('n', node));
  on.forEach((change, i) => candidate.add(aTask(`on${i}`, 'running', { NodeID: 'n', ...change })));
  expect(explain(filters, [candidate])).toBe(reason);
  expect(acceptsAll(filters, candidate)).toBe(reason === '');
});

test('reasons come by count, each node counts once, and a tie keeps the order of the filters', () => {
  const filters = filtersFor(aTask('t', 'pending', { Spec: { ...big, Placement: { Constraints: ['node.labels.a==b'] } } }));
  const down = (id: string): Candidate => new Candidate(aNode(id, { Status: { State: 'down', Addr: '' } }));
  const small = (id: string): Candidate => new Candidate(aNode(id, described({ Resources: { NanoCPUs: 1 } })));
  const fine = (id: string): Candidate => new Candidate(aNode(id));
  expect(explain(filters, [down('a'), fine('b'), small('c'), fine('d'), fine('e'), small('f')])).toBe(
    'scheduling constraints not satisfied on 3 nodes; insufficient resources on 2 nodes; 1 node not available for new tasks',
  );
  expect(explain(filters, [fine('a'), down('b'), down('c'), fine('d')])).toBe(
    '2 nodes not available for new tasks; scheduling constraints not satisfied on 2 nodes',
  );
});
