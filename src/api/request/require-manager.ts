/** What only a manager can answer. */
import { Refusal } from '#base/refusal';
import { swarmTexts } from '#model/swarm-texts';
import type { SwarmStatus } from '../dependencies.ts';

/** Refuses with 503 unless this node manages a cluster. */
export function requireManager({ LocalNodeState, ControlAvailable }: SwarmStatus): void {
  if (LocalNodeState === 'locked') throw new Refusal('unavailable', swarmTexts.locked);
  if (LocalNodeState === 'inactive') throw new Refusal('unavailable', swarmTexts.inactive);
  if (LocalNodeState !== 'active') throw new Refusal('unavailable', swarmTexts.starting);
  if (!ControlAvailable) throw new Refusal('unavailable', swarmTexts.worker);
}
