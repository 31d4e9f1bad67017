/** What a Docker Engine leaves on a host when it ends: noted before it starts, cleared away after it has ended. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const folders = ['/etc/docker', '/run/docker', '/run/containerd'];
const forwarding = '/proc/sys/net/ipv4/ip_forward';
const tables = ['filter', 'nat'];

/** @typedef {{ folders: string[], tables: string[], policies: Record<string, string>, forwarding: string }} Before */

/** @param {string} command @param {string[]} args */
function output(command, args) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? stdout : '';
}

/** @param {string} command `iptables` or `ip6tables` @param {string} table */
const rules = (command, table) => output(command, ['-t', table, '-S']).split('\n').filter(Boolean);

/** @param {string} command */
const policyOf = (command) =>
  rules(command, 'filter')
    .find((rule) => rule.startsWith('-P FORWARD '))
    ?.split(' ')[2] ?? 'ACCEPT';

export const tablesNow = () => output('nft', ['list', 'tables']).split('\n').filter(Boolean);

/** @returns {Before} how the host is now */
export function lookAtHost() {
  // Tables first: to ask iptables for its rules makes them.
  const present = tablesNow();
  return {
    folders: folders.filter((folder) => existsSync(folder)),
    tables: present,
    policies: { iptables: policyOf('iptables'), ip6tables: policyOf('ip6tables') },
    forwarding: readFileSync(forwarding, 'utf8').trim(),
  };
}

/** Brings the host back to what it was. Only for when no other engine runs on it: all engines share these names. @param {Before} before */
export function clearTraces(before) {
  spawnSync('ip', ['link', 'del', 'docker0'], { stdio: 'ignore' });
  for (const [command, policy] of Object.entries(before.policies)) {
    for (const table of tables) removeChains(command, table);
    spawnSync(command, ['-P', 'FORWARD', policy], { stdio: 'ignore' });
  }
  clearTables(before);
  for (const folder of folders) if (!before.folders.includes(folder)) rmSync(folder, { recursive: true, force: true });
  if (before.forwarding === '0') writeFileSync(forwarding, '0');
}

/** Tables that were not there, and hold nothing any more. @param {Pick<Before, 'tables'>} before */
export function clearTables(before) {
  for (const family of ['ip', 'ip6']) for (const table of tables) removeEmptyTable(family, table, before);
}

/** @param {string} command @param {string} table */
function removeChains(command, table) {
  const all = rules(command, table);
  const chains = all.filter((rule) => /^-N DOCKER(-[A-Z0-9-]+)?$/.test(rule)).map((rule) => rule.slice(3));
  const ours = all.filter((rule) => rule.startsWith('-A ') && (chains.some((chain) => rule.split(' ').includes(chain)) || rule.includes('docker0')));
  for (const rule of ours) spawnSync(command, ['-t', table, '-D', ...rule.slice(3).split(' ')], { stdio: 'ignore' });
  for (const chain of chains) spawnSync(command, ['-t', table, '-F', chain], { stdio: 'ignore' });
  for (const chain of chains) spawnSync(command, ['-t', table, '-X', chain], { stdio: 'ignore' });
}

/** A table that the engine brought and that holds nothing else. @param {string} family @param {string} table @param {Pick<Before, 'tables'>} before */
function removeEmptyTable(family, table, before) {
  if (before.tables.includes(`table ${family} ${table}`)) return;
  const lines = output('nft', ['list', 'table', family, table])
    .split('\n')
    .map((line) => line.trim());
  const empty = lines.every((line) => line === '' || line === '}' || /^(table|chain) .*\{$/.test(line) || line.startsWith('type ') || line.startsWith('#'));
  if (empty) spawnSync('nft', ['delete', 'table', family, table], { stdio: 'ignore' });
}

/** An engine mounts its own folders on some hosts and leaves them so. @param {string} folder */
export function unmountBelow(folder) {
  const places = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  for (const place of places.filter((path) => path.startsWith(`${folder}/`)).toReversed()) spawnSync('umount', ['--lazy', place], { stdio: 'ignore' });
}
