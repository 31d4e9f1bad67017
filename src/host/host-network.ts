/** What the kernel holds of one node's network: bridges, overlay, ports; started together, looked after together. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import { checkHost } from './check-host.ts';
import { HostBridges } from './host-bridges.ts';
import { HostOverlay } from './overlay/host-overlay.ts';
import { HostPorts } from './host-ports.ts';

export interface HostNetworkOptions {
  /** Suffix of the nft tables, so that several daemons on one machine have their own; empty for a single one. */
  instance: string;
  /** Published ports for which this process may keep sockets open. */
  heldPorts: number;
  nodeId: string;
  /** Where other nodes reach this host. */
  address: string;
}

/** People flush rule sets and reload firewalls. Whether anything is gone is asked this often: three processes, where an audit takes several for each network. An idle node is to be quiet, and damage mended within half a minute. */
const glanceMs = 20_000;

export class HostNetwork {
  readonly bridges: HostBridges;
  readonly overlay: HostOverlay;
  readonly ports: HostPorts;
  readonly #clock: Clock;
  #cancelGlance: () => void = () => {};
  #glancing: Promise<void> = Promise.resolve();
  #stopped = true;

  constructor(options: HostNetworkOptions, { logger, clock }: { logger: Logger; clock: Clock }) {
    const { instance, heldPorts, nodeId } = options;
    this.overlay = new HostOverlay(options, logger);
    this.bridges = new HostBridges(instance, logger);
    this.ports = new HostPorts({ instance, heldPorts, nodeId }, logger);
    this.#clock = clock;
  }

  /** Begins. Rules of an earlier run stay in force until the first `apply` says otherwise. Refuses when the host cannot do it. */
  async start(disturbed: () => void): Promise<void> {
    const problems = await checkHost();
    if (problems.length > 0) throw new Refusal('failedPrecondition', `this host cannot do networking: ${problems.join('; ')}`);
    await this.ports.start();
    this.#stopped = false;
    this.#glanceLater(disturbed);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelGlance();
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

  #glanceLater(disturbed: () => void): void {
    if (this.#stopped) return;
    this.#cancelGlance = this.#clock.after(glanceMs, () => {
      this.#glancing = this.#glance(disturbed);
    });
  }

  async #glance(disturbed: () => void): Promise<void> {
    const whole = await Promise.all([this.bridges.whole(), this.overlay.whole(), this.ports.whole()]).catch(() => [true]);
    if (whole.includes(false)) disturbed();
    this.#glanceLater(disturbed);
  }
}
