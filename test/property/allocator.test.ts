/** Whatever is made, changed and ended in whatever order: nothing is ever given twice. */
import fc from 'fast-check';
import { test } from 'vitest';
import { allocate } from '#stages/allocator/allocator';
import { allocateGateways } from '#stages/allocator/gateways';
import { addressNumber, overlaps, parseSubnet } from '#model/ipv4';
import type { PortConfig } from '#model/object/service-spec';
import { isTerminal } from '#model/object/task-state';
import { create, remove, update, type Action } from '#store/action';
import type { Store } from '#store/store';
import { aCluster, aNetwork, aNode, aService, aTask, runStage, startTime, storeOf } from '#test/support/cluster-objects';

const port = fc.record({
  TargetPort: fc.integer({ min: 1, max: 4 }),
  PublishedPort: fc.constantFrom(0, 0, 80, 81, 30_000, 30_001),
  Protocol: fc.constantFrom('tcp' as const, 'udp' as const),
  PublishMode: fc.constantFrom('ingress' as const, 'ingress' as const, 'host' as const),
});
const ports = fc.uniqueArray(port, { maxLength: 3, selector: (p) => (p.PublishedPort ? `${p.Protocol}${p.PublishedPort}` : p) });

const step = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('network' as const), subnet: fc.constantFrom(undefined, undefined, '10.0.0.0/28', '10.0.0.32/27', '10.2.0.0/29') }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('service' as const), ports }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('change' as const), which: fc.nat(9), ports }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('tasks' as const),
      which: fc.nat(9),
      networks: fc.uniqueArray(fc.nat(2), { minLength: 1, maxLength: 2 }),
      count: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('assign' as const), which: fc.nat(30), node: fc.constantFrom('n1', 'n2', 'n3') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat(30) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('drop' as const),
      kind: fc.constantFrom('network' as const, 'service' as const, 'task' as const),
      which: fc.nat(9),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function pick<T>(items: Iterable<T>, which: number): T | undefined {
  const list = [...items];
  return list[which % Math.max(list.length, 1)];
}

function withPorts(id: string, Ports: readonly PortConfig[]): ReturnType<typeof aService> {
  return aService(id, { EndpointSpec: { Mode: 'vip', Ports } });
}

function actionsOf(store: Store, move: Step, serial: number): Action[] {
  switch (move.do) {
    case 'network':
      return [create('network', aNetwork(`net${serial}`, move.subnet ? { IPAM: { Config: [{ Subnet: move.subnet }] } } : {}))];
    case 'service':
      return [create('service', withPorts(`s${serial}`, move.ports))];
    case 'change': {
      const service = pick(store.list('service'), move.which);
      return service ? [update('service', { ...service, Spec: withPorts(service.ID, move.ports).Spec })] : [];
    }
    case 'tasks': {
      const service = pick(store.list('service'), move.which);
      const Networks = move.networks.flatMap((which) => pick(store.list('network'), which) ?? []).map(({ ID }) => ({ Target: ID }));
      return Array.from({ length: move.count }, (_, i) =>
        create('task', aTask(`t${serial}.${i}`, 'new', { ServiceID: service?.ID ?? '', Spec: { Networks } })),
      );
    }
    case 'assign': {
      const task = pick(
        [...store.list('task')].filter((one) => one.Status.State === 'pending'),
        move.which,
      );
      return task ? [update('task', { ...task, NodeID: move.node, Status: { ...task.Status, State: 'assigned' } })] : [];
    }
    case 'end': {
      const task = pick(store.list('task'), move.which);
      return task ? [update('task', { ...task, Status: { ...task.Status, State: 'shutdown' } })] : [];
    }
    case 'drop': {
      const object = pick<{ ID: string }>(store.list(move.kind), move.which);
      return object ? [remove(move.kind, object.ID)] : [];
    }
  }
}

function fail(text: string): never {
  throw new Error(text);
}

function once(seen: Set<string>, key: string): void {
  if (seen.has(key)) fail(`${key} is given twice`);
  seen.add(key);
}

function checkSubnets(store: Store): void {
  const subnets = [...store.list('network')].flatMap((network) =>
    (network.IPAMOptions?.Configs ?? []).map(({ Subnet }) => ({ name: network.ID, asked: network.Spec.IPAM !== undefined, range: parseSubnet(Subnet)! })),
  );
  const used = parseSubnet('10.0.0.0/29')!;
  subnets.forEach((a, i) => {
    if (!a.asked && overlaps(a.range, used)) fail(`${a.name} has what a host uses`);
    for (const b of subnets.slice(i + 1)) if (overlaps(a.range, b.range)) fail(`${a.name} and ${b.name} overlap`);
  });
}

function checkAddresses(store: Store): void {
  const seen = new Set<string>();
  for (const task of store.list('task')) {
    if (isTerminal(task.Status.State)) continue;
    for (const { Network, Addresses } of task.NetworksAttachments ?? []) {
      const address = addressNumber(Addresses[0]) ?? fail('no address');
      const subnet = parseSubnet(store.get('network', Network.ID)?.IPAMOptions?.Configs?.[0]?.Subnet ?? Addresses[0]) ?? fail('no subnet');
      if (address <= subnet.first || address >= subnet.last) fail(`${Addresses[0]} is no host of ${Network.ID}`);
      once(seen, `${Network.ID} ${address}`);
    }
  }
  for (const node of store.list('node')) {
    for (const [id, gateway] of Object.entries(node.Shoal?.Gateways ?? {})) once(seen, `${id} ${addressNumber(gateway)}`);
  }
}

function checkPorts(store: Store): void {
  const seen = new Set<string>();
  for (const service of store.list('service')) {
    for (const given of service.Endpoint?.Ports ?? []) {
      if (given.PublishMode === 'ingress') once(seen, `${given.Protocol}/${given.PublishedPort}`);
    }
  }
}

/** A gateway that is freed may be the address that a task waits for: that takes a second round, and never a fourth. */
function settle(store: Store): void {
  for (let round = 0; round < 4; round++) {
    if (runStage(store, allocate).length + runStage(store, allocateGateways).length === 0) return;
  }
  fail('the stages do not come to rest');
}

test('no subnet, address, gateway or port is ever given twice, and the stages come to rest', () => {
  const used = aNode('n1');
  fc.assert(
    fc.property(fc.array(fc.array(step, { minLength: 1, maxLength: 5, size: 'max' }), { maxLength: 20, size: 'max' }), (rounds) => {
      const store = storeOf({
        cluster: [aCluster(['10.0.0.0/25'], 29)],
        node: [{ ...used, Description: { ...used.Description!, Shoal: { UsedSubnets: ['10.0.0.0/29'] } } }, aNode('n2'), aNode('n3')],
        network: [aNetwork('ingress', { Ingress: true })],
      });
      let serial = 0;
      for (const round of rounds) {
        for (const move of round) {
          const actions = actionsOf(store, move, serial++);
          if (actions.length > 0) store.apply(store.index + 1, { actions, now: startTime });
        }
        settle(store);
        checkSubnets(store);
        checkAddresses(store);
        checkPorts(store);
      }
    }),
    { numRuns: 100 },
  );
});

test('an address of a task that has ended and is kept comes only where every other one is somebody’s', () => {
  const move = fc.record({ count: fc.integer({ min: 1, max: 3 }), drop: fc.boolean(), which: fc.nat(30) });
  fc.assert(
    fc.property(fc.array(move, { minLength: 10, maxLength: 40, size: 'max' }), (moves) => {
      const store = storeOf({ network: [aNetwork('front', { IPAM: { Config: [{ Subnet: '10.0.0.0/28' }] } })] });
      settle(store);
      const all = Array.from({ length: 13 }, (_, at) => (addressNumber('10.0.0.2') ?? 0) + at);
      const addresses = (ended: boolean): Map<string, number> =>
        new Map(
          [...store.list('task')].flatMap(({ ID, Status, NetworksAttachments = [] }) =>
            isTerminal(Status.State) === ended ? NetworksAttachments.map(({ Addresses }): [string, number] => [ID, addressNumber(Addresses[0]) ?? 0]) : [],
          ),
        );
      for (const [at, { count, drop, which }] of moves.entries()) {
        const ending = store.get('task', pick(addresses(false).keys(), which) ?? '');
        if (ending) store.apply(store.index + 1, { actions: [update('task', { ...ending, Status: { ...ending.Status, State: 'shutdown' } })], now: startTime });
        const old = pick(addresses(true).keys(), which);
        if (drop && old !== undefined) store.apply(store.index + 1, { actions: [remove('task', old)], now: startTime });
        // Who waits comes before who is made.
        settle(store);
        for (let turn = 0; turn < count; turn++) {
          const [before, rests] = [new Set(addresses(false).values()), new Set(addresses(true).values())];
          const made = aTask(`t${at}.${turn}`, 'new', { Spec: { Networks: [{ Target: 'front' }] } });
          store.apply(store.index + 1, { actions: [create('task', made)], now: startTime });
          settle(store);
          const given = addresses(false).get(made.ID);
          if (given === undefined) {
            if (before.size < all.length) fail(`none of ${all.length} addresses, ${before.size} of which are held, is given`);
          } else if (rests.has(given) && all.some((other) => !before.has(other) && !rests.has(other))) fail(`${given} does not rest`);
        }
      }
    }),
    { numRuns: 100 },
  );
});
