import { finish } from '#base/pace/steps';
import { expect, test } from 'vitest';
import { orchestrate } from '#stages/orchestrator/orchestrator';
import type { Action } from '#store/action';
import { Room } from '#store/room';
import { boundlessRoom } from '#test/support/boundless-room';
import type { NarrowScope, StageResult } from '#store/stage';
import { aNode, aService, aTask, contextAt, storeOf } from '#test/support/cluster-objects';

const names = Array.from({ length: 12 }, (_, n) => `s${n}`);

/** Each service has 20 tasks, one of them on the node that is down. */
function afterNodeDied() {
  const down = aNode('n0');
  return storeOf({
    node: [{ ...down, Status: { ...down.Status, State: 'down' } }, aNode('n1')],
    service: names.map((name) => aService(name, { Mode: { Replicated: { Replicas: 20 } } })),
    task: names.flatMap((name) =>
      Array.from({ length: 20 }, (_, n) => aTask(`${name}-${n}`, 'running', { ServiceID: name, Slot: n + 1, NodeID: n === 0 ? 'n0' : 'n1' })),
    ),
  });
}

const nowhere: NarrowScope = { services: new Set(), specs: new Set(), nodes: new Set(), loads: new Set(), waiting: false, networks: false };

const what = (actions: readonly Action[]): string[] =>
  actions
    .map((action) =>
      action.type !== 'remove' && action.kind === 'task' ? `${action.type} ${action.object.ServiceID} ${action.object.DesiredState}` : action.type,
    )
    .sort();

test('a node that dies under many services is seen to in parts that add up to the whole', () => {
  const store = afterNodeDied();
  const whole = finish(orchestrate(store, { ...contextAt(), room: boundlessRoom(), scope: 'all' }));
  expect(whole.rest).toBeUndefined();
  const parts: number[] = [];
  const actions: Action[] = [];
  let scope: NarrowScope | undefined = { ...nowhere, nodes: new Set(['n0']) };
  while (scope) {
    const part: StageResult = finish(orchestrate(store, { ...contextAt(), room: new Room({ actions: 1000, bytes: 1e9, effort: 8 }), scope }));
    parts.push(part.actions.length);
    actions.push(...part.actions);
    scope = part.rest && { ...nowhere, ...part.rest };
  }
  // A look at a service of 20 tasks costs 2, and the task that the rules look at 1: three services make 9.
  expect(Math.max(...parts)).toBeLessThanOrEqual(6);
  expect(parts.length).toBeGreaterThanOrEqual(4);
  expect(what(actions)).toEqual(what(whole.actions));
  expect(actions).toHaveLength(24);
});
