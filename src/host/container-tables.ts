/** Rules inside the network namespaces of this node's containers: loaded when they start and when what stands behind a service changes. */
import { readlink } from 'node:fs/promises';
import type { Logger } from '#base/logger';
import { Coalescer } from '#base/pace/coalescer';
import { containerRules, containerTable, type ContainerRules } from '#network/rules/container-rules';
import type { TaskAttachment } from '#network/contract';
import type { VirtualService } from '#network/virtual-services';
import type { WayBack } from '#network/rules/way-back';
import { withRuleFile } from './rule-table.ts';
import { run } from './run.ts';

interface Container {
  pid: number;
  /** The network namespace that the process had: a number that is used again must not lead us elsewhere. */
  namespace: string;
  networkIds: ReadonlySet<string>;
  /** Revision that was loaded last; undefined: none yet. */
  revision?: string;
}

/** What containers are to know. */
export interface Led {
  services: readonly VirtualService[];
  /** By task. */
  back: ReadonlyMap<string, WayBack>;
}

/** Rules, then routes from standard input. A container on two networks gets packets by one whose sender it would ask for by the other: that is no forgery here. */
const withRoutes = 'nft -f "$1" && { echo 2 >/proc/sys/net/ipv4/conf/all/rp_filter; ip -force -batch -; }';
const limits = { timeoutMs: 20_000 };
const loadsAtOnce = 4;

export class ContainerTables {
  /** Sets of rules that were loaded. */
  loaded = 0;
  readonly #logger: Logger;
  readonly #containers = new Map<string, Container>();
  readonly #changes = new Coalescer<Led>((led) => this.#carryOut(led));
  #led: Led = { services: [], back: new Map() };

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  async attached({ taskId, pid, networks }: TaskAttachment): Promise<void> {
    const namespace = await namespaceOf(pid);
    if (namespace === undefined) return;
    const networkIds = new Set(networks.map(({ networkId }) => networkId));
    this.#containers.set(taskId, { pid, namespace, networkIds });
    await this.apply(this.#led);
  }

  apply(led: Led): Promise<void> {
    this.#led = led;
    return this.#changes.submit(led);
  }

  /** A container that runs on the network: a process of it, and all its networks. */
  async runningOn(networkId: string): Promise<{ pid: number; networkIds: ReadonlySet<string> } | undefined> {
    for (const { pid, namespace, networkIds } of this.#containers.values()) {
      if (networkIds.has(networkId) && (await namespaceOf(pid)) === namespace) return { pid, networkIds };
    }
    return undefined;
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
    if (gone.length > 0) await this.apply(this.#led);
    return gone;
  }

  /** Seen twice with nothing loaded in between: what is just being loaded has another revision than is known yet. */
  async #isGone(taskId: string, container: Container): Promise<boolean> {
    const { pid, revision } = container;
    if (revision === undefined) return false;
    for (let look = 0; look < 2; look++) {
      await this.#changes.idle();
      if (container.revision !== revision || (await this.#has(container, revision))) return false;
    }
    if ((await namespaceOf(pid)) !== container.namespace) {
      this.#forget(taskId, container);
      return false;
    }
    if (container.revision !== revision) return false;
    delete container.revision;
    return true;
  }

  async #has({ pid }: Container, revision: string): Promise<boolean> {
    const [chain = ''] = revision.split('\n');
    const { code, stdout } = await run('nsenter', ['-t', String(pid), '-n', 'nft', 'list', 'chain', 'ip', containerTable, chain], limits);
    return code === 0 && stdout.includes('return');
  }

  async #carryOut({ services, back }: Led): Promise<void> {
    const todo = [...this.#containers].flatMap(([taskId, container]) => {
      const way = back.get(taskId);
      if (container.revision === undefined && !way && !services.some(({ networkId }) => container.networkIds.has(networkId))) return [];
      const rules = containerRules(services, container.networkIds, way);
      return rules.revision === container.revision ? [] : [{ taskId, container, rules }];
    });
    if (todo.length === 0) return;
    const next = todo.values();
    const worker = async (): Promise<void> => {
      for (const { taskId, container, rules } of next) await this.#load(taskId, container, rules);
    };
    await Promise.all(Array.from({ length: loadsAtOnce }, worker));
  }

  async #load(taskId: string, container: Container, rules: ContainerRules): Promise<void> {
    if ((await namespaceOf(container.pid)) !== container.namespace) return this.#forget(taskId, container);
    const enter = ['-t', String(container.pid), '-n'];
    const input = rules.routes.map((line) => `${line}\n`).join('');
    const load = (file: string) =>
      run('nsenter', [...enter, ...(rules.routes.length > 0 ? ['sh', '-c', withRoutes, 'sh', file] : ['nft', '-f', file])], { ...limits, input });
    const { code, stderr: told } = await withRuleFile(rules.text, load);
    // What is there already is well.
    const stderr = told
      .split('\n')
      .filter((line) => !/File exists|^Command failed -/.test(line))
      .join('\n')
      .trim();
    if (code === 0 || (rules.routes.length > 0 && stderr === '')) {
      container.revision = rules.revision;
      this.loaded += 1;
      return;
    }
    if ((await namespaceOf(container.pid)) !== container.namespace) return this.#forget(taskId, container);
    this.#logger.warn(
      { task: taskId, reason: stderr },
      'a container did not get the rules of its network: it does not answer clients who came to other nodes, and sees the host as the caller of services’ addresses; it is tried again with the next change',
    );
  }

  /** It has ended, and may have been started again meanwhile. */
  #forget(taskId: string, container: Container): void {
    if (this.#containers.get(taskId) === container) this.#containers.delete(taskId);
  }
}

async function namespaceOf(pid: number): Promise<string | undefined> {
  return readlink(`/proc/${pid}/ns/net`).catch(() => undefined);
}
