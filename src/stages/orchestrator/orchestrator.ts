/** Services to tasks: one stage of the leader's pass. Everything that it goes by stands in the store's objects. */
import { assert } from '#base/assert';
import { Pace, type Steps } from '#base/pace/steps';
import { modeOf, type Service } from '#model/object/service';
import type { Task } from '#model/object/task';
import { remove, update, type Action } from '#store/action';
import type { Scope, StageContext, StageResult, Wake } from '#store/stage';
import type { View } from '#store/view';
import { Draft, type Decision, type Spot, type Surroundings } from './draft.ts';
import { enforceConstraints } from './enforce.ts';
import { openGates } from './update/gate.ts';
import { reconcileGlobal } from './global.ts';
import { reconcileGlobalJob, reconcileReplicatedJob } from './jobs.ts';
import { isLost } from './node-fit.ts';
import { nothingOutgrown, outgrown } from './outgrown.ts';
import { reapTasks } from './reaper.ts';
import { fillSlots, reconcileReplicated } from './replicated.ts';
import { glanceAt, restTest, type RestlessSlots } from './rest.ts';
import { restartTasks } from './restart.ts';
import { rollOut } from './update/rollout.ts';
import { watchRollout } from './update/rollout-watch.ts';
import { isGone } from './slots.ts';

/** Tasks that a rule looks at in one step: a tenth of a millisecond, and a few while its code is new. */
const looksAStep = 50;

/** Rules answer one another within a few rounds; more than this means that two of them quarrel. */
const maxRounds = 25;

/**
 * Makes, replaces, stops and deletes tasks until each service has what its spec asks for, or the entry is full.
 * Run again on its own result at the same time it has nothing to do.
 */
export function* orchestrate(view: View, context: StageContext): Steps<StageResult> {
  const surroundings = surroundingsOf(view, context);
  const { room } = context;
  const actions: Action[] = [];
  const wakes: Wake[] = [];
  const rest = new Set<string>();
  for (const id of servicesInScope(view, context.scope)) {
    if (room.left === 0 || room.isTired) {
      rest.add(id);
      continue;
    }
    const service = view.get('service', id);
    const { decided, at, hasMore } = service ? yield* decide(service, surroundings) : yield* abandonTasks(view, id, surroundings);
    for (const action of decided) room.count(action);
    actions.push(...decided);
    wakes.push({ kind: 'service', id, ...(at !== undefined && { at }) });
    if (hasMore) rest.add(id);
  }
  return { actions, wakes, ...(rest.size > 0 && { rest: { services: rest } }) };
}

/** @internal */
export function surroundingsOf(view: View, context: StageContext): Surroundings {
  const known = new Map<string, Spot>();
  const surroundings: Surroundings = {
    view,
    context,
    nodes: [...view.list('node')],
    pace: new Pace(looksAStep),
    spot(nodeId) {
      let spot = known.get(nodeId);
      if (!spot) known.set(nodeId, (spot = spotOf(view, nodeId)));
      return spot;
    },
    restTest: (service) => restTest(service, surroundings),
  };
  return surroundings;
}

function spotOf(view: View, nodeId: string): Spot {
  const node = view.get('node', nodeId);
  return { node, lost: isLost(node), outgrown: node ? outgrown(view, node) : nothingOutgrown };
}

function* decide(service: Service, surroundings: Surroundings): Steps<Decision> {
  const glance = yield* glanceAt(service, surroundings);
  if (glance === 'rest') return { decided: [], hasMore: false };
  if (glance === 'work') return yield* settleService(service, surroundings);
  if (glance.what === 'vacancy') return yield* fillSlots(service, glance, surroundings);
  return (yield* settleSlots(service, glance, surroundings)) ?? (yield* settleService(service, surroundings));
}

/**
 * Decides what the rules would on some slots alone; undefined where one of them has to know the others.
 * @internal
 */
export function* settleSlots(service: Service, some: RestlessSlots, surroundings: Surroundings): Steps<Decision | undefined> {
  const draft = yield* Draft.of(service, surroundings, surroundings.context.room.leftFor(service.Spec.TaskTemplate), some);
  const decision = yield* settle(draft);
  return draft.needsAll ? undefined : decision;
}

/**
 * Applies all rules round after round until none has anything to add.
 * @internal
 */
export function* settleService(service: Service, surroundings: Surroundings): Steps<Decision> {
  return yield* settle(yield* Draft.of(service, surroundings, surroundings.context.room.leftFor(service.Spec.TaskTemplate)));
}

function* settle(draft: Draft): Steps<Decision> {
  draft.surroundings.context.room.spend(draft.tasks().length);
  for (let round = 0; round < maxRounds; round++) {
    const revision = draft.revision;
    draft.forgetWake();
    yield* watchRollout(draft);
    yield* openGates(draft);
    yield* enforceConstraints(draft);
    yield* restartTasks(draft);
    yield* reconcileMode(draft);
    yield* reapTasks(draft);
    if (draft.revision === revision || draft.hasMore || draft.needsAll) return { decided: draft.actions(), at: draft.wakeAt, hasMore: draft.hasMore };
  }
  assert(false, `the rules for service ${draft.service.ID} do not settle`);
}

function* reconcileMode(draft: Draft): Steps<void> {
  switch (draft.mode) {
    case 'replicated':
      return yield* rollOut(draft, yield* reconcileReplicated(draft));
    case 'global':
      return yield* rollOut(draft, yield* reconcileGlobal(draft));
    // Jobs have no rollout: a rollback asked for by hand is done when the next iteration has begun.
    case 'replicated-job':
      yield* reconcileReplicatedJob(draft);
      return yield* rollOut(draft, []);
    case 'global-job':
      yield* reconcileGlobalJob(draft);
      return yield* rollOut(draft, []);
  }
}

/** Ids of the services to look at, also of those that are gone and left tasks behind. */
function servicesInScope(view: View, scope: Scope): Iterable<string> {
  const ids = new Set<string>();
  if (scope === 'all') {
    for (const service of view.list('service')) ids.add(service.ID);
    for (const id of view.keys('task', 'service')) ids.add(id);
    return ids;
  }
  for (const id of scope.services) ids.add(id);
  for (const id of scope.nodes) for (const task of view.tasksOfNode(id)) ids.add(task.ServiceID);
  if (scope.nodes.size > 0) {
    for (const service of view.list('service')) if (modeOf(service.Spec).startsWith('global')) ids.add(service.ID);
  }
  return ids;
}

/** Tasks without a service stop and leave no history. */
function* abandonTasks(view: View, serviceId: string, { context: { room }, pace }: Surroundings): Steps<Decision> {
  const decided: Action[] = [];
  for (const task of view.tasksOfService(serviceId)) {
    if (pace.isDue) yield;
    const action = task.Shoal.Attachment ? endAttachment(view, task) : abandon(view, task);
    if (!action) continue;
    if (!room.admit(action)) return { decided, hasMore: true };
    decided.push(action);
  }
  return { decided, hasMore: false };
}

function abandon(view: View, task: Task): Action | undefined {
  if (isGone(view, task)) return remove('task', task.ID);
  return task.DesiredState === 'remove' ? undefined : update('task', { ...task, DesiredState: 'remove' });
}

/** What stands for a container ends with it, or with its node; nobody is led to one of a node that is down, until the node says that it runs. */
function endAttachment(view: View, task: Task): Action | undefined {
  if (isGone(view, task)) return remove('task', task.ID);
  const { Running, ...Attachment } = task.Shoal.Attachment ?? { ContainerID: '', Name: '' };
  if (!Running || view.get('node', task.NodeID)?.Status.State !== 'down') return undefined;
  return update('task', { ...task, Shoal: { ...task.Shoal, Attachment } });
}
