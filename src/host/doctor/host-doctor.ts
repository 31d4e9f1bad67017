/** Looks at a node's network as it is, not as it was applied. It changes nothing but this: rules that containers have lost are loaded again. */
import { readFile } from 'node:fs/promises';
import type { Clock } from '#base/clock';
import type { DoctorPeer, Finding, Heard, Listening } from '#model/doctor/examination';
import type { Traffic } from '#network/contract';
import { foreignIptables, foreignNft, type Needs } from '#network/doctor/foreign-rules';
import { hasTasks, judgeInside, planInside } from '#network/doctor/inside-plan';
import { NameTable } from '#network/names';
import { missingAccepts, ruleText } from '../engine-firewall.ts';
import type { HostBridges } from '../host-bridges.ts';
import type { HostPorts } from '../host-ports.ts';
import type { HostOverlay } from '../overlay/host-overlay.ts';
import { run } from '../run.ts';
import { EngineChains } from './engine-chains.ts';
import { lookInside } from './inside.ts';
import { Probes } from './probes.ts';

export interface HostDoctorParts {
  instance: string;
  nodeId: string;
  bridges: HostBridges;
  overlay: HostOverlay;
  ports: HostPorts;
  clock: Clock;
  /** Where the kernel shows its settings; absent: where it does. */
  settings?: string;
}

const kernelSettings = '/proc/sys';
const limits = { timeoutMs: 5000 };
/** More text is not read: it would hold everything else up. */
const listingLimit = 4 * 1024 * 1024;
/** Networks that are looked at from inside; what is left out is said. */
const networksTried = 16;
const insideAtOnce = 4;
/** What is on its way to be changed is looked at again. */
const againMs = 1500;
/** Of all connections that the kernel can remember. */
const fullShare = 0.9;

export class HostDoctor {
  readonly #parts: HostDoctorParts;
  readonly #probes: Probes;
  readonly #engine = new EngineChains();

  constructor(parts: HostDoctorParts) {
    this.#parts = parts;
    this.#probes = new Probes(parts.instance, parts.clock);
  }

  get #settings(): string {
    return this.#parts.settings ?? kernelSettings;
  }

  async listen(): Promise<Listening> {
    const { overlay } = this.#parts;
    const { local, linkMtu } = await overlay.ground();
    await this.#probes.listen(overlay.port);
    return { address: local, mtu: linkMtu, port: overlay.port };
  }

  heard(): Promise<Heard[]> {
    return this.#probes.heard();
  }

  /** What a daemon that died left goes, and what the engine has of chains is kept in mind. */
  async start(): Promise<void> {
    await Promise.all([this.#probes.clear(), this.#engine.missing()]);
  }

  stop(): Promise<void> {
    return this.#probes.stop();
  }

  /** Behind a translation of addresses from any: what arrives decides. */
  async send(peers: readonly DoctorPeer[]): Promise<void> {
    const { overlay } = this.#parts;
    const { local, linkMtu } = await overlay.ground();
    await this.#probes.send({ address: local, mtu: linkMtu, port: overlay.port }, peers);
  }

  async look(managers: readonly string[]): Promise<Finding[]> {
    const parts = await Promise.all([
      this.#probes.managers(managers),
      this.#firewall(managers),
      twice(() => this.#engineRules(), this.#parts.clock),
      twice(() => this.#kernel(), this.#parts.clock),
      twice(() => this.#inside(), this.#parts.clock),
      this.#containers(),
    ]);
    return parts.flat();
  }

  async #firewall(managers: readonly string[]): Promise<Finding[]> {
    const { overlay } = this.#parts;
    const { local } = await overlay.ground();
    const own = managers.find((address) => address.startsWith(`${local}:`));
    const needs: Needs = { port: overlay.port, ...(own !== undefined && { managerPort: Number(own.slice(local.length + 1)) }) };
    const found: Finding[] = [];
    if ((await readFile(`${this.#settings}/net/ipv4/ip_forward`, 'utf8')).trim() !== '1') {
      found.push({
        level: 'error',
        check: 'firewall',
        text: 'this host forwards no packets (net.ipv4.ip_forward is 0)',
        advice: 'sysctl -w net.ipv4.ip_forward=1, and see who turns it off',
      });
    }
    for (const missing of await missingAccepts()) {
      found.push({
        level: 'error',
        check: 'firewall',
        text: `${ruleText(missing)} is missing`,
        advice: 'it is put back within half a minute; see who takes it away: reloads of the firewall, an engine that makes its chains anew',
      });
    }
    const [tables, rules] = await Promise.all([run('iptables', ['-w', '5', '-S'], limits), run('nft', ['-j', 'list', 'ruleset'], limits)]);
    for (const [listing, read] of [
      [tables, foreignIptables],
      [rules, foreignNft],
    ] as const) {
      if (listing.code !== 0) continue;
      if (listing.stdout.length <= listingLimit) found.push(...read(listing.stdout, needs));
      else
        found.push({
          level: 'warning',
          check: 'firewall',
          text: 'this host has too many rules to look at',
          advice: 'look for rules that drop in the hooks forward and input yourself',
        });
    }
    return found;
  }

  async #engineRules(): Promise<Finding[]> {
    const missing = await this.#engine.missing();
    if (missing.length === 0) return [];
    const text = `the engine's own rules are gone (${missing.join(', ')}): it may make no network any more, and its containers may have no way out`;
    const advice =
      'restart the engine (systemctl restart docker), which makes them again; without live-restore its containers end with it: drain the node first. See who flushes rules (nft flush ruleset, restarts of a firewall). Where the engine is to have none, restart the daemon';
    return [{ level: 'error', check: 'firewall', text, advice }];
  }

  async #kernel(): Promise<Finding[]> {
    const { overlay, ports, bridges } = this.#parts;
    const found: Finding[] = [];
    const stale = (text: string): void =>
      void found.push({ level: 'error', check: 'kernel', text, advice: 'it is mended within half a minute; where it comes back, see who else changes it' });
    for (const network of await overlay.differing())
      stale(`bridges, tunnels, forwarding entries or neighbours of network ${network} are not as the managers have them`);
    for (const [part, name] of [
      [ports, 'published ports and services'],
      [bridges, 'name servers'],
      [overlay, 'members'],
    ] as const) {
      if (!(await part.whole())) stale(`the nft rules of ${name} are not those that were loaded`);
    }
    for (const text of [...overlay.problems(), ...ports.problems(), ...bridges.problems()]) {
      found.push({ level: 'warning', check: 'kernel', text, advice: 'see what it says; it is tried again by itself' });
    }
    return [...found, ...(await this.#unheard()), ...(await fullTable(this.#settings))];
  }

  async #unheard(): Promise<Finding[]> {
    const { hosts, port } = await this.#parts.overlay.unheard();
    return hosts.map((host) => ({
      level: 'error',
      check: 'kernel',
      text: `${host} has a key and has never answered what was sent to it encrypted: encrypted networks do not reach it`,
      advice: `let UDP port ${port} through between all nodes, and see whether the node has what encrypts (wg show)`,
    }));
  }

  /** Nothing tells of a flush in a container's network: who looks loads again what is gone. */
  async #containers(): Promise<Finding[]> {
    const flushed = await this.#parts.ports.reloadContainers();
    if (flushed.length === 0) return [];
    const text = `containers of ${flushed.length} tasks had lost their rules of services and ways back: ${flushed.slice(0, 4).join(', ')}`;
    const advice = 'they were loaded again just now; see what inside these containers, or on this host, flushes rules (nft flush ruleset)';
    return [{ level: 'error', check: 'kernel', text, advice }];
  }

  async #inside(): Promise<Finding[]> {
    const { ports, nodeId } = this.#parts;
    const traffic: Traffic = ports.traffic ?? { services: [], networks: [] };
    const named = traffic.networks.filter(({ network }) => !network.Spec.Ingress && hasTasks(traffic, network.ID));
    const silent = traffic.networks.filter(({ network }) => network.Spec.Ingress).map(({ network }) => network.ID);
    const table = new NameTable(traffic.services, silent);
    const found: Finding[] = [];
    const next = named.slice(0, networksTried).values();
    const worker = async (): Promise<void> => {
      for (const { network } of next) {
        const container = await ports.containerOn(network.ID);
        if (container === undefined) continue;
        const networkIds = new Set([...container.networkIds].filter((id) => !silent.includes(id)));
        const plan = planInside({ network, traffic, table, nodeId, networkIds });
        const addresses = plan.addresses.map(({ address }) => address);
        const seen = await lookInside(container.pid, { names: plan.names.map(({ name }) => name), elsewhere: plan.elsewhere, addresses });
        if (seen) found.push(...judgeInside(plan, seen));
      }
    };
    await Promise.all(Array.from({ length: insideAtOnce }, worker));
    if (named.length > networksTried) {
      const text = `${named.length - networksTried} of ${named.length} networks were not looked at from inside`;
      found.push({ level: 'warning', check: 'names', text, advice: 'what is wrong with all of a node shows in the others' });
    }
    return found;
  }
}

/** What is found once may just be on its way: what is found twice is told. */
async function twice(look: () => Promise<readonly Finding[]>, clock: Clock): Promise<readonly Finding[]> {
  const first = await look();
  if (first.length === 0) return first;
  await new Promise<void>((resolve) => void clock.after(againMs, resolve));
  const again = new Set((await look()).map(({ text }) => text));
  return first.filter(({ text }) => again.has(text));
}

async function fullTable(settings: string): Promise<Finding[]> {
  const read = async (name: string): Promise<number> =>
    Number((await readFile(`${settings}/net/netfilter/nf_conntrack_${name}`, 'utf8').catch(() => '0')).trim());
  const [count, max] = await Promise.all([read('count'), read('max')]);
  if (max === 0 || count < fullShare * max) return [];
  return [
    {
      level: 'warning',
      check: 'kernel',
      text: `the kernel remembers ${count} connections of ${max} at most; new ones will be dropped`,
      advice: 'sysctl -w net.netfilter.nf_conntrack_max=… (a few hundred bytes each)',
    },
  ];
}
