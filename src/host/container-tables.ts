/** Rules inside the network namespaces of this node's containers: loaded when they start and when what stands behind a service changes. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { equal } from '#base/equal';
import { Coalescer } from '#base/pace/coalescer';
import type { AskedNames } from '#network/rules/asked-names';
import { type ContainerWays, containerRules, containerTable, type ContainerRules, countText, noContainerRules } from '#network/rules/container-rules';
import type { ServiceCounts } from '#network/rules/count-rules';
import type { TaskAttachment } from '#network/contract';
import type { ServersElsewhere } from '#network/servers-elsewhere';
import { leftTargets, type VirtualService } from '#network/virtual-services';
import { changeText } from '#network/rules/rule-set';
import { acceptsMarks, type WayBack } from '#network/rules/way-back';
import { isConnected } from './containers/connections.ts';
import { ContainerCounts } from './containers/container-counts.ts';
import { namesOf } from './containers/asked-servers.ts';
import { forgetStrayedIn } from './containers/strayed-flows.ts';
import { namespaceOf } from './containers/network-namespace.ts';
import { withRuleFile } from './rule-table.ts';
import { batchInput, run } from './run.ts';

interface Container {
  attachment: TaskAttachment;
  pid: number;
  /** The network namespace that the process had: a number that is used again must not lead us elsewhere. */
  namespace: string;
  /** In order. */
  networkIds: readonly string[];
  /** Whom its engine asks for names in our place. */
  names: AskedNames | undefined;
  /** What was loaded last; undefined: nothing yet. */
  loaded?: ContainerRules;
  /** The counters among it; undefined: not known. */
  counted?: ContainerRules['counts'] | undefined;
  /** Why it does not have what it is to have. */
  failure?: string;
}

/** Rules of containers that are alike, and what they were made of. */
interface Made {
  services: readonly VirtualService[];
  ways: ContainerWays;
  rules: ContainerRules;
}

/** What containers are to know. */
export interface Led {
  services: readonly VirtualService[];
  /** By task. */
  back: ReadonlyMap<string, WayBack>;
  /** By the networks of a container. */
  elsewhere: ServersElsewhere;
}

/** Rules, then routes from standard input. A container on two networks gets packets by one whose sender it would ask for by the other: that is no forgery here. */
const withRoutes = `nft -f "$1" && { echo 2 >/proc/sys/net/ipv4/conf/all/rp_filter; { echo 1 >/proc/sys/${acceptsMarks}; } 2>/dev/null; ip -force -batch -; }`;
const limits = { timeoutMs: 20_000 };
const loadsAtOnce = 4;

export class ContainerTables {
  /** Sets of rules that were loaded. */
  loaded = 0;
  readonly #logger: Logger;
  readonly #containers = new Map<string, Container>();
  readonly #changes = new Coalescer<Led>((led) => this.#carryOut(led));
  readonly #counts: ContainerCounts;
  /** Of the last time, by what containers that are alike have in common. */
  #made: ReadonlyMap<string, Made> = new Map();
  /** Those of the last time. */
  #loadedServices: readonly VirtualService[] = [];
  #led: Led = { services: [], back: new Map(), elsewhere: () => undefined };

  constructor({ logger, clock }: { logger: Logger; clock: Clock }) {
    this.#logger = logger;
    this.#counts = new ContainerCounts(clock);
  }

  /** Rejects when clients would be led to it whom it could not answer. */
  async attached(attachment: TaskAttachment): Promise<void> {
    const { taskId, pid, networks } = attachment;
    const namespace = await namespaceOf(pid);
    if (namespace === undefined) return;
    const known = this.#containers.get(taskId);
    if (networks.length === 0) return await this.#clear(taskId, known ?? { attachment, pid, namespace, networkIds: [], names: undefined });
    const networkIds = [...new Set(networks.map(({ networkId }) => networkId))].toSorted();
    // Told of the same once more it has what was loaded; after another one its interfaces may be new, and its routes gone.
    const container: Container =
      known?.attachment === attachment && known.namespace === namespace ? known : { attachment, pid, namespace, networkIds, names: await namesOf(attachment) };
    this.#containers.set(taskId, container);
    await this.apply(this.#led);
    if (container.failure !== undefined && this.#led.back.has(taskId) && this.#containers.get(taskId) === container) throw new Error(container.failure);
  }

  /** Its rules went with it. */
  detached(taskId: string): void {
    this.#containers.delete(taskId);
  }

  apply(led: Led): Promise<void> {
    this.#led = led;
    return this.#changes.submit(led);
  }

  /** Throws when clients are led to a container that does not know all by whom they come. */
  checkLed(): void {
    for (const [taskId, { failure }] of this.#containers) {
      if (failure !== undefined && this.#led.back.has(taskId)) throw new Error(`the container of task ${taskId} did not take its rules: ${failure}`);
    }
  }

  /** What could not be loaded is tried again; the others have it already. */
  again(): Promise<void> {
    return this.apply(this.#led);
  }

  /** Connections of containers to services' addresses, as they were counted a moment ago. */
  async counts(): Promise<ServiceCounts> {
    await this.#changes.idle();
    return await this.#counts.read([...this.#containers.values()], this.#led.services);
  }

  /** A container that runs on the network: a process of it, and all its networks. */
  async runningOn(networkId: string): Promise<{ pid: number; networkIds: ReadonlySet<string> } | undefined> {
    for (const { pid, namespace, networkIds } of this.#containers.values()) {
      if (networkIds.includes(networkId) && (await namespaceOf(pid)) === namespace) return { pid, networkIds: new Set(networkIds) };
    }
    return undefined;
  }

  /** See `Ports.connected`. */
  async connected(taskId: string): Promise<boolean> {
    const { pid, namespace } = this.#containers.get(taskId) ?? {};
    return pid !== undefined && (await namespaceOf(pid)) === namespace && (await isConnected(pid));
  }

  /** Loads again what somebody flushed in containers, of which nothing tells; the tasks whose rules were gone. */
  async reload(): Promise<readonly string[]> {
    await this.#changes.idle();
    const gone: string[] = [];
    const next = [...this.#containers].values();
    const worker = async (): Promise<void> => {
      for (const [taskId, container] of next) if (await this.#isGone(taskId, container)) gone.push(taskId);
    };
    await Promise.all(Array.from({ length: loadsAtOnce }, worker));
    if (gone.length > 0) await this.again();
    return gone;
  }

  /** Seen twice with nothing loaded in between: what is just being loaded has another revision than is known yet. */
  async #isGone(taskId: string, container: Container): Promise<boolean> {
    const { pid, loaded } = container;
    if (loaded === undefined) return false;
    for (let look = 0; look < 2; look++) {
      await this.#changes.idle();
      if (container.loaded !== loaded || (await this.#has(container, loaded.revision))) return false;
    }
    if ((await namespaceOf(pid)) !== container.namespace) {
      this.#forget(taskId, container);
      return false;
    }
    if (container.loaded !== loaded) return false;
    delete container.loaded;
    return true;
  }

  async #has({ pid }: Container, revision: string): Promise<boolean> {
    const [chain = ''] = revision.split('\n');
    const { code, stdout } = await run('nsenter', ['-t', String(pid), '-n', 'nft', 'list', 'chain', 'ip', containerTable, chain], limits);
    return code === 0 && stdout.includes('return');
  }

  async #carryOut({ services, back, elsewhere }: Led): Promise<void> {
    const byNetwork = grouped(services);
    const made = new Map<string, Made>();
    const todo = [...this.#containers].flatMap(([taskId, container]) => {
      const { names, networkIds } = container;
      const way = back.get(taskId);
      const ways = { back: way, names, elsewhere: elsewhere(networkIds) };
      if (!container.loaded && !way && !names && !ways.elsewhere && !networkIds.some((id) => byNetwork.has(id))) return [];
      const kind = [...networkIds, names?.gateway, ...(names?.servers ?? []), way?.gateway, ...(way?.udpPorts ?? [])].join(' ');
      const own = made.get(kind) ?? this.#madeOf(kind, networkIds, byNetwork, ways);
      const { rules } = own;
      made.set(kind, own);
      if (rules.revision !== container.loaded?.revision) return [{ taskId, container, rules }];
      delete container.failure;
      return [];
    });
    this.#made = made;
    const somebodyLeft = leftTargets(this.#loadedServices, services).length > 0;
    this.#loadedServices = services;
    if (todo.length === 0) return;
    const targets = new Map(services.map((service) => [service.address, service.targets]));
    const next = todo.values();
    const worker = async (): Promise<void> => {
      for (const { taskId, container, rules } of next) {
        // What an earlier life of the daemon loaded may lead to tasks that have gone since.
        const mayHaveStrayed = somebodyLeft || !container.loaded;
        await this.#load(taskId, container, rules);
        if (mayHaveStrayed && container.loaded === rules) await forgetStrayedIn(container.pid, targets);
      }
    };
    await Promise.all(Array.from({ length: loadsAtOnce }, worker));
  }

  /** What was made last time, where nothing of it is another thing now. */
  #madeOf(kind: string, networkIds: readonly string[], byNetwork: ReadonlyMap<string, readonly VirtualService[]>, ways: ContainerWays): Made {
    const services = networkIds.flatMap((id) => byNetwork.get(id) ?? []);
    const last = this.#made.get(kind);
    const isSame = last?.services.length === services.length && services.every((service, at) => service === last.services[at]) && equal(last.ways, ways);
    return isSame ? last : { services, ways, rules: containerRules(services, new Set(networkIds), ways) };
  }

  async #load(taskId: string, container: Container, rules: ContainerRules): Promise<void> {
    if ((await namespaceOf(container.pid)) !== container.namespace) return this.#forget(taskId, container);
    const { counts, failure } = await this.#bring(container, rules);
    if (failure === undefined) {
      container.loaded = rules;
      container.counted = counts;
      delete container.failure;
      this.loaded += 1;
      return;
    }
    if ((await namespaceOf(container.pid)) !== container.namespace) return this.#forget(taskId, container);
    container.failure = failure;
    this.#logger.warn(
      { task: taskId, reason: failure },
      'a container did not get the rules of its network: it does not answer clients who came to other nodes, and sees the host as the caller of services’ addresses; it is tried again with the next change, and with the next look at the host’s rules',
    );
  }

  /** What it counts by now with the rules; or why it did not take them. */
  async #bring(container: Container, { text, counts, routes, ...rules }: ContainerRules): Promise<{ counts?: ContainerRules['counts']; failure?: string }> {
    const change = changeText(container.loaded, { ...rules, text });
    const come = equal(container.loaded?.routes, routes) ? [] : routes;
    let failure = await enterWith(container, change + countText(container.counted, counts), come);
    // Somebody in the container may have taken away what was there.
    if (failure !== undefined) failure = await enterWith(container, text + countText(undefined, counts), routes);
    if (failure === undefined) return { counts };
    // Nothing but the counts depends on them.
    failure = await enterWith(container, text, routes);
    return failure === undefined ? {} : { failure };
  }

  /** It runs on, on none of our networks. What it has may be of an earlier life of the daemon. */
  async #clear(taskId: string, container: Container): Promise<void> {
    this.#containers.delete(taskId);
    await this.#changes.idle();
    if ((await namespaceOf(container.pid)) !== container.namespace) return;
    const failure = await enterWith(container, noContainerRules, []);
    if (failure === undefined) return;
    this.#containers.set(taskId, container);
    throw new Error(`the container of task ${taskId} keeps rules of networks that it has left: ${failure}`);
  }

  /** It has ended, and may have been started again meanwhile. */
  #forget(taskId: string, container: Container): void {
    if (this.#containers.get(taskId) === container) this.#containers.delete(taskId);
  }
}

/** Why the container did not take `text` and `routes`; undefined when it did. */
async function enterWith({ pid }: Container, text: string, routes: readonly string[]): Promise<string | undefined> {
  const input = batchInput(routes);
  const words = (file: string): string[] => (routes.length > 0 ? ['sh', '-c', withRoutes, 'sh', file] : ['nft', '-f', file]);
  const { code, stderr } = await withRuleFile(text, (file) => run('nsenter', ['-t', String(pid), '-n', ...words(file)], { ...limits, input }));
  // What is there already is well.
  const failures = stderr.split('\n').filter((line) => !/File exists|^Command failed -/.test(line));
  const told = failures.join('\n').trim();
  return code === 0 || (routes.length > 0 && told === '') ? undefined : told || `it ended with ${code}`;
}

function grouped(services: readonly VirtualService[]): ReadonlyMap<string, readonly VirtualService[]> {
  const found = new Map<string, VirtualService[]>();
  for (const service of services) {
    const list = found.get(service.networkId) ?? [];
    if (list.length === 0) found.set(service.networkId, list);
    list.push(service);
  }
  return found;
}
