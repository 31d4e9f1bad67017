/** What every stored object has, in the Engine API's words. */

import { timeOf } from '#base/clock';

export interface Meta {
  ID: string;
  /** Raft index of the entry that last wrote the object; `apply` sets it. */
  Version: { Index: number };
  /** RFC 3339; `apply` sets both from the entry's time. */
  CreatedAt: string;
  UpdatedAt: string;
}

export type Labels = Readonly<Record<string, string>>;

/** The first of these times (RFC 3339); '' is none yet. */
export function earliest(times: readonly string[]): string | undefined {
  return times.filter((time) => time !== '').toSorted((a, b) => timeOf(a) - timeOf(b))[0];
}

/** Labels that Docker's stack tools read. */
export const namespaceLabel = 'com.docker.stack.namespace';
export const imageLabel = 'com.docker.stack.image';

/** Labels of a task's container: whose it is, and where. */
export const taskIdLabel = 'com.docker.swarm.task.id';
export const serviceIdLabel = 'com.docker.swarm.service.id';
export const nodeIdLabel = 'com.docker.swarm.node.id';
