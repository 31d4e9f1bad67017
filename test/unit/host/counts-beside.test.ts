/** What counts connections comes in force with the rules that it counts for. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LoadedRules } from '#host/loaded-rules';
import { ServiceCounters } from '#host/ports/service-counters';
import { RuleWatch } from '#host/rule-watch';
import { ruleSet } from '#network/rules/rule-set';
import type { VirtualService } from '#network/virtual-services';
import { realClock } from '#test/support/real-clock';
import { silentLogger } from '#test/support/silent-logger';

const before = process.env['PATH'];
let folder = '';

/** A kernel that takes each file of rules but those with `refused` in them, and keeps what it was given in order. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-counts-'));
  mkdirSync(join(folder, 'loads'));
  const nft = join(folder, 'nft');
  const lines = [
    '#!/bin/sh',
    '[ "$1" = -j ] && { echo "{\\"nftables\\":[]}"; exit 0; }',
    '[ "$1" = -f ] || exit 1',
    `cp "$2" ${folder}/loads/$(ls ${folder}/loads | wc -l)`,
    `[ -e ${folder}/refuse ] && grep -q _counts "$2" && { echo no >&2; exit 1; }`,
    'exit 0',
  ];
  writeFileSync(nft, `${lines.join('\n')}\n`);
  chmodSync(nft, 0o755);
  process.env['PATH'] = `${folder}:${before}`;
});

afterEach(() => {
  process.env['PATH'] = before;
  rmSync(folder, { recursive: true, force: true });
});

/** Which tables each load was about. */
function loads(): string[] {
  const texts = readdirSync(join(folder, 'loads')).map((name) => readFileSync(join(folder, 'loads', name), 'utf8'));
  return texts.map((text) => [...(/table ip shoal_t\b/.test(text) ? ['rules'] : []), ...(text.includes('shoal_t_counts') ? ['counts'] : [])].join(' '));
}

const service = (serviceName: string): VirtualService => ({ address: '10.0.0.2', serviceName, networkId: 'net1', targets: [] }) as unknown as VirtualService;
const rulesOf = (services: readonly VirtualService[]) => ruleSet('shoal_t', { ports: [], services, subnets: ['10.0.0.0/24'], apart: [] } as never);

function made() {
  const rules = new LoadedRules('shoal_t', { logger: silentLogger, watch: new RuleWatch('t', { clock: realClock, logger: silentLogger }) });
  return { rules, counters: new ServiceCounters('t') };
}

test('one process brings both, once it is known what an earlier life has left', async () => {
  const { rules, counters } = made();
  expect(counters.change([], [service('a')]), 'nothing is known yet').toBeUndefined();
  await counters.apply([], [service('a')]);
  expect(loads()).toEqual(['counts']);
  await rules.load(rulesOf([service('b')]), counters.change([], [service('b')]));
  await counters.apply([], [service('b')]);
  expect(loads()).toEqual(['counts', 'rules counts']);
  expect(counters.change([], [service('b')]), 'nothing is to be done').toBeUndefined();
});

test('counts that the kernel refuses keep no rule from being loaded, and are tried by themselves', async () => {
  const { rules, counters } = made();
  await counters.apply([], [service('a')]);
  writeFileSync(join(folder, 'refuse'), '');
  await rules.load(rulesOf([service('b')]), counters.change([], [service('b')]));
  expect(loads()).toEqual(['counts', 'rules counts', 'rules']);
  rmSync(join(folder, 'refuse'));
  await counters.apply([], [service('b')]);
  expect(loads()).toEqual(['counts', 'rules counts', 'rules', 'counts']);
});
