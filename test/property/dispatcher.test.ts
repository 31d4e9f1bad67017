/** A node that is sent deltas knows what one would that is sent everything. */
import fc from 'fast-check';
import { finish } from '#base/pace/steps';
import { expect, test } from 'vitest';
import { AssignmentSet } from '#agent/assignment-set';
import { allocateGateways } from '#stages/allocator/gateways';
import { Catalog } from '#stages/dispatcher/catalog';
import type { Delivery } from '#stages/dispatcher/deliveries';
import { heldServices } from '#stages/dispatcher/held-services';
import { itemKey } from '#stages/dispatcher/item';
import { endpointDigest } from '#model/doctor/examination';
import { judgeServices } from '#model/doctor/verdict';
import type { AssignmentChange, AssignmentUpdate } from '#model/object/assignment';
import type { Secret } from '#model/object/secret';
import type { Task } from '#model/object/task';
import { create, newMeta, remove, update, type Action, type StoreEvent } from '#store/action';
import { Overlay } from '#store/overlay';
import type { Store } from '#store/store';
import type { View } from '#store/view';
import { aNode, aService, aSubnet, aTask, contextAt, startTime, storeOf } from '#test/support/cluster-objects';

const nodeIds = ['n1', 'n2', 'n3'];
const states = ['pending', 'assigned', 'starting', 'running', 'complete', 'failed'] as const;

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      id: fc.nat(7),
      state: fc.constantFrom(...states),
      node: fc.constantFrom(...nodeIds),
      network: fc.nat(2),
      secret: fc.nat(2),
      wanted: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('publish' as const), service: fc.nat(2), port: fc.constantFrom(0, 0, 0, 80), virtual: fc.nat(4) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('hear' as const), node: fc.constantFrom(...nodeIds), state: fc.constantFrom('ready' as const, 'down' as const) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('secret' as const), secret: fc.nat(2), data: fc.constantFrom('eA==', 'eQ==') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('drop' as const),
      kind: fc.constantFrom('task' as const, 'service' as const, 'network' as const, 'secret' as const),
      id: fc.nat(7),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const networks = [0, 1, 2].map((i) => aSubnet(`net${i}`, `10.${i}.0.0/24`, `10.${i}.0.1`));

function aSecret(id: string, Data: string): Secret {
  return { ...newMeta(id), Spec: { Name: id, Data } };
}

function put<K extends 'task' | 'service'>(store: Store, kind: K, object: Parameters<typeof create<K>>[1]): Action {
  return store.get(kind, object.ID) ? update(kind, object) : create(kind, object);
}

function actionsOf(store: Store, move: Step): Action[] {
  switch (move.do) {
    case 'put': {
      const NodeID = move.state === 'pending' ? '' : move.node;
      const network = networks[move.network]!;
      const Secrets = [{ SecretID: `s${move.secret}`, SecretName: 's' }];
      const change: Partial<Task> = {
        NodeID,
        // A task never changes its service.
        ServiceID: `svc${move.id % 3}`,
        DesiredState: move.wanted ? 'running' : 'shutdown',
        NetworksAttachments: [{ Network: network, Addresses: [`10.${move.network}.0.${10 + move.id}/24`] }],
        Spec: { ContainerSpec: { Secrets } },
      };
      return [put(store, 'task', aTask(`t${move.id}`, move.state, change))];
    }
    case 'publish': {
      const Ports = move.port ? [{ TargetPort: 80, PublishedPort: move.port, PublishMode: 'ingress' as const }] : [];
      const VirtualIPs = move.virtual > 2 ? [] : [{ NetworkID: `net${move.virtual}`, Addr: `10.${move.virtual}.0.${100 + move.service}/24` }];
      return [put(store, 'service', aService(`svc${move.service}`, {}, { Endpoint: { Ports, VirtualIPs } }))];
    }
    case 'hear': {
      const node = store.get('node', move.node);
      return node ? [update('node', { ...node, Status: { ...node.Status, State: move.state } })] : [];
    }
    case 'secret':
      // Ids do not come again: a secret that is gone stays gone.
      return store.get('secret', `s${move.secret}`) ? [update('secret', aSecret(`s${move.secret}`, move.data))] : [];
    case 'drop': {
      const id = { task: 't', service: 'svc', network: 'net', secret: 's' }[move.kind] + move.id;
      return store.get(move.kind, id) ? [remove(move.kind, id)] : [];
    }
  }
}

/** One entry: the move and the gateways that follow from it, as the leader's pass makes it. */
function commit(store: Store, move: Step): StoreEvent[] {
  const overlay = new Overlay(store);
  overlay.lay(actionsOf(store, move));
  overlay.lay(finish(allocateGateways(overlay, contextAt())).actions);
  return overlay.actions.length === 0 ? [] : store.apply(store.index + 1, { actions: overlay.actions, now: startTime });
}

type Known = Map<string, AssignmentUpdate>;

function keyOfChange(change: AssignmentChange): string {
  return itemKey(change.kind, change.action === 'remove' ? change.id : change.item.ID);
}

/** What of the items an agent acts on: its own tasks' statuses it knows better. */
function essence(items: Iterable<AssignmentUpdate>): unknown {
  const meta = { Version: 0, CreatedAt: '', UpdatedAt: '' };
  const entries = [...items].map((update) => [keyOfChange(update), { ...update.item, ...meta, ...(update.kind === 'task' && { Status: undefined }) }] as const);
  return Object.fromEntries(entries);
}

function setOf(catalog: Catalog, nodeId: string): Known {
  return new Map(catalog.itemsOf(nodeId).map((update) => [keyOfChange(update), update]));
}

function deliver(known: ReadonlyMap<string, Known>, deliveries: readonly Delivery[]): void {
  for (const { changes, to } of deliveries) {
    expect(new Set(changes.map(keyOfChange)).size, 'each key once').toBe(changes.length);
    for (const [nodeId, set] of known) {
      if (to !== 'all' && !to.has(nodeId)) continue;
      for (const change of changes) {
        if (change.action === 'remove') set.delete(keyOfChange(change));
        else set.set(keyOfChange(change), change);
      }
    }
  }
}

function wholeCatalog(view: View): Catalog {
  const catalog = new Catalog(view);
  finish(catalog.fill());
  return catalog;
}

function begin(): { store: Store; catalog: Catalog } {
  const store = storeOf({
    node: nodeIds.map((id) => aNode(id)),
    network: networks,
    service: [0, 1, 2].map((i) => aService(`svc${i}`)),
    secret: ['s0', 's1', 's2'].map((id) => aSecret(id, 'eA==')),
  });
  return { store, catalog: wholeCatalog(store) };
}

test('a catalog that was gathered a task at a time, with commits in between, is that of the end', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30, size: 'max' }), fc.array(step, { maxLength: 30, size: 'max' }), (before, between) => {
      const { store } = begin();
      for (const move of before) commit(store, move);
      const catalog = new Catalog(store);
      const moves = between.values();
      for (const steps = catalog.fill(1); steps.next().done !== true;) {
        const { value: move } = moves.next();
        if (move) catalog.commit(store, commit(store, move));
      }
      const afresh = wholeCatalog(store);
      for (const id of nodeIds) expect(essence(catalog.itemsOf(id)), id).toEqual(essence(afresh.itemsOf(id)));
      // What it counted is right too: it goes as it came.
      for (const move of moves) catalog.commit(store, commit(store, move));
      const end = wholeCatalog(store);
      for (const id of nodeIds) expect(essence(catalog.itemsOf(id)), id).toEqual(essence(end.itemsOf(id)));
    }),
    { numRuns: 150 },
  );
});

test('the set before and what is delivered give the set after, for every node and any history', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      const { store, catalog } = begin();
      const known = new Map(nodeIds.map((id) => [id, setOf(catalog, id)]));
      for (const move of steps) {
        deliver(known, catalog.commit(store, commit(store, move)));
        const afresh = wholeCatalog(store);
        for (const id of nodeIds) {
          expect(essence(known.get(id)!.values()), id).toEqual(essence(afresh.itemsOf(id)));
          expect(essence(catalog.itemsOf(id)), id).toEqual(essence(afresh.itemsOf(id)));
        }
      }
      // By what a node holds it is told from one that holds something else.
      const wanted = finish(heldServices(store, new Set(nodeIds)));
      for (const id of nodeIds) {
        const agent = new AssignmentSet();
        agent.apply({ type: 'complete', appliesTo: 0, resultsIn: 1, changes: [...known.get(id)!.values()] });
        const held = Object.fromEntries([...agent.endpoints].map(([service, endpoint]) => [service, endpointDigest(endpoint)]));
        expect(judgeServices(wanted.get(id) ?? new Map(), held), id).toEqual([]);
      }
    }),
    { numRuns: 300 },
  );
});

test('what does not change is not sent, and a change goes to those alone who hold it', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30, size: 'max' }), (steps) => {
      const { store, catalog } = begin();
      for (const move of steps) {
        const before = new Map(nodeIds.map((id) => [id, essence(catalog.itemsOf(id)) as Record<string, unknown>]));
        const deliveries = catalog.commit(store, commit(store, move));
        for (const id of nodeIds) {
          const after = essence(catalog.itemsOf(id)) as Record<string, unknown>;
          const told = new Set(deliveries.filter(({ to }) => to === 'all' || to.has(id)).flatMap(({ changes }) => changes.map(keyOfChange)));
          // Ports that are published no longer are taken back from all at once: who is on the service's networks hears of it again.
          if (move.do === 'publish' || (move.do === 'drop' && move.kind === 'service')) continue;
          for (const key of told) {
            const [was, is] = [before.get(id)![key], after[key]];
            expect(was ?? is, `${id} never held ${key}`).toBeDefined();
            // A status alone is told while the task is not accepted yet.
            if (!key.startsWith('task:')) expect(is, `${id} is told of ${key} for nothing`).not.toEqual(was);
          }
        }
      }
    }),
    { numRuns: 200 },
  );
});
