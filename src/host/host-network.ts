/** One node's network in the kernel and on the wire: published ports, names, and what they need of bridges and firewall. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import type { ServiceEndpoint } from '#model/assignment';
import { bridgeName, type Network } from '#model/network';
import { nameTable } from '#network/names';
import { type NodeNetwork, publishedPorts, type PublishedPort } from '#network/published-ports';
import { departedTargets, ruleSet, servedPorts, tableName } from '#network/rule-set';
import { allowHairpin, allowLoopback, forgetFlowsTo, forgetFlowsToPort } from './bridge.ts';
import { checkHost } from './check-host.ts';
import { Coalescer } from './coalescer.ts';
import { type DnsServer, serveDns } from './dns-server.ts';
import { acceptPublished, acceptsPublished, stopAccepting } from './engine-firewall.ts';
import { PortHolder } from './port-holder.ts';
import { Resolver, type ResolverCounters } from './resolver.ts';
import { listRules, loadRules, otherRulesExist, removeRules, rulesInForce } from './rule-table.ts';

export interface HostNetworkOptions {
  /** Suffix of the nft tables, so that several daemons on one machine have their own; empty for a single one. */
  instance: string;
}

interface Desired {
  endpoints: readonly ServiceEndpoint[];
  networks: readonly NodeNetwork[];
}

export interface NetworkCounters extends ResolverCounters {
  rulesLoaded: number;
  repairs: number;
}

/** People flush rule sets and reload firewalls: what is in the kernel is looked at this often. */
const auditMs = 30_000;
/** Whether anything of it is gone is asked this often: two processes, where an audit takes several for each network. */
const glanceMs = 3000;
/** After a failed or clashing change, so soon again. */
const retryMs = 2000;
const dnsPort = 53;

export class HostNetwork {
  readonly #table: string;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #ports: PortHolder;
  readonly #resolver = new Resolver();
  readonly #changes = new Coalescer<Desired>((desired) => this.#carryOut(desired));
  readonly #servers = new Map<string, DnsServer>();
  /** network → why its name server is not listening. */
  readonly #nameProblems = new Map<string, string>();
  readonly #counters = { rulesLoaded: 0, repairs: 0 };
  #networks = new Map<string, NodeNetwork>();
  #desired: Desired | undefined;
  #inForce: { revision: string; listing: string; ports: readonly PublishedPort[] } | undefined;
  /** The kernel is to be asked, with the next change, whether it still has our rules. */
  #inDoubt = false;
  #preparing: Promise<void> = Promise.resolve();
  #auditing: Promise<void> = Promise.resolve();
  #cancelAudit: () => void = () => undefined;
  #stopped = true;

  constructor(options: HostNetworkOptions, { logger, clock }: { logger: Logger; clock: Clock }) {
    this.#table = tableName(options.instance);
    this.#logger = logger;
    this.#clock = clock;
    this.#ports = new PortHolder(logger);
  }

  /** What this host lacks for networking, in sentences; empty when nothing. */
  checkHost(): Promise<string[]> {
    return checkHost();
  }

  /** Begins. Rules of an earlier run stay in force until the first update says otherwise. Refuses when the host cannot do it. */
  async start(signal: AbortSignal): Promise<void> {
    const problems = await checkHost();
    if (problems.length > 0) throw new Refusal('failedPrecondition', `this host cannot do networking: ${problems.join('; ')}`);
    await acceptPublished();
    await this.#resolver.readServers();
    this.#stopped = false;
    signal.addEventListener('abort', () => void this.stop(), { once: true });
    this.#scheduleAudit(auditMs);
  }

  /** The bridge of `network` is there and has the address `gateway`; containers may start when this resolves. */
  async networkCreated(network: Network, gateway: string): Promise<void> {
    this.#networks.set(network.ID, { network, gateway });
    await acceptPublished();
    await this.#prepare({ network, gateway });
  }

  /** The bridge of the network is going or gone. */
  async networkRemoved(networkId: string): Promise<void> {
    // A change under way may still know the network and would open its name server again.
    await this.#changes.idle();
    this.#networks.delete(networkId);
    this.#nameProblems.delete(networkId);
    this.#closeServer(networkId);
  }

  /** Resolves when the ports and names of `endpoints` are in force; rejects when the kernel refuses, and is then tried again. */
  update(endpoints: readonly ServiceEndpoint[], networks: readonly NodeNetwork[]): Promise<void> {
    this.#desired = { endpoints, networks };
    return this.#changes.submit(this.#desired);
  }

  /** Ends; rules stay in force, so that running containers go on being served. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelAudit();
    await this.#auditing;
    await this.#changes.idle();
    for (const networkId of this.#servers.keys()) this.#closeServer(networkId);
    this.#ports.release([]);
  }

  /** Removes all that this daemon put into the kernel: the node leaves the cluster. */
  async tearDown(): Promise<void> {
    await this.stop();
    await removeRules(this.#table);
    // Another daemon on this machine goes on needing the rule that both share.
    if (!(await otherRulesExist())) await stopAccepting();
    this.#inForce = undefined;
  }

  /** Published ports and name servers that could not be served, each a sentence. */
  problems(): string[] {
    return [...this.#ports.clashes.values(), ...this.#nameProblems.values()];
  }

  counters(): NetworkCounters {
    return { ...this.#counters, ...this.#resolver.counters };
  }

  async #carryOut({ endpoints, networks }: Desired): Promise<void> {
    if (this.#stopped) return;
    try {
      for (const each of networks) this.#networks.set(each.network.ID, each);
      await this.#resolver.update(nameTable(endpoints, networks), this.#gateways());
      for (const each of networks) await this.#prepare(each);
      await this.#publish(publishedPorts(endpoints, networks));
      if (this.#ports.clashes.size > 0) this.#scheduleAudit(retryMs);
    } catch (error) {
      this.#logger.error({ err: error }, 'network change failed; it is tried again');
      this.#scheduleAudit(retryMs);
      throw error;
    }
  }

  async #publish(ports: readonly PublishedPort[]): Promise<void> {
    await this.#ports.hold(ports);
    const served = servedPorts(ports, new Set(this.#ports.clashes.keys()));
    const rules = ruleSet(this.#table, served, [...this.#gateways()]);
    const before = this.#inForce;
    // After a restart the kernel may well have the right rules already: only what differs is written.
    const same = !(await this.#wereChanged()) && (before ? before.revision === rules.revision : await rulesInForce(rules));
    if (!same) {
      await loadRules(rules);
      this.#inDoubt = false;
      this.#counters.rulesLoaded += 1;
      this.#logger.debug({ revision: rules.revision, ports: served.length }, 'rule set loaded');
      await forgetOldFlows(before?.ports ?? [], served);
    }
    if (!same || !before) this.#inForce = { revision: rules.revision, ports: served, listing: await listRules(this.#table) };
    this.#ports.release(ports);
  }

  /** Bridge settings and name server of one network, one network at a time; nothing while its bridge is not there. */
  #prepare(network: NodeNetwork): Promise<void> {
    const done = this.#preparing.then(() => this.#prepareNow(network));
    this.#preparing = done.catch(() => undefined);
    return done;
  }

  async #prepareNow({ network, gateway }: NodeNetwork): Promise<void> {
    const bridge = bridgeName(network.ID);
    if (!(await allowLoopback(bridge))) return;
    await allowHairpin(bridge);
    if (this.#servers.has(network.ID) || this.#stopped) return;
    try {
      const server = await serveDns(gateway, dnsPort, (message, asker, overUdp) => this.#resolver.answer(message, asker, network.ID, overUdp));
      this.#servers.set(network.ID, server);
      if (this.#nameProblems.delete(network.ID)) this.#logger.info({ network: network.Spec.Name, gateway }, 'names are served now');
    } catch (error) {
      this.#noteNameProblem(network, gateway, error as NodeJS.ErrnoException);
      this.#scheduleAudit(retryMs);
    }
  }

  /** Logged once, although it is tried again and again. */
  #noteNameProblem(network: Network, gateway: string, error: NodeJS.ErrnoException): void {
    const reason = error.code === 'EADDRINUSE' ? 'a name server of this host listens on port 53 of all addresses; bind it to its own addresses' : error.message;
    const text = `cannot serve names of network ${network.Spec.Name} on ${gateway}: ${reason}`;
    if (this.#nameProblems.get(network.ID) !== text) this.#logger.warn({ network: network.Spec.Name, gateway }, text);
    this.#nameProblems.set(network.ID, text);
  }

  /** Looks whether the kernel still has what was put there, and repairs. */
  async #audit(): Promise<void> {
    let nextMs = auditMs;
    try {
      await this.#changes.idle();
      await this.#resolver.readServers();
      if (await acceptPublished()) this.#noteRepair('the accept rule in DOCKER-USER was missing');
      this.#inDoubt = true;
      if (this.#desired) await this.#changes.submit(this.#desired);
      if (this.problems().length > 0) nextMs = retryMs;
    } catch (error) {
      this.#logger.error({ err: error }, 'network audit failed');
      nextMs = retryMs;
    }
    this.#scheduleAudit(nextMs);
  }

  /** Whether somebody else changed our rules; asked within a change, where we do not ourselves. */
  async #wereChanged(): Promise<boolean> {
    if (!this.#inDoubt || !this.#inForce) return false;
    // The listing alone is no proof: somebody may have been at the rules between our load of them and our first look.
    const whole = await rulesInForce({ table: this.#table, revision: this.#inForce.revision });
    if (!whole || (await listRules(this.#table)) !== this.#inForce.listing) {
      this.#noteRepair(`the nft table ${this.#table} was changed by someone else`);
      return true;
    }
    this.#inDoubt = false;
    return false;
  }

  #noteRepair(what: string): void {
    this.#counters.repairs += 1;
    this.#logger.warn({ table: this.#table }, `${what}; it is being repaired`);
  }

  #scheduleAudit(delayMs: number): void {
    this.#cancelAudit();
    if (this.#stopped) return;
    const leftMs = delayMs - glanceMs;
    this.#cancelAudit = this.#clock.after(Math.min(delayMs, glanceMs), () => {
      this.#auditing = leftMs > 0 ? this.#glance(leftMs) : this.#audit();
    });
  }

  /** Sees a flushed table or firewall soon; the audit, in `leftMs` else, then comes at once. */
  async #glance(leftMs: number): Promise<void> {
    this.#scheduleAudit(leftMs);
    await this.#changes.idle();
    const seen = this.#inForce;
    if (!seen) return;
    const whole = (await rulesInForce({ table: this.#table, revision: seen.revision })) && (await acceptsPublished());
    // A change that came in between has written its own rules.
    if (!whole && seen === this.#inForce) this.#scheduleAudit(0);
  }

  #gateways(): Set<string> {
    return new Set([...this.#networks.values()].map(({ gateway }) => gateway));
  }

  #closeServer(networkId: string): void {
    this.#servers.get(networkId)?.close();
    this.#servers.delete(networkId);
  }
}

/** UDP has no end that the kernel could see: what it remembers of flows must be dropped when their target goes. */
async function forgetOldFlows(before: readonly PublishedPort[], after: readonly PublishedPort[]): Promise<void> {
  for (const address of departedTargets(before, after)) await forgetFlowsTo(address);
  const known = new Set(before.filter(({ protocol, targets }) => protocol === 'udp' && targets.length > 0).map(({ port }) => port));
  for (const { protocol, targets, port } of after) {
    if (protocol === 'udp' && targets.length > 0 && !known.has(port)) await forgetFlowsToPort(port);
  }
}
