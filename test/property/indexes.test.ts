/** A store after a history, one restored from its image, and an overlay before its commit: the same order in every index, the same sums, the same decisions. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decode, encode } from '#base/codec';
import { stages } from '#manager/stages';
import { kinds, type Kind } from '#model/object/object';
import type { Task } from '#model/object/task';
import type { TaskState } from '#model/object/task-state';
import { create, newMeta, remove, update, type Action } from '#store/action';
import { indexes } from '#store/index/indexes';
import { Overlay } from '#store/overlay';
import { Store, type StoreImage } from '#store/store';
import type { View } from '#store/view';
import { aNode, aService, aSubnet, aTask, contextAt, resultOf, startTime } from '#test/support/cluster-objects';

const names = ['a', 'b', 'c', 'd'];
const nodes = ['', 'n1', 'n2'];
const networks = ['net1', 'net2'];

const wish = fc.record({
  kind: fc.constantFrom<Kind>('task', 'task', 'task', 'node', 'service', 'network'),
  name: fc.constantFrom(...names),
  node: fc.constantFrom(...nodes),
  state: fc.constantFrom<TaskState>('new', 'pending', 'assigned', 'running', 'failed', 'shutdown'),
  wanted: fc.boolean(),
  network: fc.constantFrom(undefined, ...networks),
  address: fc.integer({ min: 2, max: 5 }),
  gone: fc.boolean(),
});

type Wish = typeof wish extends fc.Arbitrary<infer T> ? T : never;

function taskOf({ name, node, state, wanted, network, address }: Wish): Task {
  return aTask(`task-${name}`, state, {
    ServiceID: name < 'c' ? 'service-a' : 'service-b',
    Slot: address,
    NodeID: state === 'new' || state === 'pending' ? '' : node || 'n1',
    DesiredState: wanted ? 'running' : 'shutdown',
    Spec: {
      ContainerSpec: { Secrets: [{ SecretID: `secret${address}`, SecretName: 's' }], Configs: [{ ConfigID: 'config', ConfigName: 'c' }] },
      Resources: { Reservations: { NanoCPUs: address * 1e8, MemoryBytes: address } },
    },
    ...(network && { NetworksAttachments: [{ Network: aSubnet(network, '10.1.0.0/24', '10.1.0.1'), Addresses: [`10.1.0.${address}/24`] }] }),
    ...(address > 3 && { GenericResources: [{ NamedResourceSpec: { Kind: 'gpu', Value: name } }] }),
    Shoal: {
      ServiceName: name,
      ServiceLabels: {},
      SpecVersion: 1,
      Ports: [{ TargetPort: 1, PublishedPort: 80 + address, PublishMode: 'host' }],
    },
  });
}

function actionsOf(view: View, each: Wish): Action[] {
  const { kind, name, network, address, gone } = each;
  const id = kind === 'node' ? (each.node === '' ? 'n1' : each.node) : kind === 'network' ? (network ?? 'net1') : `${kind}-${name}`;
  const present = view.get(kind, id) !== undefined;
  if (gone) return present ? [remove(kind, id)] : [];
  const act = present ? update : create;
  if (kind === 'task') return [act('task', taskOf(each))];
  if (kind === 'node') return [act('node', { ...aNode(id), Shoal: network ? { Gateways: { [network]: `10.1.0.${address}` } } : {} })];
  if (kind === 'network')
    return [act('network', address > 3 ? aSubnet(id, '10.1.0.0/24', '10.1.0.1') : { ...newMeta(id), Spec: { Name: id, Driver: 'overlay' } })];
  const EndpointSpec = { Ports: [{ TargetPort: 80, PublishedPort: 8000 + address, Protocol: 'tcp' as const, PublishMode: 'ingress' as const }] };
  const Endpoint = { Spec: EndpointSpec, Ports: EndpointSpec.Ports };
  return [act('service', aService(id, { TaskTemplate: { Networks: network ? [{ Target: network }] : [] }, EndpointSpec }, address > 3 ? { Endpoint } : {}))];
}

const keysOf: Record<string, readonly string[]> = {
  service: ['service-a', 'service-b'],
  failed: ['service-a', 'service-b'],
  node: nodes,
  waiting: ['new', 'pending'],
  file: ['config', 'secret2', 'secret3', 'secret4', 'secret5'],
  network: networks,
  name: ['n1', 'n2', 'net1', 'net2', ...names.map((name) => `service-${name}`)],
  port: [2, 3, 4, 5].map((number) => `tcp/${8000 + number}`),
  hostPort: [],
  unallocated: ['yes'],
  global: ['yes'],
  ingress: ['yes'],
};

/** What is counted is in no order. */
function sorted<T>(entries: Iterable<readonly [string, T]>): (readonly [string, T])[] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** All that a view answers, in its order. */
function picture(view: View): unknown {
  const lists = kinds.map((kind) => Array.from(view.list(kind), ({ ID }) => ID));
  const found = kinds.flatMap((kind) =>
    Object.keys(indexes[kind]).flatMap((index) =>
      (keysOf[index] ?? []).map((key) => [kind, index, key, ...Array.from(view.find(kind, index as never, key), ({ ID }) => ID)]),
    ),
  );
  const loads = nodes.map((node) => {
    const { generic, hostPorts, networks: attached, ...sums } = view.loadOf(node);
    const ports = Array.from(hostPorts, ([key, addresses]): [string, string] => [key, [...addresses].sort().join()]);
    return [sums, sorted(generic), sorted(ports), sorted(attached)];
  });
  const addresses = networks.map((network) =>
    [0, 1, 2, 3, 4, 5, 6].map((last) => {
      const [use, address] = [view.addressesOf(network), (10 << 24) + (1 << 16) + last];
      return [use.countOf(address), use.endedOf(address)];
    }),
  );
  const active = ['service-a', 'service-b'].map((service) => sorted(view.activeTasks(service)));
  return { lists, found, loads, addresses, active };
}

function decisions(store: Store): unknown {
  const overlay = new Overlay(store);
  for (const stage of stages) overlay.lay(resultOf(stage(overlay, contextAt(startTime))).actions);
  return overlay.actions;
}

function storeAfter(history: readonly Wish[][]): Store {
  const store = new Store();
  for (const entry of history) {
    const overlay = new Overlay(store);
    for (const each of entry) overlay.lay(actionsOf(overlay, each));
    store.apply(store.index + 1, { actions: overlay.actions, now: startTime });
  }
  return store;
}

const history = fc.array(fc.array(wish, { minLength: 1, maxLength: 4 }), { maxLength: 10 });

test('a restored store has every index in the same order, the same sums, and the stages decide the same', () => {
  fc.assert(
    fc.property(history, (entries) => {
      const store = storeAfter(entries);
      const restored = new Store();
      restored.restore(decode<StoreImage>(encode(store.image())));
      expect(picture(restored)).toEqual(picture(store));
      expect(decisions(restored)).toEqual(decisions(store));
    }),
    { seed: 15, numRuns: 150 },
  );
});

test('an overlay has every index in the order, and with the sums, that the store has when it is committed', () => {
  fc.assert(
    fc.property(history, fc.array(wish, { maxLength: 12 }), (entries, last) => {
      const store = storeAfter(entries);
      const overlay = new Overlay(store);
      for (const each of last) overlay.lay(actionsOf(overlay, each));
      const seen = picture(overlay);
      store.apply(store.index + 1, { actions: overlay.actions, now: startTime });
      expect(seen).toEqual(picture(store));
    }),
    { seed: 16, numRuns: 150 },
  );
});
