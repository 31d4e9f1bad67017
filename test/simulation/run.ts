/** `npm run simulate`: plays seeds of one tier or all, replays and shrinks one seed, or hunts the planted faults. */
import { huntFault, type Fault } from '#test/support/planted';
import { loadFaults, loadTier, tierNames } from './tiers.ts';
import { parseCommand, usage } from './command.ts';
import { commandOf, replay, shrunkLines } from './replay.ts';
import type { Tier } from './tier.ts';

const values = parseCommand(process.argv.slice(2));

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Plays `count` seeds; returns whether all promises held and enough happened. */
async function campaign(tier: Tier, from: number, count: number): Promise<boolean> {
  const started = Date.now();
  const totals = new Map<string, number>();
  for (const script of tier.guided) await script.run();
  for (let seed = from; seed < from + count; seed++) {
    try {
      for (const [name, times] of Object.entries((await tier.run(seed)).counts)) totals.set(name, (totals.get(name) ?? 0) + times);
    } catch (error) {
      print(`${tier.name} seed ${seed}: ${(error as Error).message}\n  again: ${commandOf(tier, seed)}`);
      for (const line of await shrunkLines(tier, seed)) print(`  ${line}`);
      return false;
    }
  }
  const minutes = (Date.now() - started) / 60_000;
  print(`${tier.name}: ${count} seeds from ${from}, ${tier.guided.length} guided scripts, 0 violations, ${Math.round(count / minutes)} seeds a minute`);
  print(`  ${[...totals].map(([name, times]) => `${name} ${times}`).join(', ')}`);
  const short = Object.entries(tier.minimums).filter(([name, least]) => (totals.get(name) ?? 0) < (least * count) / 100);
  for (const [name, least] of short) print(`  too little happened: ${name} ${totals.get(name) ?? 0}, at least ${(least * count) / 100} wanted`);
  return short.length === 0;
}

async function again(tier: Tier, seed: number): Promise<boolean> {
  const { well, lines } = await replay(tier, seed, values.faults);
  for (const line of lines) print(line);
  return well;
}

async function plantedTable(names: readonly string[]): Promise<boolean> {
  const faults: Fault[] = [];
  for (const name of names) faults.push(...(await loadFaults(name)));
  let missed = 0;
  for (const fault of faults.filter((one) => one.name.includes(values.only ?? ''))) {
    const find = await huntFault(fault, values.seeds === undefined ? fault.within : Number(values.seeds));
    const caught = find?.finding === true || (find?.by === 'hang' && fault.within > 0);
    const verdict = find ? `${find.by}: ${find.message.split('\n')[0]?.slice(0, 140)}` : fault.equivalent ? `equivalent: ${fault.equivalent}` : 'SURVIVES';
    if (caught === (fault.equivalent !== undefined)) missed++;
    print(`${caught ? 'caught' : 'missed'} | ${fault.tier} | ${fault.name} | ${verdict}`);
  }
  print(`${faults.length} planted faults, ${missed} not as stated`);
  return missed === 0;
}

async function main(): Promise<boolean> {
  if (values.help) print(usage);
  if (values.help) return true;
  const names = values.tier === undefined ? tierNames() : [values.tier];
  if (values.planted) return plantedTable(names);
  let well = true;
  for (const name of names) {
    const tier = await loadTier(name);
    well =
      (values.seed === undefined ? await campaign(tier, Number(values.from), Number(values.seeds ?? 100)) : await again(tier, Number(values.seed))) && well;
  }
  return well;
}

process.exitCode = (await main()) ? 0 : 1;
