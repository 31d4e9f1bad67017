/** The tiers there are. Each stands in `tiers/NAME.ts` and exports `tier`; its planted faults stand in `planted/NAME.ts` and export `faults`. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Fault } from '#test/support/planted';
import type { Tier } from './tier.ts';

const names = ['core', 'disk', 'driver'] as const;

export type TierName = (typeof names)[number];

/** Where a tier's module lies. */
function tierFile(name: string): string {
  return join(import.meta.dirname, 'tiers', `${name}.ts`);
}

export function tierNames(): TierName[] {
  return names.filter((name) => existsSync(tierFile(name)));
}

export async function loadTier(name: string): Promise<Tier> {
  if (!tierNames().includes(name as TierName)) throw new Error(`no tier ${name}; there are ${tierNames().join(', ')}`);
  return ((await import(tierFile(name))) as { tier: Tier }).tier;
}

export async function loadFaults(name: string): Promise<readonly Fault[]> {
  const file = join(import.meta.dirname, 'planted', `${name}.ts`);
  return existsSync(file) ? ((await import(file)) as { faults: readonly Fault[] }).faults : [];
}
