/** Plays plain-text scripts against real cores: every command's effects are written out, line by line. */
import { seededRandom } from '#base/random';
import { defaultLimits, type Limits } from '#raft/core';
import type { Configuration, Message } from '#raft/message';
import { nobody } from './raft-nobody.ts';
import { Raft } from '#raft/raft';
import type { Write } from '#raft/ready';

interface Actor {
  readonly raft: Raft;
  readonly writes: Write[];
}

/** One line per message: type, way, term and what matters of it. */
function messageText(message: Message): string {
  const head = `${message.from}>${message.to} ${message.type} t${message.term}`;
  switch (message.type) {
    case 'vote':
    case 'preVote':
      return `${head} last ${message.lastTerm}/${message.lastIndex}${message.transfer ? ' transfer' : ''}`;
    case 'voteReply':
    case 'preVoteReply':
      return `${head} ${message.granted ? 'granted' : 'refused'}`;
    case 'append':
      return `${head} after ${message.prevTerm}/${message.prevIndex} [${message.entries.map((entry) => `${entry.term}/${entry.index}`).join(' ')}] commit ${message.commit}`;
    case 'appendReply':
      return `${head} ${message.rejected ? `rejected ${message.index} hint ${message.hintTerm}/${message.hintIndex}` : `has ${message.index}`}`;
    case 'heartbeat':
      return `${head} commit ${message.commit} read ${message.readSequence}`;
    case 'heartbeatReply':
      return `${head} read ${message.readSequence}`;
    case 'snapshot':
      return `${head} ${message.meta.term}/${message.meta.index} voters ${message.meta.configuration.voters.join()}`;
    case 'readIndexReply':
      return `${head} ${message.requestId} at ${message.index}`;
    case 'readIndex':
      return `${head} ${message.requestId}`;
    case 'timeoutNow':
      return head;
  }
}

export class RaftScript {
  readonly #actors = new Map<string, Actor>();
  #wire: Message[] = [];
  readonly #cut = new Set<string>();
  #output: string[] = [];
  #limits: Limits = defaultLimits;

  /** Runs one command line and returns what happened. Unknown commands are an error. */
  run(line: string): readonly string[] {
    this.#output = [];
    const [command = '', ...words] = line.split(/\s+/);
    const run = this.#commands[command];
    if (!run) throw new Error(`no such command: ${line}`);
    run(words);
    for (const id of this.#actors.keys()) this.#turn(id);
    return this.#output;
  }

  readonly #commands: Readonly<Record<string, (words: string[]) => void>> = {
    /** nodes a b c: members of a new group. */
    nodes: (ids) => ids.forEach((id) => this.#add(id, { voters: ids, learners: [] })),
    /** empty d: a node that has nothing, and waits for a snapshot. */
    empty: ([id = '']) => this.#add(id, nobody),
    /** group a b / c: voters and learners of a new group. */
    group: (words) => {
      const at = words.indexOf('/');
      const configuration = { voters: words.slice(0, at), learners: words.slice(at + 1) };
      for (const id of [...configuration.voters, ...configuration.learners]) this.#add(id, configuration);
    },
    /** window 2: appends that may be under way to one member, for members made afterwards. */
    window: ([messages = '1']) => {
      this.#limits = { ...this.#limits, window: { messages: Number(messages), bytes: 1e6 } };
    },
    /** logs 7 a:1,1,2 b:1: a new group in term 7 whose disks hold entries of these terms. */
    logs: ([term = '1', ...logs]) => {
      const lists = logs.map((log) => log.split(':'));
      const configuration = { voters: lists.map(([id = '']) => id), learners: [] };
      for (const [id = '', terms = ''] of lists) this.#add(id, configuration, Number(term), terms === '' ? [] : terms.split(',').map(Number));
    },
    forget: ([id = '']) => this.#raft(id).forgetLeader(),
    stepdown: ([id = '']) => this.#raft(id).stepDown(),
    unreachable: ([id = '', peer = '']) => this.#raft(id).unreachable(peer),
    reachable: ([id = '', peer = '']) => this.#raft(id).reachable(peer),
    campaign: ([id = '']) => this.#raft(id).campaign(),
    tick: ([id = '', count = '1']) => {
      for (let tick = 0; tick < Number(count); tick++) this.#raft(id).tick();
    },
    propose: ([id = '', text = '']) => this.#say(id, this.#raft(id).propose(Buffer.from(text))),
    add: ([id = '', member = '']) => this.#say(id, this.#raft(id).proposeChange({ type: 'addVoter', id: member })),
    learner: ([id = '', member = '']) => this.#say(id, this.#raft(id).proposeChange({ type: 'addLearner', id: member })),
    remove: ([id = '', member = '']) => this.#say(id, this.#raft(id).proposeChange({ type: 'remove', id: member })),
    read: ([id = '', request = '']) => this.#raft(id).readIndex(request),
    transfer: ([id = '', to = '']) => this.#output.push(`${id} transfer ${this.#raft(id).transferLeadership(to) ? 'begins' : 'refused'}`),
    /** compact a: a snapshot of everything applied, and no log before it. */
    compact: ([id = '']) => {
      const meta = this.#raft(id).snapshotMeta();
      this.#raft(id).snapshotTaken(meta, meta.index);
    },
    /** oneway a b: nothing passes from a to b. */
    oneway: ([a = '', b = '']) => void this.#cut.add(`${a}>${b}`),
    /** cut a b: nothing passes between them; join: everything passes again. */
    cut: ([a = '', b = '']) => void this.#cut.add(`${a}>${b}`).add(`${b}>${a}`),
    join: () => this.#cut.clear(),
    /** disk a: its oldest write is durable now. */
    disk: ([id = '']) => this.#disk(id),
    /** deliver: messages on the wire arrive, and what they cause, but no disk works. */
    deliver: () => {
      while (this.#deliverOne());
    },
    /** settle: network and disks work until nothing is left to do. */
    settle: () => this.#settle(),
    lose: () => {
      for (const message of this.#wire.splice(0)) this.#output.push(`lost ${messageText(message)}`);
    },
    status: () => {
      for (const [id, { raft }] of this.#actors) this.#output.push(this.#status(id, raft));
    },
  };

  #settle(): void {
    for (let step = 0; step < 10_000; step++) {
      if (this.#deliverOne()) continue;
      const busy = [...this.#actors].find(([, actor]) => actor.writes.length > 0);
      if (!busy) return;
      this.#disk(busy[0]);
    }
    throw new Error('the group never comes to rest');
  }

  #status(id: string, raft: Raft): string {
    const { role, term, leader, committed, applied, lastIndex, configuration } = raft.status();
    const peers = configuration.voters.concat(configuration.learners).flatMap((peer) => {
      const progress = raft.progress(peer);
      return progress ? [`${peer}:${progress.state}:${progress.match}`] : [];
    });
    return `${id} ${role} t${term} leader ${leader ?? 'none'} commit ${committed} applied ${applied} last ${lastIndex} voters ${configuration.voters.join()}${configuration.learners.length > 0 ? ` learners ${configuration.learners.join()}` : ''}${peers.length > 0 ? ` progress ${peers.join(' ')}` : ''}`;
  }

  #add(id: string, configuration: Configuration, term = 0, terms: readonly number[] = []): void {
    const snapshot = { index: 0, term: 0, configuration };
    const entries = terms.map((one, at) => ({ term: one, index: at + 1, kind: 'normal' as const, bytes: Buffer.from(`${one}/${at + 1}`) }));
    const initial = { hardState: { term, vote: undefined, commit: 0 }, snapshot, entries };
    this.#actors.set(id, { raft: new Raft({ id, limits: this.#limits, incarnation: '1', random: seededRandom(1, id) }, initial), writes: [] });
  }

  #raft(id: string): Raft {
    const actor = this.#actors.get(id);
    if (!actor) throw new Error(`no node ${id}`);
    return actor.raft;
  }

  #say(id: string, result: unknown): void {
    if (typeof result === 'string') this.#output.push(`${id} refuses: ${result}`);
  }

  #deliverOne(): boolean {
    for (const id of this.#actors.keys()) this.#turn(id);
    const message = this.#wire.shift();
    if (!message) return false;
    const to = this.#actors.get(message.to);
    const arrives = to !== undefined && !this.#cut.has(`${message.from}>${message.to}`);
    this.#output.push(`${arrives ? '' : 'lost '}${messageText(message)}`);
    if (arrives) to.raft.step(message);
    if (message.type === 'snapshot') this.#actors.get(message.from)?.raft.snapshotSent(message.to, arrives);
    return true;
  }

  #disk(id: string): void {
    const actor = this.#actors.get(id);
    const write = actor?.writes.shift();
    if (!actor || !write) return;
    const { hardState, entries } = write;
    const state = hardState ? ` t${hardState.term} vote ${hardState.vote ?? 'none'} commit ${hardState.commit}` : '';
    this.#output.push(`${id} disk${state} [${entries.map((entry) => `${entry.term}/${entry.index}`).join(' ')}]`);
    this.#wire.push(...actor.raft.appended(write));
  }

  #turn(id: string): void {
    const actor = this.#actors.get(id);
    if (!actor) return;
    for (;;) {
      const { messages, write, restore, apply, reads, failedReads, changesDone, snapshotWanted } = actor.raft.ready();
      this.#wire.push(...messages);
      if (write) actor.writes.push(write);
      if (restore) this.#output.push(`${id} restores ${restore.term}/${restore.index}`);
      if (apply.length > 0)
        this.#output.push(
          `${id} applies ${apply.map((entry) => `${entry.term}/${entry.index} ${entry.kind === 'normal' ? `"${Buffer.from(entry.bytes).toString()}"` : 'configuration'}`).join(', ')}`,
        );
      for (const { requestId, index } of reads) this.#output.push(`${id} may read ${requestId} at ${index}`);
      for (const requestId of failedReads) this.#output.push(`${id} cannot read ${requestId}`);
      for (const index of changesDone) this.#output.push(`${id} change ${index} done`);
      for (const peer of snapshotWanted) this.#output.push(`${id} wants a newer snapshot for ${peer}`);
      if (apply.length > 0) actor.raft.applied(apply.at(-1)?.index ?? 0);
      else if (messages.length === 0 && !write) return;
    }
  }
}
