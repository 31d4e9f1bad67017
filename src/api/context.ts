/** What every handler needs: the dependencies and what the server makes of them once. */
import { Refusal } from '#base/refusal';
import type { UseCase } from '#control/cluster';
import { findObject } from '#control/find';
import type { Kind, ObjectOf } from '#model/object';
import type { Dependencies, SwarmStatus, View } from './dependencies.ts';
import type { EngineClient } from './engine-client.ts';
import type { RecentRemovals } from './routes/recent-removals.ts';
import type { SwarmEvents } from './stream/swarm-events.ts';

export interface Context extends Dependencies {
  /** Of shoal itself. */
  version: string;
  engine: EngineClient;
  events: SwarmEvents;
  removals: RecentRemovals;
}

const notManager = 'This node is not a swarm manager.';

/** Docker's words for a node that cannot answer for a cluster. */
export const swarmTexts = {
  inactive: `${notManager} Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.`,
  worker: `${notManager} Worker nodes can't be used to view or modify cluster state. Please run this command on a manager node or promote the current node to a manager.`,
  starting: `${notManager} Manager is being prepared or has trouble connecting to the cluster.`,
  locked: 'Swarm is encrypted and needs to be unlocked before it can be used. Please use "docker swarm unlock" to unlock it.',
  notPart: 'This node is not part of a swarm',
  alreadyPart: 'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.',
  leavingManager:
    'You are attempting to leave the swarm on a node that is participating as a manager. ' +
    'Removing the last manager erases all current state of the swarm. Use `--force` to ignore this message.',
} as const;

/** Refuses with 503 unless this node manages a cluster. */
export function requireManager({ LocalNodeState, ControlAvailable }: SwarmStatus): void {
  if (LocalNodeState === 'locked') throw new Refusal('unavailable', swarmTexts.locked);
  if (LocalNodeState === 'inactive') throw new Refusal('unavailable', swarmTexts.inactive);
  if (LocalNodeState !== 'active') throw new Refusal('unavailable', swarmTexts.starting);
  if (!ControlAvailable) throw new Refusal('unavailable', swarmTexts.worker);
}

/** The newest view, on a manager. */
export async function readView(context: Context): Promise<View> {
  requireManager(context.swarm.status());
  return context.cluster.read();
}

/** Carries out a use case, on a manager. */
export async function submit<R>(context: Context, useCase: UseCase<R>): Promise<R> {
  requireManager(context.swarm.status());
  return context.cluster.submit(useCase);
}

/** An object by id, name or unique beginning of its id, in the newest view. */
export async function readObject<K extends Kind>(context: Context, kind: K, ref: string): Promise<ObjectOf[K]> {
  return findObject(await readView(context), kind, ref);
}

/** The object, or undefined where none is known by `ref`; an ambiguous one is refused. */
export function findOptional<K extends Kind>(view: View, kind: K, ref: string): ObjectOf[K] | undefined {
  try {
    return findObject(view, kind, ref);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'notFound') return undefined;
    throw error;
  }
}
