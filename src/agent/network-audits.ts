/** Looks now and then whether the network is as it was applied, and at once when it says that something happened to it. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { NodeNetwork } from '#network/contract';

/** People flush rule sets and reload firewalls. */
const auditMs = 30_000;
/** What could not be served, or failed, is looked at again so soon. */
const retryMs = 2000;

export interface AuditModules {
  network: NodeNetwork;
  clock: Clock;
  logger: Logger;
}

export class NetworkAudits {
  #cancel: () => void = () => {};
  #auditing = false;
  #again = false;

  constructor(
    readonly modules: AuditModules,
    /** Name servers may listen elsewhere than before. */
    readonly namesMoved: () => Promise<void>,
    readonly signal: AbortSignal,
  ) {}

  start(): void {
    this.signal.addEventListener('abort', () => this.#cancel(), { once: true });
    this.#after(auditMs);
  }

  /** An audit begins now, or right after the one under way. */
  soon(): void {
    if (this.#auditing) this.#again = true;
    else this.#after(0);
  }

  #after(delayMs: number): void {
    this.#cancel();
    if (!this.signal.aborted) this.#cancel = this.modules.clock.after(delayMs, () => void this.#audit());
  }

  async #audit(): Promise<void> {
    this.#auditing = true;
    this.#again = false;
    const { names, bridges, overlay, ports } = this.modules.network;
    let well = true;
    for (const part of [() => names.audit(), () => this.namesMoved().then(() => []), () => bridges.audit(), () => overlay.audit(), () => ports.audit()]) {
      try {
        for (const sentence of await part()) this.modules.logger.warn({}, sentence);
      } catch (error) {
        well = false;
        if (!this.signal.aborted) this.modules.logger.error({ err: error }, 'a part of the network could not be looked at or mended; it is tried again in 2 s');
      }
    }
    this.#auditing = false;
    const problems = [names, bridges, overlay, ports].some((facet) => facet.problems().length > 0);
    this.#after(this.#again ? 0 : well && !problems ? auditMs : retryMs);
  }
}
