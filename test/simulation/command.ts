/** The words of `npm run simulate`. */
import { parseArgs } from 'node:util';
import { faultsOf } from './replay.ts';

export const usage = `npm run simulate -- [--tier core|disk|driver] [--seeds N] [--from S]   plays seeds S to S+N-1 (S is 1, N is 100)
npm run simulate -- --tier T --seed S [--faults NAMES]                  plays one seed again, twice, and shrinks its faults if it fails; or with these faults only
npm run simulate -- --planted [--tier T] [--only TEXT] [--seeds N]      hunts the planted faults and prints what caught each`;

const options = {
  tier: { type: 'string' },
  seeds: { type: 'string' },
  from: { type: 'string', default: '1' },
  seed: { type: 'string' },
  faults: { type: 'string' },
  planted: { type: 'boolean', default: false },
  only: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

export type Command = Omit<ReturnType<typeof parseArgs<{ options: typeof options }>>['values'], 'faults'> & { readonly faults: string[] | undefined };

export function parseCommand(args: readonly string[]): Command {
  const { values } = parseArgs({ args: [...args], options });
  const { faults, seed, tier } = values;
  if (faults !== undefined && (seed === undefined || tier === undefined)) throw new Error('--faults stands beside --tier and --seed');
  return { ...values, faults: faults === undefined ? undefined : faultsOf(faults) };
}
