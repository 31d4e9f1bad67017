/** What must hold of a StagedCluster after every commit. */
import { finish, type Steps } from '#base/pace/steps';
import { expect } from 'vitest';
import { orchestrate, settleService, settleSlots, surroundingsOf } from '#stages/orchestrator/orchestrator';
import { fillSlots } from '#stages/orchestrator/replicated';
import { glanceAt, type Glance } from '#stages/orchestrator/rest';
import type { Service } from '#model/object/service';
import type { Decision, Surroundings } from '#stages/orchestrator/draft';
import type { Action } from '#store/action';
import type { Scope } from '#store/stage';
import type { View } from '#store/view';
import type { StagedCluster } from './staged-cluster.ts';

/** A full scan finds nothing left to do (so a narrow one did all, and no pass undoes itself), and no deadline that the cluster has not heard of. */
export function expectSettled(cluster: StagedCluster): void {
  const again = finish(orchestrate(cluster.store, cluster.contextOf('all')));
  expect(again.actions).toEqual([]);
  for (const { id, at = Infinity } of again.wakes ?? []) expect(cluster.dueAt(id), `deadline of ${id}`).toBeLessThanOrEqual(at);
}

/** What is taken to be at rest has nothing to do when all rules look at it, and what is taken to miss tasks, or to have something to do in few slots, gets from them the very same. */
export function expectRestIsRest(cluster: StagedCluster, view: View): void {
  const surroundings = surroundingsOf(view, cluster.contextOf('all'));
  for (const service of view.list('service')) {
    const glance = finish(glanceAt(service, surroundings));
    if (glance === 'work') continue;
    // The rules look at every task here, at rest or not.
    const settled = finish(settleService(service, { ...surroundings, restTest: () => undefined }));
    const seen = glance === 'rest' ? { decided: [], hasMore: false, at: undefined } : finish(settleOrFill(service, glance, surroundings));
    if (!seen) continue;
    const { decided, hasMore, at } = seen;
    expect({ hasMore: settled.hasMore, at: settled.at }).toEqual({ hasMore, at });
    expect(byService(view, settled.decided)).toEqual(byService(view, decided));
  }
}

function settleOrFill(service: Service, glance: Exclude<Glance, string>, surroundings: Surroundings): Steps<Decision | undefined> {
  return glance.what === 'vacancy' ? fillSlots(service, glance, surroundings) : settleSlots(service, glance, surroundings);
}

/** Where there is something to do the rules decide the very same whether they look at the tasks that are at rest or not. */
export function expectRestIsLeftAlone(cluster: StagedCluster, view: View): void {
  const decided = (all: boolean): Map<string, string> => {
    const surroundings = surroundingsOf(view, cluster.contextOf('all'));
    const looking = all ? { ...surroundings, restTest: () => undefined } : surroundings;
    return byService(
      view,
      [...view.list('service')].flatMap((service) => finish(settleService(service, looking)).decided),
    );
  };
  expect(decided(false)).toEqual(decided(true));
}

/** No slot (or node, for global services) has two tasks that are to run or to get ready for it, but for one that leaves a drained node. */
export function expectSingleOccupancy(cluster: StagedCluster): void {
  const counts = new Map<string, number>();
  for (const task of cluster.store.list('task')) {
    if (!['ready', 'running', 'complete'].includes(task.DesiredState) || task.Shoal.Leave) continue;
    const place = `${task.ServiceID} ${task.Slot ?? task.NodeID}`;
    counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  for (const [place, count] of counts) expect(count, `wanted tasks of ${place}`).toBe(1);
}

/** For the services that a narrow pass looked at, a full scan decides the very same; for the others it has nothing to decide. */
export function expectSameAsFullScan(cluster: StagedCluster, view: View, scope: Scope, actions: readonly Action[]): void {
  if (scope === 'all') return;
  expect(byService(view, actions)).toEqual(byService(view, finish(orchestrate(view, cluster.contextOf('all'))).actions));
}

/** Actions as text per service; new ids are numbered anew, for every pass draws its own. */
function byService(view: View, actions: readonly Action[]): Map<string, string> {
  const groups = new Map<string, Action[]>();
  for (const action of actions) {
    const object = action.type === 'remove' ? view.get('task', action.id) : action.object;
    const service = object && 'ServiceID' in object ? object.ServiceID : (object?.ID ?? '');
    groups.set(service, [...(groups.get(service) ?? []), action]);
  }
  return new Map(
    [...groups].map(([service, group]) => {
      const created = group.flatMap((action) => (action.type === 'create' ? [action.object.ID] : []));
      const text = JSON.stringify(group).replaceAll(/t\d{6}/g, (id) => (created.includes(id) ? `new${created.indexOf(id)}` : id));
      return [service, text];
    }),
  );
}
