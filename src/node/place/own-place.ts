/** Where a node is by what its host has: an address that the host gave up is not the node's any more. */
import { networkInterfaces } from 'node:os';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Repeater } from '#base/pace/repeater';
import { Refusal } from '#base/refusal';
import { hostPort, placeParts } from '#model/manager-address';
import type { DispatcherSession } from '#model/object/assignment';
import { managerPlace, type Identity } from '../state/identity.ts';
import { addressTowards } from './address.ts';

/** What is read of the host. */
export interface Host {
  interfaces: () => ReturnType<typeof networkInterfaces>;
  /** The host's own address on the way to another. */
  towards: (host: string) => Promise<string | undefined>;
}

/** What a host gives itself that nobody has given an address. */
const linkLocal = '169.254.';

const thisHost: Host = { interfaces: networkInterfaces, towards: addressTowards };

/**
 * The identity as it is on this host now; the same one where nothing changed. Another address of the interface that had the last one is the node's; one that never
 * was the host's own (of a gateway before it) was given by hand and stays. So does the last one while that interface is gone: what goes through a tunnel is
 * not to go around it.
 * @param remotes HOST:PORT of other managers: of several addresses it is the one on the way to them
 */
export async function placeNow(identity: Identity, remotes: readonly string[], host: Host = thisHost): Promise<Identity> {
  const interfaces = Object.entries(host.interfaces());
  const own = interfaces.find(([, addresses = []]) => addresses.some(({ address }) => address === identity.address))?.[0];
  if (own !== undefined) return identity.own === own ? identity : { ...identity, own };
  const [, addresses = []] = interfaces.find(([name]) => name === identity.own) ?? [];
  const there = addresses.flatMap(({ family, address }) => (family === 'IPv4' && !address.startsWith(linkLocal) ? [address] : []));
  const [only, second] = there;
  if (only !== undefined && second === undefined) return movedTo(only, identity);
  for (const remote of there.length > 0 ? remotes : []) {
    const address = await host.towards(placeParts(remote).host);
    if (address !== undefined && there.includes(address)) return movedTo(address, identity);
  }
  return identity;
}

function movedTo(address: string, identity: Identity): Identity {
  const { listen } = identity;
  const moved = (place: string): string => (placeParts(place).host === identity.address ? hostPort(address, placeParts(place).port) : place);
  return { ...identity, address, managerAddress: moved(managerPlace(identity)), ...(listen !== undefined && { listen: moved(listen) }) };
}

/** Says where the node is from now on. */
export function tellMoved({ address: from }: Identity, { address: to }: Identity, logger: Logger): void {
  if (from !== to) logger.info({ from, to }, 'the host has another address: other nodes are to reach this one there');
}

export interface OwnPlaceParts {
  identity: () => Identity;
  /** HOST:PORT of other managers as far as they are known. */
  remotes: () => readonly string[];
  /** Told of each change; of another address as soon as it has been the same for a while. */
  changed: (identity: Identity) => void;
  clock: Clock;
  logger: Logger;
  host?: Host;
}

/** While a host gets its addresses, or takes them anew, none is the last word. */
const lookMs = 3000;
const looksAlike = 2;
/** After a beat, before it is asked whether an answer can still come: where one does in time nothing is asked. */
const silentMs = 500;

export class OwnPlace {
  readonly #parts: OwnPlaceParts;
  readonly #looks: Repeater;
  #seen = '';
  #times = 0;

  constructor(parts: OwnPlaceParts) {
    this.#parts = parts;
    this.#looks = new Repeater(
      () => this.#look(),
      (error) => {
        parts.logger.warn({ error: (error as Error).message }, 'the addresses of this host cannot be read: looked at again in a few seconds');
        this.#looks.askIn(lookMs);
      },
      parts.clock,
    );
  }

  start(): void {
    this.#looks.ask();
  }

  async stop(): Promise<void> {
    await this.#looks.stop();
  }

  /**
   * The session as one that ends as soon as a beat is unanswered and the host has lost the address that it had: what was opened from there hears nothing any
   * more, not even its end, and a node that waits for that is missed.
   */
  whileHere(session: DispatcherSession): DispatcherSession {
    const { address } = this.#parts.identity();
    const wasHere = this.#has(address);
    return { ...session, heartbeat: () => (wasHere ? this.#unlessGone(session.heartbeat(), address) : session.heartbeat()) };
  }

  async #unlessGone<T>(beat: Promise<T>, address: string): Promise<T> {
    let cancel = (): void => undefined;
    const gone = new Promise<never>((_resolve, reject) => {
      cancel = this.#parts.clock.after(silentMs, () => {
        if (!this.#has(address)) reject(new Refusal('unavailable', `this host has the address ${address} no more: the manager is asked from another one`));
      });
    });
    return await Promise.race([beat, gone]).finally(cancel);
  }

  #has(address: string): boolean {
    const { interfaces } = this.#parts.host ?? thisHost;
    return Object.values(interfaces()).some((addresses) => addresses?.some((each) => each.address === address));
  }

  async #look(): Promise<void> {
    const { identity, remotes, changed, host, logger } = this.#parts;
    const before = identity();
    const now = await placeNow(before, remotes(), host);
    this.#looks.askIn(lookMs);
    if (this.#looks.stopped || identity() !== before || now === before) return;
    if (now.address === before.address) return changed(now);
    this.#times = now.address === this.#seen ? this.#times + 1 : 1;
    this.#seen = now.address;
    if (this.#times < looksAlike) return;
    this.#times = 0;
    tellMoved(before, now, logger);
    changed(now);
  }
}
