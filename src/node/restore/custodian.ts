/** The whole of a cluster given out as a backup, and taken in again on this node. */
import { join } from 'node:path';
import type { Custody, Restored, RestoreRequest } from '#api/dependencies';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import type { NodeCertificate } from '#identity/certificate-files';
import { unlockKeyOf } from '#model/trust/unlock-key';
import { checkLock } from '#disk/key';
import { swarmTexts } from '#model/swarm-texts';
import { beginFrom } from '#replica/backup/backup';
import { hostPort, managerPort } from '#model/manager-address';
import { placeOf, type Place } from '../place/address.ts';
import { describeEngine, Fitness } from '../founding/fitness.ts';
import type { ManagerPart } from '../member/manager-part.ts';
import type { DaemonOptions } from '../options.ts';
import { managerPlace, readIdentity, type Identity } from '../state/identity.ts';
import { forget, holdsCluster, setAside } from '../state/set-aside.ts';
import { systemClock } from '../system.ts';
import { planRestore, type RestorePlan } from './plan.ts';

export interface CustodianParts {
  logger: Logger;
  /** Runs `work` while the node neither enters nor leaves a cluster otherwise. */
  exclusively: <T>(work: () => Promise<T>) => Promise<T>;
  /** Refuses where this node is no manager. */
  managing: () => ManagerPart;
  /** Whether the node is in a cluster, or on its way into one. */
  inside: () => boolean;
  /** Throws where nothing may be changed. */
  refuse: () => void;
  /** Ends the membership; containers run on. */
  giveUp: () => Promise<void>;
  /** Begins one with the state that is there. @param lock what its files are sealed with */
  enter: (identity: Identity, files: NodeCertificate, lock: string | undefined) => Promise<void>;
  /** Goes on with what is locked; undefined where nothing is. */
  locked: () => ((lock: string) => Promise<void>) | undefined;
  /** Begins the one of before again. */
  goBack: (identity: Identity) => Promise<void>;
}

const inside = 'this node holds a cluster already: leave it first, or restore with --force, which gives up what it holds; containers run on meanwhile';

export class Custodian implements Custody {
  readonly #options: DaemonOptions;
  readonly #parts: CustodianParts;

  constructor(options: DaemonOptions, parts: CustodianParts) {
    this.#options = options;
    this.#parts = parts;
  }

  unlock(key: string): Promise<void> {
    return this.#parts.exclusively(async () => {
      const goOn = this.#parts.locked();
      const lock = unlockKeyOf(key);
      if (!goOn || !lock) throw new Refusal('invalidArgument', 'invalid key string', { plain: true });
      try {
        await checkLock(join(this.#options.state, 'raft'), lock);
      } catch (error) {
        throw isOtherKey(error) ? new Refusal('unauthenticated', swarmTexts.wrongUnlockKey, { plain: true }) : error;
      }
      await goOn(key);
      this.#parts.logger.info({}, 'unlocked: this manager goes on, and what runs here was not touched');
    });
  }

  backup(passphrase: string): AsyncIterable<Uint8Array> {
    return this.#parts.managing().backup(passphrase);
  }

  restore(request: RestoreRequest, file: AsyncIterable<Uint8Array>): Promise<Restored> {
    return this.#parts.exclusively(async () => {
      const { state, engine } = this.#options;
      this.#parts.refuse();
      if ((this.#parts.inside() || holdsCluster(state)) && !request.force) throw new Refusal('failedPrecondition', inside);
      const before = readIdentity(state);
      const place = await placeFor(request, before);
      await new Fitness().check();
      const description = await describeEngine(this.#options, before?.nodeId ?? '');
      const plan = await planRestore(request, file, { engine, was: before?.nodeId, place, description });
      await this.#parts.giveUp();
      await this.#begin(plan);
      this.#parts.logger.info({ ...plan.report }, 'the cluster was restored from a backup: this node is its only manager, and the others are waited for');
      return plan.report;
    });
  }

  /** What was there before is dropped when the new one works. */
  async #begin({ identity, files, backup }: RestorePlan): Promise<void> {
    const { state } = this.#options;
    const aside = holdsCluster(state) ? setAside(state, `before-restore-${systemClock.now()}`) : undefined;
    try {
      const [cluster] = backup.image.objects.cluster;
      const lock = cluster?.Shoal?.UnlockKey;
      await beginFrom(backup, {
        folder: join(state, 'raft'),
        clock: systemClock,
        node: identity.nodeId,
        lock: lock === undefined ? undefined : unlockKeyOf(lock),
      });
      await this.#parts.enter(identity, files, lock);
    } catch (error) {
      forget(state);
      aside?.putBack();
      const before = readIdentity(state);
      if (before) await this.#parts.goBack(before);
      throw error;
    }
    aside?.drop();
  }
}

function isOtherKey(error: unknown): boolean {
  return error instanceof Refusal && error.facts['reason'] === 'otherUnlockKey';
}

/** Told nothing else, a node stays where it is. */
async function placeFor(request: RestoreRequest, before: Identity | undefined): Promise<Place> {
  const { listen = hostPort('0.0.0.0', managerPort), address = '', dataPath } = before ?? {};
  if (before && request.ListenAddr === '' && request.AdvertiseAddr === '')
    return { listen, address, managerAddress: managerPlace(before), ...(dataPath !== undefined && { dataPath }) };
  return await placeOf(request, before && listen);
}
