/** The engine's bridges as our networks need them: loopback, hairpin, and the way to each network's name server for its own containers only. */
import type { Logger } from '#base/logger';
import { Coalescer } from '#base/pace/coalescer';
import { bridgeName } from '#model/object/network';
import type { BridgedNetwork, Bridges, Counters, TaskAttachment } from '#network/contract';
import { nameServerRules, nameTableName } from '#network/rules/name-server-rules';
import { allowHairpin, allowHairpins, allowLoopback, raiseBridges } from './bridge.ts';
import { rebuildBridge } from './bridge-rebuild.ts';
import { deviceNames } from './devices.ts';
import { LoadedRules } from './loaded-rules.ts';
import type { RuleWatch } from './rule-watch.ts';

export class HostBridges implements Bridges {
  readonly #rules: LoadedRules;
  readonly #logger: Logger;
  readonly #changes = new Coalescer<readonly BridgedNetwork[]>((wanted) => this.#carryOut(wanted));
  readonly #hairpins = new Map<string, Coalescer<string>>();
  #wanted: readonly BridgedNetwork[] | undefined;
  /** Networks whose bridge was there in this life. */
  readonly #seen = new Set<string>();
  /** By task, until nothing of it is left; one that has ended has no interface any more. */
  readonly #attachments = new Map<string, TaskAttachment>();
  /** Bridges that somebody set down since the last audit. */
  readonly #lowered = new Set<string>();
  #rebuilt = 0;
  /** Networks whose bridge was not there. */
  #absent: readonly BridgedNetwork[] = [];

  constructor(instance: string, { logger, watch }: { logger: Logger; watch: RuleWatch }) {
    this.#rules = new LoadedRules(nameTableName(instance), { logger, watch });
    this.#logger = logger;
  }

  apply(wanted: readonly BridgedNetwork[]): Promise<void> {
    this.#wanted = wanted;
    return this.#changes.submit(wanted);
  }

  async attached(attachment: TaskAttachment): Promise<void> {
    const { taskId, networks } = attachment;
    if (this.#attachments.get(taskId) === attachment) return;
    this.#attachments.set(taskId, attachment);
    await Promise.all(networks.map(({ networkId }) => this.#hairpin(networkId)));
  }

  detached(taskId: string): void {
    this.#attachments.delete(taskId);
  }

  async audit(): Promise<readonly string[]> {
    await this.#changes.idle();
    const mended = [...(await this.#rebuild()), ...(await this.#raise()), ...(await this.#rules.audit())];
    if (this.#wanted) await this.#changes.submit(this.#wanted);
    await allowHairpins(new Set((this.#wanted ?? []).map(({ network }) => bridgeName(network.ID))));
    return mended;
  }

  /** The kernel says that somebody set this bridge down. */
  lowered(bridge: string): void {
    this.#lowered.add(bridge);
  }

  /** Whether the rules that were loaded last and the bridges are still there, at the price of one process where nothing watches the rules. */
  async whole(): Promise<boolean> {
    const devices = await deviceNames();
    const isLowered = (this.#wanted ?? []).some(({ network }) => this.#lowered.has(bridgeName(network.ID)));
    return !isLowered && this.#lost(devices).length === 0 && this.#rules.whole();
  }

  problems(): readonly string[] {
    return this.#absent.map(absentText);
  }

  async counters(): Promise<Counters> {
    const { repairs = 0, ...rest } = this.#rules.counters();
    return { ...rest, repairs: repairs + this.#rebuilt };
  }

  async tearDown(): Promise<void> {
    await this.#changes.idle();
    await this.#rules.remove();
  }

  /** Bridges that were there and are gone. */
  #lost(devices: ReadonlySet<string>): BridgedNetwork[] {
    return (this.#wanted ?? []).filter(({ network }) => this.#seen.has(network.ID) && !devices.has(bridgeName(network.ID)));
  }

  async #rebuild(): Promise<string[]> {
    const mended: string[] = [];
    for (const local of this.#lost(await deviceNames())) {
      if (!(await rebuildBridge(local, this.#attachments.values()))) continue;
      this.#rebuilt += 1;
      mended.push(`the bridge ${bridgeName(local.network.ID)} of network ${local.network.Spec.Name} had been deleted; it is there again with its containers`);
    }
    return mended;
  }

  async #raise(): Promise<string[]> {
    this.#lowered.clear();
    const raised = await raiseBridges(this.#wanted ?? []);
    this.#rebuilt += raised.length;
    return raised.map((name) => `the bridge of network ${name} had been set down, or lost its address; it is as before again`);
  }

  /** All containers of a network at once: of those that come together, few runs are for all. */
  #hairpin(networkId: string): Promise<void> {
    const known = this.#hairpins.get(networkId) ?? new Coalescer<string>((id) => allowHairpin(bridgeName(id)));
    this.#hairpins.set(networkId, known);
    return known.submit(networkId);
  }

  async #carryOut(wanted: readonly BridgedNetwork[]): Promise<void> {
    const absent: BridgedNetwork[] = [];
    for (const network of wanted) {
      if (await allowLoopback(bridgeName(network.network.ID))) this.#seen.add(network.network.ID);
      else absent.push(network);
    }
    for (const network of absent) if (!this.#absent.some((known) => known.network.ID === network.network.ID)) this.#logger.warn({}, absentText(network));
    this.#absent = absent;
    const kept = new Set(wanted.map(({ network }) => network.ID));
    for (const known of [this.#hairpins, this.#seen]) for (const id of known.keys()) if (!kept.has(id)) known.delete(id);
    for (const [taskId, { networks }] of this.#attachments) if (!networks.some(({ networkId }) => kept.has(networkId))) this.#attachments.delete(taskId);
    await this.#rules.load(nameServerRules(this.#rules.table, wanted));
  }
}

function absentText({ network }: BridgedNetwork): string {
  return `the bridge ${bridgeName(network.ID)} of network ${network.Spec.Name} is gone: its containers reach nobody by it; remove them, or restart the engine`;
}
