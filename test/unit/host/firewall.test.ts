/** What a look at the engine's firewall costs: iptables is a script here that writes down how it was asked. */
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HostPorts } from '#host/host-ports';
import { withRuleFile } from '#host/rule-table';
import type { RuleWatch } from '#host/rule-watch';
import { silentLogger } from '../../support/silent-logger.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

let folder: string;
const path = process.env['PATH'];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-firewall-'));
  process.env['PATH'] = `${folder}:${path}`;
  tool('nft', 'exit 0');
});
afterEach(() => {
  process.env['PATH'] = path;
  rmSync(folder, { recursive: true });
});

function tool(name: string, script: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
}

/** Lists `rules`; `-C` says yes where `known`. */
function iptables(rules: readonly string[], known = false): void {
  writeFileSync(join(folder, 'rules'), `${rules.join('\n')}\n`);
  tool(
    'iptables',
    `echo "$*" >> ${folder}/asked\ncase "$*" in *--version*) echo nf_tables ;; *-S*) cat ${folder}/rules ;; *-C*) exit ${known ? 0 : 1} ;; esac`,
  );
}

/** How iptables was asked since the last time. */
function asked(): string[] {
  const file = join(folder, 'asked');
  const lines = readFileSync(file, 'utf8').trim().split('\n').filter(Boolean);
  writeFileSync(file, '');
  return lines.map((line) => line.replace('-w 5 ', ''));
}

const bridged = '-A FORWARD -i sh-+ -m physdev --physdev-is-bridged -j ACCEPT';
/** Where this machine's firewall is not shown what stays on a bridge, no rule for that is asked for. */
const bridgedShown = '/proc/sys/net/bridge/bridge-nf-call-iptables';
const isShown = existsSync(bridgedShown) && readFileSync(bridgedShown, 'utf8').trim() === '1';
const always = ['-A FORWARD -j DOCKER-USER', '-A DOCKER-USER -m connmark --mark 0x5000 -j ACCEPT', '-A INPUT -m connmark --mark 0x5053 -j ACCEPT'];
const ours = [...always, ...(isShown ? [bridged] : [])];

async function startedPorts(watch: { touched: number }): Promise<HostPorts> {
  const told = { losses: 0, changes: 1, touches: () => watch.touched, caughtUp: async () => true } as unknown as RuleWatch;
  const ports = new HostPorts({ instance: 'test', heldPorts: 8, nodeId: 'n1' }, { logger: silentLogger, watch: told, clock: new VirtualClock() });
  await ports.start();
  return ports;
}

test('a firewall that is whole is looked at by one process, and once after each change of somebody’s', async () => {
  iptables(ours);
  const watch = { touched: 0 };
  const ports = await startedPorts(watch);
  expect(asked().toSorted()).toEqual(['--version', '-S']);
  expect([await ports.whole(), await ports.whole(), await ports.whole()]).toEqual([true, true, true]);
  expect(asked()).toEqual(['-S']);
  watch.touched = 1;
  expect([await ports.whole(), await ports.whole()]).toEqual([true, true]);
  expect(asked()).toEqual(['-S']);
});

test('of what the list does not show iptables itself is asked; what is not there is found by each look, the jump to the engine’s chain too', async () => {
  iptables([], true);
  const ports = await startedPorts({ touched: 0 });
  expect(asked().filter((line) => line.startsWith('-I'))).toEqual([]);
  for (const gone of ours) {
    iptables(ours.filter((rule) => rule !== gone));
    expect([await ports.whole(), await ports.whole()]).toEqual([false, false]);
    expect(asked().filter((line) => line.startsWith('-C'))).toEqual([gone.replace('-A', '-C'), gone.replace('-A', '-C')]);
  }
});

test('who flushed the engine’s rules for bridges too cuts no network in two: ours comes last, behind all that says more', async () => {
  iptables(always);
  const ports = await startedPorts({ touched: 0 });
  expect(asked().filter((line) => /^-[AI] /.test(line))).toEqual(isShown ? [bridged] : []);
  await ports.stop();
});

test('rules for a tool lie in one file that only we can read, and nothing is left of it', async () => {
  const lying = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('shoal-nft-'));
  const before = new Set(lying());
  await withRuleFile('table ip a\n', async (file) => {
    const stat = statSync(file);
    expect([file.startsWith(join(tmpdir(), 'shoal-nft-')), stat.isFile(), stat.mode & 0o777]).toEqual([true, true, 0o600]);
    expect(readFileSync(file, 'utf8')).toBe('table ip a\n');
    await expect(withRuleFile('', () => Promise.reject(new Error('refused')))).rejects.toThrow('refused');
    return file;
  }).then((file) => expect(lying().some((name) => file.endsWith(name) && !before.has(name))).toBe(false));
});
