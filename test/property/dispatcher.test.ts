/** A node that is sent deltas knows what one would that is sent everything. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allocateGateways } from '#stages/allocator/gateways';
import { affectedNodes } from '#stages/dispatcher/affected';
import { assignmentDelta, assignmentItems, type AssignmentSet, type AssignmentUpdate } from '#stages/dispatcher/assignments';
import { endpointsOf, updateEndpoints } from '#stages/dispatcher/endpoints';
import type { Secret } from '#model/secret';
import type { Task } from '#model/task';
import { create, newMeta, remove, update, type Action, type StoreEvent } from '#store/action';
import { Overlay } from '#store/overlay';
import type { Store } from '#store/store';
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
  { weight: 1, arbitrary: fc.record({ do: fc.constant('publish' as const), service: fc.nat(2), port: fc.constantFrom(0, 0, 0, 80) }) },
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
      return [put(store, 'service', aService(`svc${move.service}`, {}, { Endpoint: { Ports } }))];
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
  overlay.lay(allocateGateways(overlay, contextAt()).actions);
  return overlay.actions.length === 0 ? [] : store.apply(store.index + 1, { actions: overlay.actions, now: startTime });
}

/** What of the items an agent acts on: its own tasks' statuses it knows better. */
function essence(items: AssignmentSet): unknown {
  const meta = { Version: 0, CreatedAt: '', UpdatedAt: '' };
  const entries = [...items].map(([key, { kind, item }]) => {
    if (kind === 'endpoint') return [key, item];
    if (kind === 'network') return [key, { ...item, Network: { ...item.Network, ...meta } }];
    return [key, { ...item, ...meta, ...(kind === 'task' && { Status: undefined }) }];
  });
  return Object.fromEntries(entries);
}

function applied(known: AssignmentSet, before: AssignmentSet, after: AssignmentSet): AssignmentSet {
  const result = new Map<string, AssignmentUpdate>(known);
  for (const change of assignmentDelta(before, after)) {
    if (change.action === 'remove') expect(result.delete(`${change.kind}:${change.id}`)).toBe(true);
    else {
      const id = change.kind === 'endpoint' ? change.item.ServiceID : change.kind === 'network' ? change.item.Network.ID : change.item.ID;
      result.set(`${change.kind}:${id}`, change);
    }
  }
  return result;
}

test('deltas to affected nodes alone, applied to what they had, give the whole set', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      const store = storeOf({
        node: nodeIds.map((id) => aNode(id)),
        network: networks,
        service: [0, 1, 2].map((i) => aService(`svc${i}`)),
        secret: ['s0', 's1', 's2'].map((id) => aSecret(id, 'eA==')),
      });
      let endpoints = endpointsOf(store);
      const sent = new Map<string, AssignmentSet>(nodeIds.map((id) => [id, assignmentItems(store, id, endpoints)]));
      const known = new Map(sent);
      for (const move of steps) {
        const events = commit(store, move);
        endpoints = updateEndpoints(endpoints, store, events);
        const nodes = affectedNodes(store, events);
        for (const id of nodeIds) {
          if (nodes === 'all' || nodes.has(id)) {
            const after = assignmentItems(store, id, endpoints);
            known.set(id, applied(known.get(id)!, sent.get(id)!, after));
            sent.set(id, after);
          }
          expect(essence(known.get(id)!), id).toEqual(essence(assignmentItems(store, id)));
        }
      }
    }),
    { numRuns: 200 },
  );
});
