/** What the kernel holds of one node's network: bridges, overlay, ports; started together, looked after together. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { HostDoctor } from './doctor/host-doctor.ts';
import { HostBridges } from './host-bridges.ts';
import { HostOverlay } from './overlay/host-overlay.ts';
import { HostPorts } from './host-ports.ts';
import { LinkWatch } from './link-watch.ts';
import { RuleWatch } from './rule-watch.ts';

export interface HostNetworkOptions {
  /** Suffix of the nft tables, so that several daemons on one machine have their own; empty for a single one. */
  instance: string;
  /** Published ports for which this process may keep sockets open. */
  heldPorts: number;
  nodeId: string;
  /** Where other nodes reach this host. */
  address: string;
}

/**
 * People flush rule sets and reload firewalls. Whether anything is gone is asked this often, and soon after each change of rules that the watch tells of;
 * without a watch that costs three processes. An idle node is to be quiet, and damage mended within half a minute.
 */
const glanceMs = 20_000;
/** A change of rules or devices is looked at when it is over, and who changes them all the time does not make us look all the time: so many looks in so long. */
const settleMs = 300;
const soonLooks = { most: 3, withinMs: 10_000 };

export class HostNetwork {
  readonly bridges: HostBridges;
  readonly overlay: HostOverlay;
  readonly ports: HostPorts;
  readonly doctor: HostDoctor;
  readonly #clock: Clock;
  readonly #watch: RuleWatch;
  #links: LinkWatch | undefined;
  #cancelGlance: () => void = () => {};
  #glanceAt = Infinity;
  /** When it was looked of late. */
  #looks: number[] = [];
  #glancing: Promise<void> = Promise.resolve();
  #stopped = true;
  #disturbed = (): void => {};

  constructor(options: HostNetworkOptions, { logger, clock }: { logger: Logger; clock: Clock }) {
    const { instance, heldPorts, nodeId } = options;
    this.#watch = new RuleWatch(instance, { clock, logger });
    const parts = { logger, clock, watch: this.#watch };
    this.overlay = new HostOverlay(options, parts);
    this.bridges = new HostBridges(instance, parts);
    this.ports = new HostPorts({ instance, heldPorts, nodeId }, parts);
    this.doctor = new HostDoctor({ instance, nodeId, bridges: this.bridges, overlay: this.overlay, ports: this.ports, clock });
    this.#clock = clock;
  }

  /** Begins, on a host that can do it. Rules of an earlier run stay in force until the first `apply` says otherwise. */
  async start(disturbed: () => void): Promise<void> {
    await Promise.all([this.ports.start(), this.doctor.start()]);
    this.#stopped = false;
    this.#disturbed = disturbed;
    this.#glanceWithin(glanceMs, disturbed);
    const changed = (): void => this.#glanceWithin(this.#soon(), disturbed);
    this.#watch.start(changed);
    this.#links = new LinkWatch(this.#clock, (lowered) => {
      if (lowered !== undefined) this.bridges.lowered(lowered);
      changed();
    });
    this.#links.start();
  }

  /** Other nodes reach this host at another address from now on. */
  movedTo(address: string): void {
    this.overlay.movedTo(address);
    if (!this.#stopped) this.#disturbed();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelGlance();
    this.#watch.stop();
    this.#links?.stop();
    await this.doctor.stop();
    await this.#glancing;
    await this.ports.stop();
  }

  /** Removes all that this daemon put into the kernel: the node leaves the cluster. */
  async tearDown(): Promise<void> {
    await this.stop();
    await this.overlay.tearDown();
    await this.bridges.tearDown();
    await this.ports.tearDown();
  }

  /** At once, as long as that was not done too often of late. */
  #soon(): number {
    const [first = -Infinity] = this.#looks.slice(-soonLooks.most);
    if (this.#looks.length < soonLooks.most) return settleMs;
    return Math.max(settleMs, first + soonLooks.withinMs - this.#clock.monotonicNow());
  }

  /** The next glance comes no later than in `delayMs`. */
  #glanceWithin(delayMs: number, disturbed: () => void): void {
    const at = this.#clock.monotonicNow() + delayMs;
    if (this.#stopped || at >= this.#glanceAt) return;
    this.#cancelGlance();
    this.#glanceAt = at;
    this.#cancelGlance = this.#clock.after(delayMs, () => {
      this.#glanceAt = Infinity;
      this.#glancing = this.#glancing.then(() => this.#glance(disturbed));
    });
  }

  async #glance(disturbed: () => void): Promise<void> {
    const whole = await Promise.all([this.bridges.whole(), this.overlay.whole(), this.ports.whole()]).catch(() => [true]);
    this.#looks = [...this.#looks.slice(1 - soonLooks.most), this.#clock.monotonicNow()];
    if (whole.includes(false)) disturbed();
    this.#glanceWithin(glanceMs, disturbed);
  }
}
