/** Several hosts on one network: each a network namespace with a Docker Engine of its own, as machines of a cluster. Plain Node. */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { removeHost, startHost } from './machine.mjs';

/**
 * @typedef {import('./machine.mjs').Host} Host
 * @typedef {object} Hosts
 * @property {Host[]} hosts each with `address` on the network between them
 * @property {(host: Host) => void} cut takes the host's line to the others away
 * @property {(host: Host) => void} deafen nothing of the others reaches the host, and what it says reaches them
 * @property {(host: Host) => void} heal gives it back, both ways
 * @property {() => Promise<void>} stop ends everything and removes it
 */

/**
 * @typedef {import('./machine.mjs').Place} Place
 * @typedef {{ tag: string, hosts: readonly Place[] }} Places hosts that outlive this process, until `removeHosts`
 */

/** @param {number | Places} wanted how many @returns {Promise<Hosts>} */
export async function startHosts(wanted) {
  const lasting = typeof wanted === 'number' ? undefined : wanted;
  const places = lasting?.hosts ?? Array.from({ length: Number(wanted) }, () => undefined);
  const tag = lasting?.tag ?? randomBytes(3).toString('hex');
  const bridge = bridgeOf(tag);
  // 198.19.0.0/16 is the other half of what is set aside for tests between hosts (RFC 2544).
  const used = execFileSync('ip', ['-4', '-o', 'addr'], { encoding: 'utf8' });
  const start = randomBytes(1).readUInt8();
  const third = Array.from({ length: 256 }, (_, i) => (start + i) % 256).find((i) => !used.includes(`198.19.${i}.`)) ?? 0;
  ip('link', 'add', bridge, 'type', 'bridge');
  ip('addr', 'add', `198.19.${third}.254/24`, 'dev', bridge);
  ip('link', 'set', bridge, 'up');
  // Bridged packets pass the machine's firewall where br_netfilter is loaded, and Docker's policy there is to drop.
  for (const rule of rulesFor(bridge)) spawnSync('iptables', ['-w', '-I', ...rule], { stdio: 'ignore' });
  /** @type {Host[]} */
  const hosts = [];
  const lineOf = (/** @type {Host} */ host) => `sl${tag}${hosts.indexOf(host)}`;

  async function stop() {
    process.removeListener('exit', abandon);
    await Promise.all(hosts.map((host) => host.stop()));
    abandon();
  }
  const abandon = () => removeLine(tag);
  if (!lasting) process.once('exit', abandon);

  try {
    hosts.push(...(await Promise.all(places.map((place) => startHost(place)))));
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

/** Removes hosts that another process started. @param {Places} places */
export async function removeHosts({ tag, hosts }) {
  await Promise.all(hosts.map(removeHost));
  removeLine(tag);
}

/** @param {string} tag */
const bridgeOf = (tag) => `sb${tag}`;

/** @param {string} bridge */
const rulesFor = (bridge) => ['-i', '-o'].map((side) => ['FORWARD', side, bridge, '-j', 'ACCEPT']);

/** @param {string} tag */
function removeLine(tag) {
  for (const rule of rulesFor(bridgeOf(tag))) spawnSync('iptables', ['-w', '-D', ...rule], { stdio: 'ignore' });
  spawnSync('ip', ['link', 'del', bridgeOf(tag)], { stdio: 'ignore' });
}

/** @param {string[]} args */
function ip(...args) {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}
