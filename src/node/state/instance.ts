/** What keeps several daemons of one machine apart, made from the place of their state. */
import { createHash } from 'node:crypto';

/** The usual place needs no mark; a second daemon on the machine gets one of its own. */
export const usualState = '/var/lib/shoal';
/** Blocks of four /20 networks in 10.0.0.0/8; the first is where the usual daemon begins. */
const blocks = 1024;

/** Six hexadecimal digits, or nothing for the usual place. */
export function instanceOf(state: string): string {
  return state === usualState ? '' : createHash('sha256').update(state).digest('hex').slice(0, 6);
}

/**
 * Where a cluster that is told nothing else takes its subnets from; empty for Swarm's own default.
 * Two clusters on one host must not begin at the same subnet: the engine takes each only once, and neither knows what the other will use.
 */
export function addressPools(instance: string): string[] {
  if (instance === '') return [];
  const block = 1 + (Number.parseInt(instance, 16) % (blocks - 1));
  return [`10.${block >> 2}.${(block & 3) << 6}.0/18`, '10.0.0.0/8'];
}
