/** Serves the daemon's requests inside a worker process. */
import { createHmac } from 'node:crypto';
import { Refusal } from '#base/refusal';
import type { WorkerAnswer, WorkerRequest } from '../protocol.ts';
import { isBranchAlone } from './head/tracked.ts';
import { InputMemory } from './input-memory.ts';
import { localPlace, type LocalPlace } from './local-place.ts';
import { Mirror } from './mirror.ts';
import { isFolder, peekFolder } from './mirror-files.ts';
import { ObjectCache } from './object-cache.ts';
import { ObjectReader, ObjectReaders } from './objects.ts';
import { peek, peekPlace } from './head/peek.ts';
import type { GroupListener } from './run-git.ts';
import { closedOpener, newOpener, type Opener } from './sealed/opener.ts';
import { Snapshot } from './snapshot.ts';

export interface Surroundings {
  signal: AbortSignal;
  groups: GroupListener;
  send: (answer: WorkerAnswer) => Promise<void>;
}

type Asked<T extends WorkerRequest['type']> = WorkerRequest & { type: T };

const mostWanting = 50_000;
const longestAuthor = 200;
/** All stacks of a commit together: the daemon holds them. */
const largestResultBytes = 128 * 1024 * 1024;

export class Desk {
  readonly #cache = new ObjectCache();
  readonly #readers = new ObjectReaders();
  /** By the mirror's folder, for the keys that its files were opened with. */
  readonly #memories = new Map<string, { keys: string; memory: InputMemory }>();
  /** Mirror → what was found to be held last, and why: nothing is fetched and looked at again for it. */
  readonly #held = new Map<string, { of: string; reason: string }>();

  async serve(request: Exclude<WorkerRequest, { type: 'cancel' }>, around: Surroundings): Promise<void> {
    if (request.type === 'fetch') return this.#fetch(request, around);
    if (request.type === 'render') return this.#render(request, around);
    const mirror = new Mirror(request.place, around.signal, around.groups);
    if (request.type === 'peek') return around.send({ id: request.id, type: 'fetched', commit: await peek(request.place, around.signal, around.groups) });
    if (request.type === 'recall') {
      const commit = await mirror.followed();
      if (commit !== undefined) await mirror.checkSigned(commit);
      return around.send({ id: request.id, type: 'recalled', ...(commit !== undefined && { commit }) });
    }
    if (request.type === 'commits') {
      const { place } = request;
      // It may be of one that was only asked for.
      const from = (await isFolder(peekFolder(place.folder))) ? new Mirror(peekPlace(place), around.signal, around.groups) : mirror;
      return around.send({ id: request.id, type: 'commits', list: await from.commits(request.range) });
    }
    const { place, peeked, oids } = request;
    await (peeked ? new Mirror(peekPlace(place), around.signal, around.groups) : mirror).fetchBlobs(oids);
    return around.send({ id: request.id, type: 'done' });
  }

  async #fetch({ id, place, known, line }: Asked<'fetch'>, { signal, groups, send }: Surroundings): Promise<void> {
    const { head: named, ...local } = isBranchAlone(place)
      ? await localPlace(place.url, place.branch, known?.signature)
      : ({ watch: [] } satisfies LocalPlace as LocalPlace);
    await send({ id, type: 'place', ...local });
    const answer = (commit: string): Promise<void> => send({ id, type: 'fetched', commit });
    // A branch whose files did not change did not move.
    if (known?.signature !== undefined && known.signature === local.signature) return answer(known.commit);
    const mirror = new Mirror(place, signal, groups);
    const head = await mirror.remoteHead(named);
    if (head.commit === known?.commit) return answer(head.commit);
    // Who may sign may have changed since it was fetched.
    const judged = place.signers !== undefined || (line !== undefined && line.accepted !== head.commit);
    if (!judged && (await mirror.holds(head.commit))) return answer(head.commit);
    const of = JSON.stringify([head, line, place.url, place.signers]);
    const before = this.#held.get(place.folder);
    if (before?.of === of) return send({ id, type: 'rewritten', commit: head.commit, reason: before.reason });
    this.#held.delete(place.folder);
    const { commit, rewritten } = await mirror.fetch(head, line);
    if (rewritten !== undefined && commit === head.commit) this.#held.set(place.folder, { of, reason: rewritten });
    return rewritten === undefined ? answer(commit) : send({ id, type: 'rewritten', commit, reason: rewritten });
  }

  async #render(
    { id, folder, home, commit, path, have, skip, identity, keys, environment, variables, received, closed, peeked }: Asked<'render'>,
    { signal, groups, send }: Surroundings,
  ): Promise<void> {
    // The process that only fetches starts without what reads stack files.
    const { renderCommit, shortReasons } = await import('./render.ts');
    const place = peeked ? peekFolder(folder) : folder;
    const reader = received === undefined ? await this.#readers.of(place, home, groups) : new ObjectReader(folder, home, groups, received);
    let isDone = false;
    try {
      const { top, author } = await readCommit(reader, commit);
      const snapshot = new Snapshot(
        commit,
        top,
        reader,
        this.#cache.shelf(folder),
        heard(closed ? closedOpener : newOpener(identity, keys), () => send({ id, type: 'same', names: [] })),
      );
      // What could not be decrypted may be now.
      const opened = JSON.stringify([identity, keys]);
      const known = this.#memories.get(folder);
      const memory = known?.keys === opened ? known.memory : new InputMemory();
      this.#memories.set(folder, { keys: opened, memory });
      let bytes = 0;
      const short = shortReasons();
      const { missing, declared } = await renderCommit({
        snapshot,
        path,
        have,
        skip,
        memory,
        ...(closed && { closed }),
        settings: { ...(environment !== undefined && { environment }), variables: variables ?? {} },
        fingerprint: (digest) =>
          `hmac-sha256:${createHmac('sha256', identity ?? '')
            .update(digest)
            .digest('hex')}`,
        begun: (name) => {
          if (signal.aborted) throw new Refusal('unavailable', 'the look was ended');
          void send({ id, type: 'begun', name });
        },
        same: (names) => send({ id, type: 'same', names }),
        done: (stack, digest) => {
          bytes += 'spec' in stack ? JSON.stringify(stack.spec).length : 0;
          if (bytes > largestResultBytes) throw new Refusal('unavailable', `the commit's stacks are larger than ${largestResultBytes} bytes together`);
          return send({ id, type: 'stack', stack: short(stack), digest });
        },
      });
      await send({ id, type: 'rendered', missing, declared, wanting: [...snapshot.absent].slice(0, mostWanting), author });
      isDone = true;
    } finally {
      // What broke off may have left questions behind.
      if (received !== undefined || !isDone) reader.close();
    }
  }
}

/** Each file that is decrypted is work of its own: the daemon hears that it goes on. */
function heard({ open }: Opener, tell: () => Promise<void>): Opener {
  return {
    open: async (path, bytes) => {
      const result = await open(path, bytes);
      await tell();
      return result;
    },
  };
}

/** The tree of a commit, which its first line names, and who says to have made it. */
async function readCommit(reader: ObjectReader, commit: string): Promise<{ top: string; author: string }> {
  const info = (await reader.infos([commit])).get(commit);
  if (info?.type !== 'commit' || info.size > 1024 * 1024) throw new Refusal('unavailable', `commit ${commit} cannot be read from the mirror`);
  const bytes = (await reader.contents([commit])).get(commit);
  const text = Buffer.from(bytes ?? []).toString('utf8');
  const tree = /^tree ([0-9a-f]{40,64})\n/.exec(text)?.[1];
  if (tree === undefined) throw new Refusal('unavailable', `commit ${commit} cannot be read from the mirror`);
  const headers = text.slice(0, Math.max(0, text.indexOf('\n\n')));
  return { top: tree, author: (/^author (.*>)/m.exec(headers)?.[1] ?? '').slice(0, longestAuthor) };
}
