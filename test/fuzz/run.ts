/** `npm run fuzz`: each target for a while, from a seed that is printed. Options: --target NAME, --seconds N (each), --seed S. */
import { parseArgs } from 'node:util';
import { fuzz } from './runner.ts';
import { targets } from './targets.ts';

const { values } = parseArgs({ options: { target: { type: 'string' }, seconds: { type: 'string', default: '60' }, seed: { type: 'string' } } });
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target);
if (chosen.length === 0) {
  process.stderr.write(`--target is one of ${targets.map(({ name }) => name).join(', ')}\n`);
  process.exit(2);
}
let failed = 0;
for (const target of chosen) {
  const { inputs, slowestMs, found } = await fuzz(target, { seed, seconds: Number(values.seconds) });
  process.stdout.write(`${found === undefined ? 'ok  ' : 'FAIL'} ${target.name}: ${inputs} inputs, slowest answer ${slowestMs.toFixed(0)} ms, seed ${seed}\n`);
  if (found === undefined) continue;
  failed++;
  process.stdout.write(`${found}\n`);
}
process.exit(failed === 0 ? 0 : 1);
