/** Git, hardened: a bare mirror per repository, read object by object; never a checkout, never a hook, never a prompt. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { simpleGit, type SimpleGit } from 'simple-git';
import { Refusal } from '#base/refusal';
import { checkPlace, withoutLogin } from '#control/repository/repository-place';
import { readBlobs } from './blobs.ts';

/** How long a git command may say nothing. */
const silenceMs = 60_000;

export interface TreeEntry {
  /** 100644, 100755, 120000 (symlink), 160000 (submodule). */
  mode: string;
  oid: string;
  /** Inside the repository, with `/`. */
  path: string;
  /** Bytes; 0 for submodules. */
  size: number;
}

/** One repository's mirror in `folder`. */
export class Mirror {
  readonly #git: SimpleGit;
  readonly #folder: string;
  readonly #signal: AbortSignal;
  readonly #environment: Readonly<Record<string, string>>;
  #made = false;

  /** `home` is a folder of ours for git's global settings; see `writeHome`. */
  constructor(folder: string, home: string, signal: AbortSignal) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#folder = folder;
    this.#signal = signal;
    this.#environment = {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      HOME: home,
      GIT_TERMINAL_PROMPT: '0',
      GIT_SSH_COMMAND: 'ssh -oBatchMode=yes -oConnectTimeout=10',
      GIT_CONFIG_NOSYSTEM: '1',
      LC_ALL: 'C',
    };
    this.#git = simpleGit({
      baseDir: folder,
      maxConcurrentProcesses: 4,
      config: ['protocol.ext.allow=never', 'protocol.file.allow=user', 'core.hooksPath=/dev/null', 'core.fsmonitor=false', 'gc.auto=0'],
      unsafe: { allowUnsafeProtocolOverride: true, allowUnsafeHooksPath: true, allowUnsafeSshCommand: true, allowUnsafeFsMonitor: true },
      allowEnvironment: Object.keys(this.#environment),
      timeout: { block: silenceMs },
      abort: signal,
    }).env(this.#environment);
  }

  /** Id of the branch's head at `url`; nothing is fetched. Throws a Refusal that says why it cannot be known. */
  async remoteHead(url: string, branch: string): Promise<string> {
    checkPlace(url, branch);
    await this.#make();
    const answer = await explained(this.#git.raw(['ls-remote', '--exit-code', '--', url, `refs/heads/${branch}`]), url, branch);
    const commit = /^([0-9a-f]{40,64})\t/.exec(answer)?.[1];
    if (commit === undefined) throw new Refusal('notFound', `repository ${withoutLogin(url)} has no branch ${branch}`);
    return commit;
  }

  /** Brings the branch into the mirror and answers its head. A rewritten history is followed. */
  async fetch(url: string, branch: string): Promise<string> {
    checkPlace(url, branch);
    await this.#make();
    const spec = `+refs/heads/${branch}:refs/heads/followed`;
    await explained(this.#git.raw(['fetch', '--quiet', '--force', '--no-tags', '--no-recurse-submodules', '--', url, spec]), url, branch);
    return (await this.#git.raw(['rev-parse', '--verify', 'refs/heads/followed^{commit}'])).trim();
  }

  /** The commit that was fetched last; undefined when there is none. */
  async followed(): Promise<string | undefined> {
    const answer = await this.#git.raw(['for-each-ref', '--format=%(objectname)', 'refs/heads/followed']).catch(() => '');
    return answer.trim() || undefined;
  }

  /** All files of a commit. */
  async tree(commit: string): Promise<TreeEntry[]> {
    const text = await this.#git.raw(['ls-tree', '-r', '-z', '-l', '--full-tree', commit]);
    return text.split('\0').filter(Boolean).map(parseTreeLine);
  }

  /** Contents of blobs, by id. */
  async blobs(oids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    return readBlobs(oids, { folder: this.#folder, environment: this.#environment, signal: this.#signal, limitMs: silenceMs });
  }

  async #make(): Promise<void> {
    if (this.#made) return;
    await this.#git.raw(['init', '--quiet', '--bare', this.#folder]);
    this.#made = true;
  }
}

/**
 * Writes the global settings that our git commands run with: repositories of other users of this machine may be read
 * (the child that serves a local path does not see `-c` options), and the daemon's user's own settings, such as credential helpers, hold too.
 */
export function writeHome(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const own = join(homedir(), '.gitconfig');
  writeFileSync(join(folder, '.gitconfig'), `[include]\n\tpath = ${own}\n[safe]\n\tdirectory = *\n`, { mode: 0o600 });
}

function parseTreeLine(line: string): TreeEntry {
  const match = /^(\d{6}) (\w+) ([0-9a-f]+) +(\d+|-)\t(.*)$/s.exec(line);
  if (!match) throw new Refusal('unknown', `git lists a tree in words that are not understood: ${line.slice(0, 80)}`);
  return { mode: match[1] ?? '', oid: match[3] ?? '', size: Number(match[4]) || 0, path: match[5] ?? '' };
}

/** Git's own last words are the best explanation; they name no credentials but what the URL holds. */
async function explained(call: Promise<string>, url: string, branch: string): Promise<string> {
  try {
    return await call;
  } catch (error) {
    const said = (error as Error).message.trim();
    const shown = withoutLogin(url);
    if (said === '' || /couldn't find remote ref|exit code: 2|exited with code 2/i.test(said)) {
      throw new Refusal('notFound', `repository ${shown} has no branch ${branch}`);
    }
    const last = telling(said);
    throw new Refusal('unavailable', `repository ${shown} cannot be read: ${withoutLogin(last.replaceAll(url, shown))}`);
  }
}

/** The line that says why; what git adds for everybody is left out, for ssh has said more before. */
function telling(said: string): string {
  const lines = said.split('\n').filter((line) => line.trim() !== '' && !/^(warning|hint): /.test(line));
  const own = lines.filter((line) => !/^(fatal: Could not read from remote|Please make sure you have|and the repository exists)/.test(line));
  return own.find((line) => /fatal|error|denied|failed|refused|timed out|timeout|^ssh:/i.test(line)) ?? own[0] ?? lines[0] ?? '';
}
