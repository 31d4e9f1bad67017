/** Several hosts on one network: each a network namespace with a Docker Engine of its own, as machines of a cluster. Plain Node. */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { startHost } from './machine.mjs';

/**
 * @typedef {import('./machine.mjs').Host} Host
 * @typedef {object} Hosts
 * @property {Host[]} hosts each with `address` on the network between them
 * @property {(host: Host) => void} cut takes the host's line to the others away
 * @property {(host: Host) => void} deafen nothing of the others reaches the host, and what it says reaches them
 * @property {(host: Host) => void} heal gives it back, both ways
 * @property {() => Promise<void>} stop ends everything and removes it
 */

/** @param {number} count @returns {Promise<Hosts>} */
export async function startHosts(count) {
  const tag = randomBytes(3).toString('hex');
  const bridge = `sb${tag}`;
  // 198.19.0.0/16 is the other half of what is set aside for tests between hosts (RFC 2544).
  const used = execFileSync('ip', ['-4', '-o', 'addr'], { encoding: 'utf8' });
  const start = randomBytes(1).readUInt8();
  const third = Array.from({ length: 256 }, (_, i) => (start + i) % 256).find((i) => !used.includes(`198.19.${i}.`)) ?? 0;
  ip('link', 'add', bridge, 'type', 'bridge');
  ip('addr', 'add', `198.19.${third}.254/24`, 'dev', bridge);
  ip('link', 'set', bridge, 'up');
  // Bridged packets pass the machine's firewall where br_netfilter is loaded, and Docker's policy there is to drop.
  const rules = ['-i', '-o'].map((side) => ['FORWARD', side, bridge, '-j', 'ACCEPT']);
  for (const rule of rules) spawnSync('iptables', ['-w', '-I', ...rule], { stdio: 'ignore' });
  /** @type {Host[]} */
  const hosts = [];
  const lineOf = (/** @type {Host} */ host) => `sl${tag}${hosts.indexOf(host)}`;

  async function stop() {
    process.removeListener('exit', abandon);
    await Promise.all(hosts.map((host) => host.stop()));
    abandon();
  }
  function abandon() {
    for (const rule of rules) spawnSync('iptables', ['-w', '-D', ...rule], { stdio: 'ignore' });
    spawnSync('ip', ['link', 'del', bridge], { stdio: 'ignore' });
  }
  process.once('exit', abandon);

  try {
    hosts.push(...(await Promise.all(Array.from({ length: count }, () => startHost()))));
    for (const [i, host] of hosts.entries()) {
      host.address = `198.19.${third}.${i + 1}`;
      ip('link', 'add', lineOf(host), 'type', 'veth', 'peer', 'name', 'cluster0', 'netns', host.name);
      ip('link', 'set', lineOf(host), 'master', bridge, 'up');
      host.run(['ip', 'addr', 'add', `${host.address}/24`, 'dev', 'cluster0']);
      host.run(['ip', 'link', 'set', 'cluster0', 'up']);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const deaf = ['INPUT', '-i', 'cluster0', '-j', 'DROP'];
  return {
    hosts,
    cut: (host) => ip('link', 'set', lineOf(host), 'down'),
    deafen: (host) => void host.run(['iptables', '-w', '-I', ...deaf]),
    heal(host) {
      spawnSync('nsenter', [`--net=/run/netns/${host.name}`, 'iptables', '-w', '-D', ...deaf], { stdio: 'ignore' });
      ip('link', 'set', lineOf(host), 'up');
    },
    stop,
  };
}

/** @param {string[]} args */
function ip(...args) {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}
