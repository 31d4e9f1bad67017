/** `npm run demo -- cluster`: three hosts on this one machine become a cluster, and its leader is killed before one's eyes. */
import { once } from 'node:events';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { endResolvers } from '../support/end-resolvers.mjs';
import { removeHosts, startHosts } from '../support/hosts.mjs';
import { endProcess, until } from '../support/machine.mjs';
import { demoImage, loadDemoImage } from './images.mjs';
import { clearTables, tablesNow } from './traces.mjs';
import { ask } from './traffic.mjs';

/** @typedef {import('../support/machine.mjs').Host} Host */

const home = '/var/lib/shoal-demo/cluster';
const tablesFile = join(home, 'tables.json');
/** Where `ip netns` keeps them; it makes the folder, and mounts it. */
const namespaces = '/run/netns';
const tag = 'dem0';
const places = ['one', 'two', 'three'].map((name) => ({ tag: `dem${name.slice(0, 3)}`, name: `shoal-${name}`, folder: join(home, name) }));
/** @typedef {(typeof places)[number]} Place */

const stack = `
services:
  front:
    image: ${demoImage}
    ports: ["8080:80"]
    configs: [{source: greeting, target: /etc/greeting.txt}]
    secrets: [admin_password]
    stop_grace_period: 1s
    healthcheck: {test: [CMD, /bin/wget, -q, -O, /dev/null, "http://127.0.0.1:80/"], interval: 1s, timeout: 2s, retries: 3}
    deploy: {replicas: 3, placement: {max_replicas_per_node: 1}}
configs: {greeting: {content: Hello from}}
secrets: {admin_password: {file: ./admin-password.txt}}
`;

/** @param {string} text */
const say = (text) => process.stdout.write(`${text}\n`);
/** @param {{ folder: string }} host */
const socketOf = ({ folder }) => join(folder, 'shoal.sock');
/** @param {{ name: string }} host */
const runFolderOf = ({ name }) => `/dev/shm/${name}-demo`;
/** @param {{ folder: string }} host */
const pidFileOf = ({ folder }) => join(folder, 'daemon.pid');
/** @param {Host} host @param {string[]} args */
const shoal = (host, ...args) =>
  execFileSync('bin/shoal', ['-H', `unix://${socketOf(host)}`, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

export const clusterIsThere = () => existsSync(home);

export async function showCluster() {
  if (clusterIsThere()) {
    say('The three hosts of before go first');
    await endCluster();
  }
  say('Starting three hosts on this machine: network namespaces, each with a Docker Engine of its own');
  for (const { folder } of places) mkdirSync(folder, { recursive: true });
  writeFileSync(tablesFile, JSON.stringify(tablesNow()));
  const { hosts } = await startHosts({ tag, hosts: places });
  for (const { socket } of hosts) loadDemoImage(socket);
  await Promise.all(hosts.map(startDaemon));
  await makeCluster(hosts);
  await deploy(hosts);
  await killLeader(hosts);
  tellHowTo(hosts);
}

/** @param {Host} host */
async function startDaemon(host) {
  const log = openSync(join(host.folder, 'daemon.log'), 'a');
  const options = ['--socket', socketOf(host), '--state', join(host.folder, 'state'), '--run', runFolderOf(host), '--engine', host.socket];
  const [enter = '', ...into] = host.enter;
  const child = spawn(enter, [...into, 'bin/shoal', 'daemon', ...options], { detached: true, stdio: ['ignore', log, log] });
  child.unref();
  writeFileSync(pidFileOf(host), String(child.pid));
  const answers = () => spawnSync('bin/shoal', ['-H', `unix://${socketOf(host)}`, 'info'], { stdio: 'ignore' }).status === 0;
  await until(answers, 60_000, () => `the daemon on ${host.name} does not answer: ${join(host.folder, 'daemon.log')}`);
}

/** @param {Host[]} hosts */
async function makeCluster(hosts) {
  const [first] = /** @type {[Host]} */ (hosts);
  const began = Date.now();
  shoal(first, 'swarm', 'init', '--advertise-addr', first.address);
  const token = shoal(first, 'swarm', 'join-token', '-q', 'manager');
  for (const host of hosts.slice(1)) shoal(host, 'swarm', 'join', '--token', token, `${first.address}:2377`);
  const ready = () => shoal(first, 'node', 'ls', '--format', '{{.Status}} {{.ManagerStatus}}').match(/Ready (Leader|Reachable)/g)?.length === 3;
  await until(ready, 60_000, () => shoal(first, 'node', 'ls'));
  say(`Three managers after ${seconds(began)}:\n${shoal(first, 'node', 'ls')}`);
}

/** @param {Host[]} hosts */
async function deploy(hosts) {
  const [first] = /** @type {[Host]} */ (hosts);
  const file = join(home, 'compose.yml');
  writeFileSync(file, stack);
  writeFileSync(join(home, 'admin-password.txt'), 'swimmingly\n');
  say('Deploying the stack web: three replicas, one on each host, behind port 8080 of every host');
  shoal(first, 'stack', 'deploy', '--quiet', '-c', file, 'web');
  for (const host of hosts)
    await until(
      async () => (await ask(host.address)) !== undefined,
      30_000,
      () => `nothing answers on ${host.address}:8080`,
    );
  for (const host of hosts) say(`  http://${host.address}:8080/ (${host.name}) answers: ${await ask(host.address)}`);
}

/** @param {Host[]} hosts */
async function killLeader(hosts) {
  const [witness] = /** @type {[Host]} */ (hosts);
  const leaderOf = (/** @type {Host} */ host) => /^(\S+) Leader$/m.exec(shoal(host, 'node', 'ls', '--format', '{{.Hostname}} {{.ManagerStatus}}'))?.[1];
  const leader = /** @type {Host} */ (hosts.find(({ name }) => name === leaderOf(witness)));
  const others = hosts.filter((host) => host !== leader);
  const [near] = /** @type {[Host]} */ (others);
  const [before, own] = [containers(others), containers([leader])];
  const end = begin(hosts);
  say(`\n${leader.name} leads. Killing its daemon with kill -9, while every host is asked twenty times a second …`);
  const began = Date.now();
  process.kill(daemonOf(leader), 'SIGKILL');
  const writes = () =>
    spawnSync('bin/shoal', ['-H', `unix://${socketOf(near)}`, 'config', 'create', 'written', join(home, 'compose.yml')], { stdio: 'ignore' });
  await until(
    () => writes().status === 0,
    60_000,
    () => 'no write is accepted',
  );
  say(`  ${seconds(began)}: ${leaderOf(near)} leads, and has accepted a write`);
  await startDaemon(leader);
  const back = () => shoal(near, 'node', 'ls', '--format', '{{.Hostname}} {{.Status}} {{.ManagerStatus}}').includes(`${leader.name} Ready Reachable`);
  await until(back, 60_000, () => shoal(near, 'node', 'ls'));
  say(`  ${seconds(began)}: ${leader.name} was started again, and follows`);
  const { asked, unanswered } = await end();
  const now = containers(hosts);
  const touched = before.filter((id) => !now.includes(id)).length;
  say(`  ${asked} requests meanwhile, ${unanswered} without an answer; ${touched} of ${before.length} containers of the other hosts were touched`);
  const runsOn = own.every((id) => now.includes(id));
  say(
    runsOn ? `  What ran on ${leader.name} runs on` : `  ${leader.name} was away for longer than 4 s, so it counted as down, and what ran there was replaced`,
  );
}

/** Asks all hosts again and again. @param {Host[]} hosts */
function begin(hosts) {
  const worker = new Worker(new URL('traffic.mjs', import.meta.url), { workerData: hosts.map(({ address }) => address) });
  return async () => {
    worker.postMessage('end');
    const [counts] = await once(worker, 'message');
    return /** @type {{ asked: number, unanswered: number }} */ (counts);
  };
}

/** @param {Host[]} hosts */
const containers = (hosts) => hosts.flatMap((host) => host.docker(['ps', '-q', '--no-trunc']).split('\n').filter(Boolean));

/** @param {{ folder: string }} host */
const daemonOf = (host) => Number(readFileSync(pidFileOf(host), 'utf8'));

/** @param {number} began */
const seconds = (began) => `${((Date.now() - began) / 1000).toFixed(1)} s`;

/** @param {Host[]} hosts */
function tellHowTo(hosts) {
  const [first, , third] = /** @type {[Host, Host, Host]} */ (hosts);
  say(`
Go on with it, on any of the three:
  export SHOAL_HOST=unix://${socketOf(first)}
  bin/shoal node ls
  bin/shoal stack ps web
  bin/shoal node drain ${third.name} --wait
  DOCKER_HOST=$SHOAL_HOST docker service ls
  curl http://${first.address}:8080/

Stop it, leaving nothing behind:
  npm run demo -- down`);
}

export async function endCluster() {
  say('Ending the three hosts');
  for (const place of places) {
    if (existsSync(pidFileOf(place)) && isDaemon(daemonOf(place))) await endProcess(daemonOf(place));
    await endResolvers(runFolderOf(place));
    rmSync(runFolderOf(place), { recursive: true, force: true });
  }
  await removeHosts({ tag, hosts: places });
  if (existsSync(tablesFile)) clearTables({ tables: JSON.parse(readFileSync(tablesFile, 'utf8')) });
  if (existsSync(namespaces) && readdirSync(namespaces).length === 0) {
    spawnSync('umount', [namespaces], { stdio: 'ignore' });
    rmdirSync(namespaces);
  }
  rmSync(home, { recursive: true, force: true });
}

/** Process numbers are given again. @param {number} pid */
function isDaemon(pid) {
  return existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('daemon');
}
