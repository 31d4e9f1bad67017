/** Clients that append to lists in configs' labels and read them, and what their answers must have in common. */
import { integerBetween, type Random } from '#base/random';
import { Refusal } from '#base/refusal';
import { createConfig, updateConfig } from '#control/configs';
import type { UseCase } from '#control/cluster';
import { createService, updateService } from '#control/service/services';
import type { View } from '#store/view';
import { Violation } from '#test/simulation/tier';
import type { DriverWorld, Machine } from './driver-world.ts';

interface Append {
  key: string;
  token: string;
  from: number;
  /** Infinity while nobody answered. */
  to: number;
  /** lost: refused, so surely without effect. */
  outcome: 'done' | 'unknown' | 'lost';
}

interface Read {
  key: string;
  from: number;
  to: number;
  seen: readonly string[] | undefined;
}

/** A client that gets no answer waits that long. */
const patienceMs = 2500;

export class Clients {
  readonly appends: Append[] = [];
  readonly reads: Read[] = [];
  readonly counts = { appends: 0, reads: 0, unknown: 0, repeated: 0, conflicts: 0, creates: 0, refusedNames: 0 };
  readonly #world: DriverWorld;
  readonly #random: Random;
  /** Names that were acknowledged, and those that somebody asked for. */
  readonly #created = new Map<string, number>();
  #tokens = 0;
  #stopped = false;
  #running = 0;

  constructor(world: DriverWorld, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  begin(count: number): void {
    for (let at = 0; at < count; at++) void this.#client();
  }

  /** Resolves when every client has its last answer. */
  async end(): Promise<void> {
    this.#stopped = true;
    const limit = this.#world.time.now + 30_000;
    while (this.#running > 0) {
      if (this.#world.time.now > limit) throw new Violation('answers', `${this.#running} clients still wait for an answer`);
      await this.#world.run(500);
    }
  }

  /** What was acknowledged and `store` lacks; undefined when it has all. */
  acknowledgedAbove(store: View): string | undefined {
    for (const name of this.#created.keys()) if (!store.byName('config', name)) return `config ${name}`;
    for (const { key, token, outcome } of this.appends) if (outcome === 'done' && !listOf(store, key)?.includes(token)) return `${token} in ${key}`;
    return undefined;
  }

  async #client(): Promise<void> {
    this.#running++;
    try {
      while (!this.#stopped) {
        await this.#world.pause(this.#random.next() * 60);
        await this.#act();
      }
    } catch (error) {
      this.#world.break(error);
    } finally {
      this.#running--;
    }
  }

  async #act(): Promise<void> {
    const keys = [...this.#created.keys()];
    const draw = this.#random.next();
    const key = keys[Math.floor(this.#random.next() * keys.length)];
    if (key === undefined || (draw < 0.06 && keys.length < 12)) return this.#create(`k${keys.length + 1}`);
    if (draw < 0.12) return this.#service();
    return draw < 0.5 ? this.#read(key) : this.#append(key);
  }

  /** Who should be asked: mostly the leader, now and then anybody. */
  #target(): Machine {
    const leader = this.#world.leader();
    if (leader && this.#random.next() < 0.9) return leader;
    const { machines } = this.#world;
    return machines[integerBetween(this.#random, 0, machines.length - 1)] as Machine;
  }

  /** Two clients may ask for one name; whoever is refused must be so because it is there. */
  async #create(name: string): Promise<void> {
    const target = this.#target();
    try {
      await this.#ask(target, () => createConfig({ Name: name, Data: 'eA==', Labels: { list: '' } }));
      this.#created.set(name, this.#world.time.now);
      this.counts.creates++;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.code !== 'alreadyExists') return;
      this.counts.refusedNames++;
      if (!this.#world.machines.some(({ state }) => state?.store.byName('config', name))) {
        throw new Violation('honest refusal', `${target.id} says that ${name} exists, and no manager has it`);
      }
      this.#created.set(name, this.#world.time.now);
    }
  }

  /** Tasks and their indexes come and go too. */
  async #service(): Promise<void> {
    const name = `s${integerBetween(this.#random, 1, 3)}`;
    const replicas = integerBetween(this.#random, 0, 4);
    const spec = { Name: name, TaskTemplate: { ContainerSpec: { Image: 'app' } }, Mode: { Replicated: { Replicas: replicas } } };
    try {
      await this.#ask<unknown>(this.#target(), () => (view, context) => {
        const service = view.byName('service', name);
        return service ? updateService(service.ID, service.Version.Index, spec)(view, context) : createService(spec)(view, context);
      });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }

  async #append(key: string): Promise<void> {
    const token = `t${++this.#tokens}`;
    const append: Append = { key, token, from: this.#world.time.now, to: Infinity, outcome: 'unknown' };
    try {
      const view = await this.#world.limited(() => this.#target().seat?.read(), patienceMs);
      const config = view.byName('config', key);
      if (!config) throw new Violation('acknowledged', `${key} was acknowledged and a read does not find it`);
      const { ID, Version, Spec } = config;
      const list = [Spec.Labels?.['list'] ?? '', token].join(' ').trim();
      append.from = this.#world.time.now;
      this.appends.push(append);
      await this.#ask(this.#target(), () => updateConfig(ID, Version.Index, { Name: key, Labels: { list } }));
      append.outcome = 'done';
      append.to = this.#world.time.now;
      this.counts.appends++;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.code === 'notFound') throw new Violation('acknowledged', `${key} was acknowledged, and an append is told ${error.message}`);
      // Once there was no answer, a refusal says something only of the last try.
      if (error.message.includes('out of sequence')) {
        append.outcome = 'lost';
        this.counts.conflicts++;
      } else if (error.facts['outcome'] === 'unknown') this.counts.unknown++;
    }
  }

  async #read(key: string): Promise<void> {
    const from = this.#world.time.now;
    try {
      const view = await this.#world.limited(() => this.#target().seat?.read(), patienceMs);
      this.reads.push({ key, from, to: this.#world.time.now, seen: listOf(view, key) });
      this.counts.reads++;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }

  /** Asks, and asks again under the same id when there is no answer, when it is lost, or when nobody knows. */
  async #ask<R>(first: Machine, useCase: () => UseCase<R>): Promise<R> {
    const id = `r${++this.#tokens}`;
    let answer: { result: R } | undefined;
    for (let tries = 1, target = first; ; tries++, target = this.#target()) {
      try {
        const result = await this.#world.submit(target, useCase(), id, patienceMs);
        this.#world.note(`${id} ${this.#world.time.now}`);
        if (answer && JSON.stringify(answer.result) !== JSON.stringify(result)) {
          throw new Violation('one answer', `${id} was answered ${JSON.stringify(answer.result)} and then ${JSON.stringify(result)}`);
        }
        answer = { result };
        // The reply is lost on its way.
        if (this.#random.next() >= 0.08) return result;
        this.counts.repeated++;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        if (answer && error.code !== 'unavailable') throw new Violation('one answer', `${id} was done, and asked again it is told: ${error.message}`);
        if (error.code !== 'unavailable') throw error;
        if (tries >= 6) {
          if (answer) return answer.result;
          throw error;
        }
        await this.#world.pause(50 + this.#random.next() * 400);
      }
    }
  }

  /** What everybody was told must fit one order of all appends, in which nothing happens before it was asked for or after it was answered. */
  check(store: View): void {
    for (const key of this.#created.keys()) this.#checkKey(key, listOf(store, key) ?? []);
  }

  #checkKey(key: string, final: readonly string[]): void {
    const place = new Map(final.map((token, at) => [token, at]));
    if (place.size !== final.length) throw new Violation('exactly once', `${key} holds a token twice: ${final.join(' ')}`);
    const appends = this.appends.filter((append) => append.key === key);
    for (const { token, outcome } of appends) {
      if (outcome === 'done' && !place.has(token)) throw new Violation('nothing lost', `${token} was acknowledged and is not in ${key}: ${final.join(' ')}`);
      if (outcome === 'lost' && place.has(token)) throw new Violation('refused is refused', `${token} was refused and is in ${key}: ${final.join(' ')}`);
    }
    for (const one of appends) {
      const at = place.get(one.token);
      const late = at === undefined ? undefined : appends.find((other) => (place.get(other.token) ?? -1) > at && other.to < one.from);
      if (late) throw new Violation('order', `${late.token} was acknowledged before ${one.token} was asked for, and stands behind it in ${key}`);
    }
    const reads = this.reads.filter((read) => read.key === key);
    for (const read of reads) this.#checkRead(read, final, appends);
    const byEnd = reads.toSorted((a, b) => a.to - b.to);
    for (const later of reads) {
      const earlier = byEnd.find((read) => read.to < later.from && (read.seen?.length ?? 0) > (later.seen?.length ?? 0));
      if (earlier)
        throw new Violation('reads go forward', `${key} had ${earlier.seen?.length} tokens in a read that ended before one that saw ${later.seen?.length}`);
    }
  }

  #checkRead({ key, from, to, seen }: Read, final: readonly string[], appends: readonly Append[]): void {
    const created = this.#created.get(key) ?? Infinity;
    if (!seen) {
      if (created < from) throw new Violation('fresh reads', `${key} was acknowledged at ${created} and a read at ${from} does not find it`);
      return;
    }
    if (seen.some((token, at) => token !== final[at]))
      throw new Violation('reads see one history', `${key}: a read saw ${seen.join(' ')}, and it came to ${final.join(' ')}`);
    for (const append of appends) {
      if (append.to < from && !seen.includes(append.token))
        throw new Violation('fresh reads', `${append.token} was acknowledged in ${key} before a read began that does not see it`);
      if (append.from > to && seen.includes(append.token))
        throw new Violation('reads see the past', `a read of ${key} saw ${append.token} before it was asked for`);
    }
  }
}

function listOf(view: View, key: string): string[] | undefined {
  const text = view.byName('config', key)?.Spec.Labels?.['list'];
  return text === undefined ? undefined : text.split(' ').filter(Boolean);
}
