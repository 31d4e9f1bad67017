/** What every handler needs: the dependencies and what the server makes of them once. */
import { Refusal } from '#base/refusal';
import type { UseCase } from '#control/cluster';
import { findObject } from '#control/find';
import type { Kind, ObjectOf } from '#model/object/object';
import type { Dependencies, View } from './dependencies.ts';
import type { EngineClient } from './engine/engine-client.ts';
import type { Guard } from './guard.ts';
import type { NodeDoor } from './nodes/node-door.ts';
import type { Allowance } from './limits.ts';
import { nextChange } from './request/request-id.ts';
import { requireManager } from './request/require-manager.ts';
import type { Answer, Call, Handler } from './router.ts';
import type { RecentRemovals } from './routes/recent-removals.ts';
import type { SwarmEvents } from './stream/swarm-events.ts';

export interface Context extends Dependencies {
  /** Of shoal itself. */
  version: string;
  engine: EngineClient;
  guard: Guard;
  /** Connections to the engine that may be open at a time, log streams among them. */
  outgoing: Allowance;
  events: SwarmEvents;
  /** Answers where the leader is: `here` where this node is it. */
  atLeader: (call: Call, here: Handler) => Promise<Answer>;
  removals: RecentRemovals;
  /** Whether another manager brought the request here for a client of its own. */
  carried: (call: Pick<Call, 'request'>) => boolean;
  /** What this node shows of its containers. */
  nodeDoor: NodeDoor;
}

/** The newest view, on a manager. */
export async function readView(context: Context): Promise<View> {
  requireManager(context.swarm.status());
  return context.cluster.read();
}

/** Carries out a use case, on a manager; once only, however often a client asks under the same key. */
export async function submit<R>(context: Context, call: Call, useCase: UseCase<R>): Promise<R> {
  requireManager(context.swarm.status());
  return context.cluster.submit(useCase, ...nextChange(call));
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
