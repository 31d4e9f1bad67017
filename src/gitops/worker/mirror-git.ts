/** Runs git in one mirror: within what its place allows, with credentials only where a server is asked, and with its failures in a sentence. */
import { statfs } from 'node:fs/promises';
import type { MirrorPlace } from '../protocol.ts';
import { explained } from './explained.ts';
import { plainEnvironment, surroundings } from './git-environment.ts';
import { isLocal } from './local-place.ts';
import { largestUnfinished, packBytes, removeLeftovers } from './mirror-files.ts';
import { GitFailure, runGit, settings, type GitBounds, type GroupListener } from './run-git.ts';

export const answerBytes = 64 * 1024;
/** A pack that stops short of its limit by less was stopped by it. */
const blockBytes = 64 * 1024;
/** Of what the disk has left, a mirror may take this part. */
const shareOfFree = 0.5;
/** What is left to the cluster's log, which lies on the same disk: so much of it, and on a large one this is enough. */
const keptOfDisk = 0.1;
const keptBytes = 1024 * 1024 * 1024;

/** As `statfs` says it. */
interface Disk {
  blocks: number;
  bavail: number;
  bsize: number;
}

/** Bytes that what is fetched may take, others at the same time included; not above 0: nothing. @internal */
export function roomOn({ blocks, bavail, bsize }: Disk): number {
  return bavail * bsize - Math.min(blocks * bsize * keptOfDisk, keptBytes);
}

/** What old histories have wrong without harm. */
const toleratedFaults = [
  'missingSpaceBeforeDate',
  'badTimezone',
  'zeroPaddedFilemode',
  'missingEmail',
  'missingNameBeforeEmail',
  'missingSpaceBeforeEmail',
  'multipleAuthors',
  'badFilemode',
  'extraHeaderEntry',
  'gitmodulesMissing',
  'gitmodulesUrl',
  'gitmodulesPath',
  'gitmodulesName',
  'gitmodulesParse',
];
const transferSettings = [
  'transfer.fsckObjects=true',
  'transfer.unpackLimit=1',
  'fetch.unpackLimit=1',
  ...toleratedFaults.map((fault) => `fetch.fsck.${fault}=ignore`),
];
/** The far end of a local path is a git of ours too; a shell runs the line, and has nothing to do after it. */
const localUploadPack = 'exec git -c uploadpack.allowFilter=true -c uploadpack.allowAnySHA1InWant=true -c pack.threads=1 -c pack.windowMemory=32m upload-pack';

export interface FetchDetails {
  /** For this command alone. */
  settings?: readonly string[];
  input?: string;
  filter?: string;
}

/** The ref that was asked for stays as it is: what came does not come after it, or is no commit. */
export class NotMoved extends Error {
  override readonly name = 'NotMoved';
}

export class MirrorGit {
  readonly #place: MirrorPlace;
  readonly #signal: AbortSignal;
  readonly #groups: GroupListener;
  /** What a file could grow to in the command that ran last. */
  #fileBytes = Infinity;

  constructor(place: MirrorPlace, signal: AbortSignal, groups: GroupListener) {
    this.#place = place;
    this.#signal = signal;
    this.#groups = groups;
  }

  /** A command that talks to nobody. */
  async quiet(args: readonly string[], input = '', outputBytes = answerBytes): Promise<string> {
    const { folder, home } = this.#place;
    const call = { folder, environment: plainEnvironment(home), signal: this.#signal, bounds: await this.bounds(outputBytes), input };
    return runGit([...settings(), ...args], call, this.#groups);
  }

  /** A command that asks the server. */
  async remote(args: readonly string[], outputBytes: number, more: readonly string[] = [], input = ''): Promise<string> {
    const { folder, home, run, url, credentials } = this.#place;
    const around = surroundings(home, run, url, credentials);
    try {
      const bounds = await this.bounds(outputBytes);
      return await runGit(
        [...settings([...around.settings, ...more]), ...args],
        { folder, environment: around.environment, signal: this.#signal, bounds, input },
        this.#groups,
      );
    } finally {
      around.close();
    }
  }

  /** Brings `what` into the mirror. Throws NotMoved where a ref that must not be forced would have to be. */
  async fetch(what: readonly string[], { settings: more = [], input = '', filter = 'blob:none' }: FetchDetails = {}): Promise<void> {
    const { url, folder } = this.#place;
    await removeLeftovers(folder);
    const args = ['fetch', '--progress', '--no-tags', '--no-recurse-submodules', '--no-write-fetch-head', `--filter=${filter}`];
    const remote = [`remote.mirror.url=${url}`, 'remote.mirror.promisor=true', 'remote.mirror.partialCloneFilter=blob:none'];
    const local = isLocal(url) ? [`--upload-pack=${localUploadPack}`] : [];
    await this.explained(() => this.remote([...args, ...local, ...what], answerBytes, [...transferSettings, ...remote, ...more], input).catch(notMoved));
  }

  async bounds(outputBytes: number): Promise<GitBounds> {
    const { folder, quotaBytes, timeouts } = this.#place;
    const held = await packBytes(folder);
    const room = roomOn(await statfs(folder));
    const fileBytes = (this.#fileBytes = Math.max(0, Math.min(quotaBytes - held, room * shareOfFree)));
    // Others fetch as well: each began with what was free then.
    const trouble = async (): Promise<string | undefined> => {
      const disk = await statfs(folder).catch(() => undefined);
      return disk && roomOn(disk) <= 0 ? 'the disk of the state folder is nearly full' : undefined;
    };
    return { fileBytes, outputBytes, ...timeouts, progress: () => packBytes(folder), trouble };
  }

  /** Throws a Refusal that says why git failed. */
  async explained<T>(call: () => Promise<T>): Promise<T> {
    const { folder } = this.#place;
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof GitFailure)) throw error;
      const unfinished = await largestUnfinished(folder);
      const full = unfinished >= 0 && unfinished >= this.#fileBytes - blockBytes;
      await removeLeftovers(folder);
      throw explained(error, { ...this.#place, full });
    }
  }
}

function notMoved(error: unknown): never {
  const moved = !(error instanceof GitFailure) || error.broken !== undefined || !/^ ! \[rejected\] .*\(non-fast-forward\)|non-commit object/m.test(error.said);
  throw moved ? error : new NotMoved();
}
