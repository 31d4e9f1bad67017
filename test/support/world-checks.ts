/** What must hold of a World after every commit. */
import { expect } from 'vitest';
import { orchestrate } from '#orchestrator/orchestrator';
import type { World } from './world.ts';

/** A full scan finds nothing left to do (so a narrow one did all, and no pass undoes itself), and no deadline that the world has not heard of. */
export function expectSettled(world: World): void {
  const again = orchestrate(world.store, world.context('all'));
  expect(again.actions).toEqual([]);
  expect(world.wakeAt ?? Infinity).toBeLessThanOrEqual(again.wakeAt ?? Infinity);
}

/** No slot (or node, for global services) has two tasks that are to run or to get ready for it. */
export function expectSingleOccupancy(world: World): void {
  const counts = new Map<string, number>();
  for (const task of world.store.list('task')) {
    if (!['ready', 'running', 'complete'].includes(task.DesiredState)) continue;
    const place = `${task.ServiceID} ${task.Slot ?? task.NodeID}`;
    counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  for (const [place, count] of counts) expect(count, `wanted tasks of ${place}`).toBe(1);
}
