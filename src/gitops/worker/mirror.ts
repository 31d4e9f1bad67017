/** A bare mirror of one branch: the commit graph and its trees, and the blobs that somebody asked for. Never a checkout, never a hook. */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { simpleGit, type SimpleGit } from 'simple-git';
import { Refusal } from '#base/refusal';
import { checkPlace, withoutLogin } from '#control/repository/repository-place';
import type { CommitList } from '#model/git/notify';
import type { CommitRange, HeldLine, MirrorPlace } from '../protocol.ts';
import { plainEnvironment } from './git-environment.ts';
import { listCommits } from './head/commits.ts';
import { checkSigned, unsignedBetween, type Judge } from './head/signatures.ts';
import { choose, commitOf, isBranchAlone, patterns, trackedText, type Tracked } from './head/tracked.ts';
import { hasLooseObjects, isFolder } from './mirror-files.ts';
import { answerBytes, MirrorGit, NotMoved } from './mirror-git.ts';
import { GitFailure, runGit, settings, type GroupListener } from './run-git.ts';

/** Packs after which a mirror is packed anew: each fetch leaves one or two. */
const mostPacks = 20;
/** Of a list of tags. */
const listBytes = 4 * 1024 * 1024;
/** Where what came lies until it is looked at. */
const incoming = 'refs/shoal/incoming';
/** What somebody asked to have planned. */
const peeked = 'refs/shoal/peeked';
const followedRef = 'refs/heads/followed';
/** Of a file: stack files, and most of what they name. */
const smallBytes = 64 * 1024;
/** The commit graph and all its trees, and of the blobs those of the newest commit. A list that ends early must not decide what is dropped. */
const packScript = [
  'git rev-list --objects --filter=blob:none --missing=allow-any refs/heads/followed > objects/tmp_list',
  "git rev-list --objects --missing=allow-any 'refs/heads/followed^{tree}' >> objects/tmp_list",
  'git pack-objects -q objects/pack/pack < objects/tmp_list',
].join(' && ');

/** `rewritten`: why it is not followed before somebody says so. */
interface Fetched {
  commit: string;
  rewritten?: string;
}

export class Mirror {
  readonly #place: MirrorPlace;
  readonly #signal: AbortSignal;
  readonly #groups: GroupListener;
  readonly #run: MirrorGit;
  #git: SimpleGit | undefined;

  constructor(place: MirrorPlace, signal: AbortSignal, groups: GroupListener) {
    this.#place = place;
    this.#signal = signal;
    this.#groups = groups;
    this.#run = new MirrorGit(place, signal, groups);
  }

  /** Id of the branch's head at its source; nothing is fetched. `said`: by the branch's own file, where that can be read. Throws a Refusal that says why it cannot be known. */
  async remoteHead(said?: string): Promise<Tracked> {
    const { url, branch } = this.#place;
    checkPlace(url, branch);
    await this.#make();
    const named = commitOf(this.#place);
    if (named !== undefined) return { commit: named, source: named };
    if (said !== undefined) return { commit: said, source: `refs/heads/${branch}` };
    const answer = await this.#run.explained(() => this.#run.remote(['ls-remote', '--exit-code', '--', url, ...patterns(this.#place)], listBytes));
    const found = choose(this.#place, answer);
    if (!found) throw new Refusal('notFound', `repository ${withoutLogin(url)} has ${trackedText(this.#place)}`);
    return found;
  }

  /** Brings the branch into the mirror and answers its head. A rewritten history is followed; a mirror that is damaged is made anew. */
  async fetch(head: Tracked, line?: HeldLine): Promise<Fetched> {
    try {
      return await this.#fetchHead(head, line);
    } catch (error) {
      // What is refused to an empty mirror is refused for good; an old one may be full or damaged.
      if (!(error instanceof Refusal) || error.facts['mirror'] !== true || (await this.followed()) === undefined) throw error;
      return this.#renew(head, line);
    }
  }

  /** What comes is looked at before it takes the place of what is followed: the signature, and what it comes after. */
  async #fetchHead({ source }: Tracked, line?: HeldLine): Promise<Fetched> {
    await this.#make();
    const taken = await this.#take(source, line);
    if (taken !== undefined) {
      await this.#pack();
      return { commit: taken };
    }
    await this.#fetchNews(['mirror', `+${source}:${incoming}`]);
    const commit = await this.#commitOf(incoming);
    let refs = '';
    try {
      if (commit === undefined) throw new Refusal('unavailable', `${source} is no commit`);
      const by = await this.checkSigned(commit, incoming);
      const reasons = await this.#heldFor(commit, by, line);
      if (reasons.length > 0) return { commit, rewritten: reasons.join('; ') };
      refs = `update ${followedRef} ${commit}\n`;
    } finally {
      const moved = this.#run.quiet(['update-ref', '--stdin'], `${refs}delete ${incoming}\n`);
      // Where it is not followed, that is what is to be said.
      await (refs === '' ? moved.catch(() => '') : this.#run.explained(() => moved));
    }
    await this.#pack();
    return { commit };
  }

  /** Where nobody has to sign, git itself moves what is followed to a branch's head, and says whether that comes after it: one process does for all. Undefined: what comes has to be looked at. */
  async #take(source: string, line: HeldLine | undefined): Promise<string | undefined> {
    const isPlain = this.#place.signers === undefined && isBranchAlone(this.#place);
    if (!isPlain || (line && line.accepted !== (await this.#followedFile()))) return undefined;
    try {
      await this.#fetchNews(['mirror', `${line ? '' : '+'}${source}:${followedRef}`]);
    } catch (error) {
      if (error instanceof NotMoved) return undefined;
      throw error;
    }
    return this.#followedFile();
  }

  async #followedFile(): Promise<string | undefined> {
    const told = await readFile(join(this.#place.folder, followedRef), 'utf8').catch(() => '');
    return /^([0-9a-f]{40,64})\n$/.exec(told)?.[1];
  }

  /** The commit that a ref leads to. */
  async #commitOf(ref: string): Promise<string | undefined> {
    const said = await this.#run.quiet(['rev-parse', '--verify', '--quiet', `${ref}^{commit}`, '--']).catch(() => '');
    return /^([0-9a-f]{40,64})/.exec(said)?.[1];
  }

  /** The commit that is asked for, here and looked at, while what is followed stays. */
  async peek(): Promise<string> {
    const { source } = await this.remoteHead();
    await this.#run.fetch(['mirror', `+${source}:${peeked}`]);
    const commit = await this.#commitOf(peeked);
    if (commit === undefined) throw new Refusal('unavailable', `${source} is no commit`);
    await this.checkSigned(commit, peeked);
    return commit;
  }

  /** Throws a Refusal where commits have to be signed and this one is not. */
  async checkSigned(commit: string, tag?: string): Promise<'commit' | 'tag' | undefined> {
    const judge = await this.#judge();
    return judge && this.#run.explained(() => checkSigned(judge, commit, tag));
  }

  /** All that keeps it from being followed before somebody says so: who confirms it has read all of it. */
  async #heldFor(commit: string, by: 'commit' | 'tag' | undefined, line: HeldLine | undefined): Promise<string[]> {
    if (!line || line.accepted === commit || line.confirmed === commit) return [];
    const [name, before] = [commit.slice(0, 12), line.accepted.slice(0, 12)];
    const comesAfter = await this.#comesAfter(line.accepted, commit);
    // A history that may be another one is vouched for by its newest commit, as the first of all is.
    if (!comesAfter && line.follows) return [];
    const rewritten = comesAfter ? [] : [`commit ${name} does not come after ${before}, which was followed last: its history was rewritten`];
    const judge = by === 'commit' ? await this.#judge() : undefined;
    const unsigned = judge && (await this.#run.explained(() => unsignedBetween(judge, line.accepted, commit)));
    return [...rewritten, ...(unsigned === undefined ? [] : [`commit ${name} is not rendered: ${unsigned}`])];
  }

  async #judge(): Promise<Judge | undefined> {
    const { folder, home, run, signers } = this.#place;
    if (signers === undefined) return undefined;
    return { folder, home, run, signers, signal: this.#signal, bounds: await this.#run.bounds(answerBytes), groups: this.#groups };
  }

  async #comesAfter(before: string, commit: string): Promise<boolean> {
    return this.#run.quiet(['merge-base', '--is-ancestor', before, commit]).then(
      () => true,
      (error: unknown) => {
        // 128: the one before is not even there.
        if (error instanceof GitFailure && (error.code === 1 || error.code === 128)) return false;
        throw error;
      },
    );
  }

  /** Fetches into a new mirror, which takes the old one's place only if that goes well. */
  async #renew(head: Tracked, line?: HeldLine, blobs: readonly string[] = []): Promise<Fetched> {
    const { folder } = this.#place;
    const fresh = `${folder}.new`;
    await rm(fresh, { recursive: true, force: true });
    try {
      const mirror = new Mirror({ ...this.#place, folder: fresh }, this.#signal, this.#groups);
      const fetched = await mirror.#fetchHead(head, line);
      if (fetched.rewritten) return fetched;
      if (blobs.length > 0) await mirror.#fetchBlobs(blobs);
      await rm(folder, { recursive: true, force: true });
      renameSync(fresh, folder);
      return fetched;
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
  }

  /** Brings blobs into the mirror that a filter left out. */
  async fetchBlobs(oids: readonly string[]): Promise<void> {
    try {
      await this.#fetchBlobs(oids);
    } catch (error) {
      // What somebody asked to have planned may have filled it: what is followed comes first.
      const commit = error instanceof Refusal && error.facts['mirror'] === true ? await this.followed() : undefined;
      if (commit === undefined) throw error;
      await this.#renew({ commit, source: commit }, undefined, oids);
    }
  }

  async #fetchBlobs(oids: readonly string[]): Promise<void> {
    await this.#make();
    // Nothing is said of what we have: the server would leave out what it believes to be there.
    await this.#run.fetch(['--stdin', 'mirror'], { settings: ['fetch.negotiationAlgorithm=noop'], input: `${oids.join('\n')}\n` });
  }

  /** What came with a commit, for people. Throws a Refusal where the mirror does not have it. */
  commits(range: CommitRange): Promise<CommitList> {
    return this.#run.explained(() => listCommits(range, (args, bytes) => this.#run.quiet(args, '', bytes)));
  }

  /** The commit that was fetched last; undefined when there is none. */
  async followed(): Promise<string | undefined> {
    if (!(await isFolder(join(this.#place.folder, 'objects')))) return undefined;
    const answer = await this.#own()
      .raw(['for-each-ref', '--format=%(objectname) %(objecttype)', followedRef])
      .catch(() => '');
    return /^([0-9a-f]{40,64}) commit$/.exec(answer.trim())?.[1];
  }

  /** Whether it was `commit` that was fetched last. */
  async holds(commit: string): Promise<boolean> {
    return (await this.#followedFile()) === commit && (await this.followed()) === commit;
  }

  /** Of what is new since the last fetch, small files come along: they are mostly what is read next. A first fetch leaves them where they are, with all their history. */
  async #fetchNews(what: readonly string[]): Promise<void> {
    if (!existsSync(join(this.#place.folder, followedRef))) return this.#run.fetch(what);
    try {
      await this.#run.fetch(what, { filter: `blob:limit=${smallBytes}` });
    } catch (error) {
      // There are servers that leave out all files, or none.
      if (!(error instanceof Refusal) || !/filter/i.test(error.message)) throw error;
      await this.#run.fetch(what);
    }
  }

  /** Packs what is reachable and drops what is not, once many fetches have left their packs. */
  async #pack(): Promise<void> {
    const { folder } = this.#place;
    const packs = join(folder, 'objects', 'pack');
    const before = (await readdir(packs)).filter((name) => name.endsWith('.pack'));
    if (before.length <= mostPacks && !(await hasLooseObjects(folder))) return;
    const bounds = await this.#run.bounds(answerBytes);
    const call = { folder, environment: plainEnvironment(this.#place.home), signal: this.#signal, bounds };
    const packed = await runGit([...settings([`alias.pack-followed=!${packScript}`]), 'pack-followed'], call, this.#groups).catch(() => '');
    const name = packed.trim();
    // Without room to pack, the mirror grows until its quota says so.
    if (!/^[0-9a-f]{40,64}$/.test(name)) return;
    for (const file of await readdir(packs)) if (!file.includes(name)) rmSync(join(packs, file), { force: true });
    for (const file of await readdir(join(folder, 'objects'))) {
      if (/^[0-9a-f]{2}$/.test(file)) rmSync(join(folder, 'objects', file), { recursive: true, force: true });
    }
  }

  async #make(): Promise<void> {
    const { folder } = this.#place;
    if (await isFolder(join(folder, 'objects', 'pack'))) return;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // All that a git needs to take it for a repository; it is one once the packs have their place.
    mkdirSync(join(folder, 'refs', 'heads'), { recursive: true });
    writeFileSync(join(folder, 'HEAD'), 'ref: refs/heads/followed\n');
    writeFileSync(join(folder, 'config'), '[core]\n\trepositoryformatversion = 0\n\tbare = true\n');
    const { beside } = this.#place;
    if (beside !== undefined) {
      mkdirSync(join(folder, 'objects', 'info'), { recursive: true });
      writeFileSync(join(folder, 'objects', 'info', 'alternates'), `${JSON.stringify(join(beside, 'objects'))}\n`);
    }
    mkdirSync(join(folder, 'objects', 'pack'), { recursive: true });
  }

  /** For what is ours alone and says little. */
  #own(): SimpleGit {
    const environment = plainEnvironment(this.#place.home);
    this.#git ??= simpleGit({
      baseDir: this.#place.folder,
      config: ['protocol.ext.allow=never', 'core.hooksPath=/dev/null', 'core.fsmonitor=false', 'gc.auto=0'],
      unsafe: { allowUnsafeProtocolOverride: true, allowUnsafeHooksPath: true, allowUnsafeFsMonitor: true, allowUnsafeTemplateDir: true },
      allowEnvironment: Object.keys(environment),
      timeout: { block: this.#place.timeouts.silenceMs },
      abort: this.#signal,
    }).env(environment);
    return this.#git;
  }
}
