/** Published ports of one node: held, led to the tasks by the kernel, let through the engine's firewall. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Coalescer } from '#base/pace/coalescer';
import type { PortClash } from '#model/object/node';
import type { Counters, Ports, TaskAttachment, Traffic } from '#network/contract';
import { publishedPorts, type PublishedPort } from '#network/published-ports';
import { serversElsewhere } from '#network/servers-elsewhere';
import { leftTargets, virtualServices, type VirtualService } from '#network/virtual-services';
import { portsApart, waysBack } from '#network/rules/way-back';
import { type ServiceCounts, summedCounts } from '#network/rules/count-rules';
import { departedTargets, ruleSet, servedPorts, tableName } from '#network/rules/rule-set';
import { acceptOurs, acceptsOurs, engineTable, firewallIsWatched, stopAccepting } from './engine-firewall.ts';
import { LoadedRules } from './loaded-rules.ts';
import { ContainerTables } from './container-tables.ts';
import { BriefEnds } from './ports/brief-ends.ts';
import { forgetFlowsTo, forgetFlowsToPorts, forgetUnanswered } from './ports/flows.ts';
import { PortHolder } from './ports/port-holder.ts';
import { otherRulesExist } from './rule-table.ts';
import type { RuleWatch } from './rule-watch.ts';
import { ServiceCounters } from './ports/service-counters.ts';

/** What is led to tasks, and counted. */
interface Served {
  ports: readonly PublishedPort[];
  services: readonly VirtualService[];
}

export class HostPorts implements Ports {
  readonly #nodeId: string;
  readonly #rules: LoadedRules;
  readonly #holder: PortHolder;
  readonly #containers: ContainerTables;
  readonly #counts: ServiceCounters;
  readonly #ends: BriefEnds;
  readonly #counting = new Coalescer<Served>((served) => this.#count(served));
  readonly #logger: Logger;
  readonly #changes = new Coalescer<Traffic>((traffic) => this.#carryOut(traffic));
  #served: Served = { ports: [], services: [] };
  #wanted: Traffic | undefined;
  #stopped = true;
  #acceptRepairs = 0;
  readonly #watch: RuleWatch;
  #firewallIsWatched = false;
  /** What the watch had counted when the accept rule was seen to be there. */
  #acceptedAt: string | undefined;

  constructor(
    { instance, heldPorts, nodeId }: { instance: string; heldPorts: number; nodeId: string },
    { logger, watch, clock }: { logger: Logger; watch: RuleWatch; clock: Clock },
  ) {
    this.#nodeId = nodeId;
    this.#watch = watch;
    this.#rules = new LoadedRules(tableName(instance), { logger, watch });
    this.#holder = new PortHolder(logger, heldPorts);
    this.#containers = new ContainerTables({ logger, clock });
    this.#counts = new ServiceCounters(instance);
    this.#ends = new BriefEnds(this.#rules.table, logger);
    this.#logger = logger;
  }

  async start(): Promise<void> {
    [this.#firewallIsWatched] = await Promise.all([firewallIsWatched(), acceptOurs(), this.#ends.load()]);
    this.#stopped = false;
  }

  apply(wanted: Traffic): Promise<void> {
    this.#wanted = wanted;
    return this.#changes.submit(wanted);
  }

  async attached(attachment: TaskAttachment): Promise<void> {
    // What it is to know may just be on its way.
    await this.#changes.idle();
    await this.#containers.attached(attachment);
  }

  detached(taskId: string): void {
    this.#containers.detached(taskId);
  }

  async audit(): Promise<readonly string[]> {
    if (this.#stopped) return [];
    await this.#changes.idle();
    const mended = await this.#rules.audit();
    // Who flushed one table flushed them all.
    if (mended.length > 0) await this.#ends.load();
    await this.#counting.idle();
    if (!(await this.#counts.whole())) {
      this.#counts.forget();
      if (this.#wanted) await this.#changes.submit(this.#wanted);
      await this.#counting.idle();
    }
    const accepted = await this.#mendFirewall();
    this.#acceptRepairs += accepted.length;
    mended.push(...accepted);
    // Ports that someone else had may be free now.
    if (this.#wanted && this.#holder.clashes.size > 0) await this.#changes.submit(this.#wanted);
    await this.#containers.again();
    return mended;
  }

  /** Whether the rules that were loaded last are still there, at the price of two processes where nothing watches them. */
  async whole(): Promise<boolean> {
    return (await this.#rules.whole()) && (this.#firewallIsUntouched() || (await this.#firewallIsWhole()));
  }

  /** One that is stays so until the watch tells of it: the engine changes it with each network, and a look follows each change of ours, too. */
  async #firewallIsWhole(): Promise<boolean> {
    const counted = this.#firewallCount();
    const whole = await acceptsOurs();
    if (whole) this.#acceptedAt = counted;
    return whole;
  }

  #firewallIsUntouched(): boolean {
    return this.#firewallIsWatched && this.#acceptedAt !== undefined && this.#firewallCount() === this.#acceptedAt;
  }

  #firewallCount(): string | undefined {
    const touches = this.#watch.touches(engineTable);
    return touches === undefined ? undefined : `${this.#watch.losses} ${touches}`;
  }

  /** What was missing in the host's firewall. */
  async #mendFirewall(): Promise<readonly string[]> {
    if (this.#firewallIsUntouched()) return [];
    const counted = this.#firewallCount();
    const mended = await acceptOurs();
    this.#acceptedAt = counted;
    return mended;
  }

  problems(): readonly string[] {
    return [...this.#holder.clashes.values()];
  }

  clashes(): readonly PortClash[] {
    return this.#holder.clashing;
  }

  connected(taskId: string): Promise<boolean> {
    return this.#containers.connected(taskId);
  }

  /** As it was wanted last. */
  get traffic(): Traffic | undefined {
    return this.#wanted;
  }

  /** See `ContainerTables.runningOn`. */
  containerOn(networkId: string): ReturnType<ContainerTables['runningOn']> {
    return this.#containers.runningOn(networkId);
  }

  /** Loads again what containers have lost of their rules; the tasks. */
  async reloadContainers(): Promise<readonly string[]> {
    await this.#changes.idle();
    return await this.#containers.reload();
  }

  async counters(): Promise<Counters> {
    const { repairs = 0, ...rest } = this.#rules.counters();
    return { ...rest, repairs: repairs + this.#acceptRepairs, container_rules_loaded: this.#containers.loaded };
  }

  /** By service's name. */
  async serviceCounts(): Promise<ServiceCounts> {
    await this.#counting.idle();
    return summedCounts(await Promise.all([this.#counts.counts(), this.#containers.counts()]));
  }

  /** Rules stay in force, so that running containers go on being served. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#changes.idle();
    await this.#holder.release([]);
  }

  async tearDown(): Promise<void> {
    await this.#rules.remove();
    await this.#ends.remove();
    await this.#counting.idle();
    await this.#counts.remove();
    // Another daemon on this machine goes on needing the rule that both share.
    if (!(await otherRulesExist())) await stopAccepting();
  }

  async #count({ ports, services }: Served): Promise<void> {
    try {
      await this.#counts.apply(ports, services);
    } catch (error) {
      this.#counts.forget();
      this.#logger.warn(
        { reason: (error as Error).message },
        'connections are not counted by service on this node; everything else goes on, and it is tried again with the next change',
      );
    }
  }

  async #carryOut(traffic: Traffic): Promise<void> {
    if (this.#stopped) return;
    const { services, networks } = traffic;
    const ports = publishedPorts(traffic, this.#nodeId);
    await this.#holder.hold(ports);
    const served = servedPorts(ports, new Set(this.#holder.clashes.keys()));
    const virtual = virtualServices(services, networks);
    const rules = ruleSet(this.#rules.table, { ports: served, services: virtual, subnets: subnetsOf(networks), apart: portsApart(traffic) });
    if (await this.#rules.load(rules, this.#counts.change(served, virtual))) await forgetOldFlows(this.#served, { ports: served, services: virtual });
    this.#served = { ports: served, services: virtual };
    await this.#containers.apply({ services: virtual, back: waysBack(traffic, this.#nodeId), elsewhere: serversElsewhere(traffic, this.#nodeId) });
    await this.#holder.release(ports);
    // Nobody waits for what is only counted; most of the time it has come with the rules.
    void this.#counting.submit(this.#served);
    this.#containers.checkLed();
  }
}

function subnetsOf(networks: Traffic['networks']): string[] {
  return networks.flatMap(({ network }) => network.IPAMOptions?.Configs?.[0]?.Subnet ?? []);
}

/** UDP has no end that the kernel could see: what it remembers of flows must be dropped when their target goes. A first packet by TCP may have been lost. */
async function forgetOldFlows(old: Served, { ports: after, services }: Served): Promise<void> {
  const before = old.ports;
  // Containers lead themselves to services, those of which the flow began before they could apart.
  await forgetFlowsTo(new Set([...departedTargets(before, after, 'udp'), ...leftTargets(old.services, services)]));
  await forgetUnanswered(new Set(departedTargets(before, after, 'tcp')));
  const known = new Set(before.filter(({ protocol, targets }) => protocol === 'udp' && targets.length > 0).map(({ port }) => port));
  const begun = after.filter(({ protocol, targets, port }) => protocol === 'udp' && targets.length > 0 && !known.has(port));
  await forgetFlowsToPorts(new Set(begun.map(({ port }) => port)));
}
