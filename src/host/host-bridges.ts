/** The engine's bridges as our networks need them: loopback, hairpin, and the way to each network's name server for its own containers only. */
import type { Logger } from '#base/logger';
import { Coalescer } from '#base/pace/coalescer';
import { bridgeName } from '#model/object/network';
import type { BridgedNetwork, Bridges, Counters, TaskAttachment } from '#network/contract';
import { nameServerRules, nameTableName } from '#network/name-server-rules';
import { allowHairpin, allowLoopback } from './bridge.ts';
import { LoadedRules } from './loaded-rules.ts';

export class HostBridges implements Bridges {
  readonly #rules: LoadedRules;
  readonly #logger: Logger;
  readonly #changes = new Coalescer<readonly BridgedNetwork[]>((wanted) => this.#carryOut(wanted));
  readonly #hairpins = new Map<string, Coalescer<string>>();
  #wanted: readonly BridgedNetwork[] | undefined;
  /** Networks whose bridge was not there. */
  #absent: readonly BridgedNetwork[] = [];

  constructor(instance: string, logger: Logger) {
    this.#rules = new LoadedRules(nameTableName(instance), logger);
    this.#logger = logger;
  }

  apply(wanted: readonly BridgedNetwork[]): Promise<void> {
    this.#wanted = wanted;
    return this.#changes.submit(wanted);
  }

  async attached({ networks }: TaskAttachment): Promise<void> {
    await Promise.all(networks.map(({ networkId }) => this.#hairpin(networkId)));
  }

  async audit(): Promise<readonly string[]> {
    await this.#changes.idle();
    const mended = await this.#rules.audit();
    if (this.#wanted) await this.#changes.submit(this.#wanted);
    for (const { network } of this.#wanted ?? []) await this.#hairpin(network.ID);
    return mended;
  }

  /** Whether the rules that were loaded last are still there, at the price of one process. */
  whole(): Promise<boolean> {
    return this.#rules.whole();
  }

  problems(): readonly string[] {
    return this.#absent.map(absentText);
  }

  async counters(): Promise<Counters> {
    return this.#rules.counters();
  }

  async tearDown(): Promise<void> {
    await this.#changes.idle();
    await this.#rules.remove();
  }

  /** All containers of a network at once: of those that come together, few runs are for all. */
  #hairpin(networkId: string): Promise<void> {
    const known = this.#hairpins.get(networkId) ?? new Coalescer<string>((id) => allowHairpin(bridgeName(id)));
    this.#hairpins.set(networkId, known);
    return known.submit(networkId);
  }

  async #carryOut(wanted: readonly BridgedNetwork[]): Promise<void> {
    const absent: BridgedNetwork[] = [];
    for (const network of wanted) if (!(await allowLoopback(bridgeName(network.network.ID)))) absent.push(network);
    for (const network of absent) if (!this.#absent.some((known) => known.network.ID === network.network.ID)) this.#logger.warn({}, absentText(network));
    this.#absent = absent;
    const kept = new Set(wanted.map(({ network }) => network.ID));
    for (const id of this.#hairpins.keys()) if (!kept.has(id)) this.#hairpins.delete(id);
    await this.#rules.load(nameServerRules(this.#rules.table, wanted));
  }
}

function absentText({ network }: BridgedNetwork): string {
  return `the bridge ${bridgeName(network.ID)} of network ${network.Spec.Name} is gone: its containers reach nobody by it; remove them, or restart the engine`;
}
