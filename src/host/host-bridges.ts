/** The engine's bridges as our networks need them: loopback, hairpin, and the way to each network's name server for its own containers only. */
import type { Logger } from '#base/logger';
import { Coalescer } from '#base/coalescer';
import { bridgeName } from '#model/network';
import type { BridgedNetwork, Bridges, Counters, TaskAttachment } from '#network/contract';
import { nameServerRules, nameTableName } from '#network/name-server-rules';
import { allowHairpin, allowLoopback } from './bridge.ts';
import { LoadedRules } from './loaded-rules.ts';

export class HostBridges implements Bridges {
  readonly #rules: LoadedRules;
  readonly #logger: Logger;
  readonly #changes = new Coalescer<readonly BridgedNetwork[]>((wanted) => this.#carryOut(wanted));
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
    for (const { networkId } of networks) await allowHairpin(bridgeName(networkId));
  }

  async audit(): Promise<readonly string[]> {
    await this.#changes.idle();
    const mended = await this.#rules.audit();
    if (this.#wanted) await this.#changes.submit(this.#wanted);
    for (const { network } of this.#wanted ?? []) await allowHairpin(bridgeName(network.ID));
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

  async #carryOut(wanted: readonly BridgedNetwork[]): Promise<void> {
    const absent: BridgedNetwork[] = [];
    for (const network of wanted) if (!(await allowLoopback(bridgeName(network.network.ID)))) absent.push(network);
    for (const network of absent) if (!this.#absent.some((known) => known.network.ID === network.network.ID)) this.#logger.warn({}, absentText(network));
    this.#absent = absent;
    await this.#rules.load(nameServerRules(this.#rules.table, wanted));
  }
}

function absentText({ network }: BridgedNetwork): string {
  return `the bridge ${bridgeName(network.ID)} of network ${network.Spec.Name} is gone: its containers reach nobody by it; remove them, or restart the engine`;
}
