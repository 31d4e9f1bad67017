/** This node's part in a roll-out of the program: it takes up the release that it is told, says what became of it, and starts anew with it. */
import { type Clock, pause } from '#base/clock';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import { programVersion } from '#base/version';
import { shortDigest, type RunRelease, type ToldRelease } from '#model/release/release';
import { chosenNext, endedWell, proven, readChoice, writeChoice } from './choice.ts';
import { fetchPackage } from './fetch.ts';
import { install, isInstalled, prune } from './install.ts';
import { readPackage } from './unpack.ts';

export interface ReleaseKeeperParts {
  state: string;
  /** Digest of the release that this process is; absent: the installed program. */
  running?: string | undefined;
  /** Version of the installed program, which the launcher is of. */
  installed: string;
  /** Whether somebody starts the daemon again when it ends. */
  supervised: boolean;
  /** Ends this process in an orderly way. */
  restart: () => void;
  clock: Clock;
  logger: Logger;
}

const tries = 4;
const tryAgainMs = 5000;

export class ReleaseKeeper {
  readonly #parts: ReleaseKeeperParts;
  #installing: { release: ToldRelease; ended: AbortController } | undefined;
  #failed: RunRelease['Failed'];
  #onProbation: boolean;
  #changed: () => void = () => {};

  constructor(parts: ReleaseKeeperParts) {
    this.#parts = parts;
    const { running } = parts;
    const choice = readChoice(parts.state);
    this.#onProbation = running !== undefined && choice?.chosen === running && choice.probation !== undefined;
    const { digest: Digest, attempt: Attempt, text: Text } = choice?.failed ?? {};
    if (Digest !== undefined && Attempt !== undefined && Text !== undefined) this.#failed = { Digest, Attempt, Text };
  }

  /** What the managers are told of this node. */
  get run(): RunRelease {
    const { running } = this.#parts;
    return {
      Version: programVersion,
      ...(running !== undefined && { Digest: running }),
      ...(this.#onProbation && { Probation: true }),
      ...(this.#failed && { Failed: this.#failed }),
    };
  }

  /** `changed` is called when `run` says something else. */
  watch(changed: () => void): void {
    this.#changed = changed;
  }

  /** The managers say which program this node is to run; undefined: what runs stays. */
  wanted(release: ToldRelease | undefined): void {
    const under = this.#installing;
    if (under && under.release.Digest === release?.Digest && under.release.Attempt === release.Attempt) return;
    under?.ended.abort();
    this.#installing = undefined;
    if (!release || release.Digest === this.#parts.running) return;
    if (this.#failed?.Digest === release.Digest && this.#failed.Attempt === release.Attempt) return;
    const ended = new AbortController();
    this.#installing = { release, ended };
    void this.#takeUp(release, ended.signal);
  }

  /** The daemon serves, in no cluster or locked as far as it can: what runs is kept over restarts. */
  proven(): void {
    if (!this.#onProbation) return;
    const choice = readChoice(this.#parts.state);
    if (choice && choice.chosen === this.#parts.running) this.#note(() => writeChoice(this.#parts.state, proven(choice)));
    this.#onProbation = false;
    this.#failed = undefined;
    this.#parts.logger.info({ release: this.#parts.running }, 'the release serves: it is kept from now on');
    this.#changed();
  }

  /** The daemon ends as somebody wanted it to: what was under way goes on at the next start, and no release is blamed for it. */
  stop(): void {
    this.#installing?.ended.abort();
    const choice = this.#onProbation ? readChoice(this.#parts.state) : undefined;
    // While it is the one that runs: another one may have been chosen meanwhile.
    if (choice && choice.chosen === this.#parts.running) this.#note(() => writeChoice(this.#parts.state, endedWell(choice)));
  }

  async #takeUp(release: ToldRelease, signal: AbortSignal): Promise<void> {
    const { state, running, installed, supervised, restart, logger } = this.#parts;
    const { Digest, Attempt } = release;
    try {
      if (!supervised)
        throw new Refusal('failedPrecondition', 'nobody would start this daemon again: run it as the unit that `shoal daemon --systemd-unit` prints');
      logger.info({ release: Digest, url: release.URL }, 'the managers want this node to run another release: it is fetched');
      // What failed here may be damaged.
      if (!isInstalled(state, Digest) || this.#failed?.Digest === Digest) await this.#bring(release, signal);
      signal.throwIfAborted();
      const choice = chosenNext(readChoice(state), installed, Digest, Attempt);
      writeChoice(state, choice);
      prune(state, [choice.chosen, choice.before, running]);
    } catch (error) {
      if (signal.aborted) return;
      return this.#fail(release, (error as Error).message);
    }
    logger.info({ release: Digest }, 'the release is there and runs on this host: the daemon starts anew with it, and containers run on');
    restart();
  }

  /** Again where it may come another time. */
  async #bring({ URL, Digest }: ToldRelease, signal: AbortSignal): Promise<void> {
    const { state, clock } = this.#parts;
    for (let left = tries - 1; ; left--) {
      try {
        return await install(state, Digest, await readPackage(await fetchPackage(URL, Digest, signal)), signal);
      } catch (error) {
        if (left === 0 || signal.aborted || !(error instanceof Refusal) || error.code !== 'unavailable') throw error;
        await pause(clock, tryAgainMs, signal);
      }
    }
  }

  #fail({ Digest, Attempt }: ToldRelease, text: string): void {
    const { state, installed, logger } = this.#parts;
    this.#installing = undefined;
    this.#failed = { Digest, Attempt, Text: text };
    logger.warn({ release: Digest, error: text }, `release ${shortDigest(Digest)} cannot be taken up: what runs goes on, and the roll-out stops`);
    // A restart must not try it once more unasked.
    const choice = readChoice(state) ?? { format: 1 as const, installed };
    this.#note(() => writeChoice(state, { ...choice, failed: { digest: Digest, attempt: Attempt, text } }));
    this.#changed();
  }

  #note(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#parts.logger.warn({ error: (error as Error).message }, 'which release runs here cannot be noted: after a restart it is asked anew');
    }
  }
}
