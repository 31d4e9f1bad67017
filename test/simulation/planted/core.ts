/** Faults planted in the core, its membership and its reads. */
import type { Fault } from '#test/support/planted';
import { elections } from './core/elections.ts';
import { log } from './core/log.ts';
import { reads } from './core/reads.ts';
import { membership } from './core/membership.ts';
import { snapshots } from './core/snapshots.ts';
import { turns } from './core/turns.ts';

export const faults: readonly Fault[] = [...elections, ...log, ...reads, ...membership, ...snapshots, ...turns];
