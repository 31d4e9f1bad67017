/** Rules inside the network namespaces of this node's containers: loaded when they start and when what stands behind a service changes. */
import { readlink } from 'node:fs/promises';
import type { Logger } from '#base/logger';
import { Coalescer } from '#base/pace/coalescer';
import { containerRules } from '#network/container-rules';
import type { TaskAttachment } from '#network/contract';
import type { RuleSet } from '#network/rule-set';
import type { VirtualService } from '#network/virtual-services';
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

const limits = { timeoutMs: 20_000 };
const loadsAtOnce = 4;

export class ContainerTables {
  /** Sets of rules that were loaded. */
  loaded = 0;
  readonly #logger: Logger;
  readonly #containers = new Map<string, Container>();
  readonly #changes = new Coalescer<readonly VirtualService[]>((services) => this.#carryOut(services));
  #services: readonly VirtualService[] = [];

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  async attached({ taskId, pid, networks }: TaskAttachment): Promise<void> {
    const namespace = await namespaceOf(pid);
    if (namespace === undefined) return;
    const networkIds = new Set(networks.map(({ networkId }) => networkId));
    this.#containers.set(taskId, { pid, namespace, networkIds });
    await this.apply(this.#services);
  }

  apply(services: readonly VirtualService[]): Promise<void> {
    this.#services = services;
    return this.#changes.submit(services);
  }

  async #carryOut(services: readonly VirtualService[]): Promise<void> {
    const todo = [...this.#containers].flatMap(([taskId, container]) => {
      if (container.revision === undefined && !services.some(({ networkId }) => container.networkIds.has(networkId))) return [];
      const rules = containerRules(services, container.networkIds);
      return rules.revision === container.revision ? [] : [{ taskId, container, rules }];
    });
    if (todo.length === 0) return;
    const next = todo.values();
    const worker = async (): Promise<void> => {
      for (const { taskId, container, rules } of next) await this.#load(taskId, container, rules);
    };
    await Promise.all(Array.from({ length: loadsAtOnce }, worker));
  }

  async #load(taskId: string, container: Container, rules: RuleSet): Promise<void> {
    if ((await namespaceOf(container.pid)) !== container.namespace) return this.#forget(taskId, container);
    const load = (file: string) => run('nsenter', ['-t', String(container.pid), '-n', 'nft', '-f', file], limits);
    const { code, stderr } = await withRuleFile(rules.text, load);
    if (code === 0) {
      container.revision = rules.revision;
      this.loaded += 1;
      return;
    }
    if ((await namespaceOf(container.pid)) !== container.namespace) return this.#forget(taskId, container);
    this.#logger.warn(
      { task: taskId, reason: stderr.trim() },
      'a container did not get the rules for services’ addresses: the host leads its connections, and tasks see the host as the caller; it is tried again with the next change',
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
