import { expect, test } from 'vitest';
import { huntFault } from '#test/support/planted';
import { loadFaults, tierNames } from './tiers.ts';

/** All of them are hunted by `npm run simulate -- --planted`; here every fourth of those that show themselves quickly. */
const quick = 100;

const faults = (await Promise.all(tierNames().map(loadFaults))).flat().filter((fault, at) => at % 4 === 0 && fault.within <= quick && !fault.equivalent);

test.each(faults)(
  'the simulation finds that $tier $name',
  async (fault) => {
    expect(await huntFault(fault)).toMatchObject({ finding: true });
  },
  120_000,
);
