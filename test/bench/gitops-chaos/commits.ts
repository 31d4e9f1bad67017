/** Random commits by a seed: good ones, ones that never become healthy, ones that do not render, reverts and rewritten histories; and what the cluster must be like after each. */
import { integerBetween, type Random } from '#base/random';
import type { GitRepository } from '#test/support/git-repository';

export const image = 'shoal-gitops-chaos:1';

/** What a stack's file asks for. */
type Wish = { kind: 'good'; version: number } | { kind: 'failing'; version: number } | { kind: 'broken'; version: number };
type Wishes = Readonly<Record<string, Wish>>;

/** What must run, by stack: one of these versions. More than one where it depends on what was looked at in time. */
export type Wanted = ReadonlyMap<string, readonly number[]>;

const commands = { good: '["/bin/sleep", "100000"]', failing: '["/bin/false"]' };

function fileOf(wish: Wish): string {
  if (wish.kind === 'broken') return `services:\n  web:\n    imago: ${image}\n    labels: { version: "${wish.version}" }\n`;
  return `services:
  web:
    image: ${image}
    command: ${commands[wish.kind]}
    environment: { VERSION: "${wish.version}" }
    labels: { version: "${wish.version}" }
    stop_grace_period: 100ms
    deploy:
      restart_policy: { delay: 100ms, max_attempts: 2 }
      update_config: { monitor: 2s, failure_action: pause }
`;
}

export class Commits {
  readonly #repository: GitRepository;
  readonly #random: Random;
  readonly #names: readonly string[];
  /** Of each commit of the branch, oldest first. */
  #line: { commit: string; wishes: Wishes }[] = [];
  /** What was healthy last, by stack. */
  readonly #good = new Map<string, number>();
  /** Good versions that came since then, and may have been in force before the next commit. */
  readonly #passed = new Map<string, number[]>();
  /** Stacks whose containers a commit since then may replace → how many commits. */
  #touched = new Map<string, number>();
  #version = 0;

  constructor(repository: GitRepository, names: readonly string[], random: Random) {
    this.#repository = repository;
    this.#names = names;
    this.#random = random;
  }

  get head(): string {
    return this.#line.at(-1)?.commit ?? '';
  }

  first(): void {
    this.#commit(Object.fromEntries(this.#names.map((name) => [name, this.#wish('good')])));
  }

  /** One more; what it was, for the journal. */
  next(): string {
    const kind = integerBetween(this.#random, 0, 99);
    if (kind < 45) return this.#change('good');
    if (kind < 63) return this.#change('failing');
    if (kind < 73) return this.#change('broken');
    const depth = integerBetween(this.#random, 1, Math.min(4, this.#line.length - 1));
    const back = this.#line.at(-1 - depth) ?? this.#line[0];
    if (!back) throw new Error('there is no commit');
    if (kind < 87) {
      this.#commit(back.wishes);
      return `reverts to what was ${depth} commits before`;
    }
    const before = this.#line.at(-1)?.wishes ?? {};
    this.#repository.git('reset', '--quiet', '--hard', back.commit);
    this.#touch(before, back.wishes);
    this.#line = this.#line.slice(0, this.#line.indexOf(back) + 1);
    return `force-pushes without the last ${depth}; ${this.#change('good')}`;
  }

  /** Those that commits touched since it was asked last, and how many did. */
  takeTouched(): ReadonlyMap<string, number> {
    const touched = this.#touched;
    this.#touched = new Map();
    return touched;
  }

  /** Whoever asks for the end asks for what can be. */
  last(): void {
    this.#change('good');
  }

  /** What must run when all that was committed is over. */
  wanted(): Wanted {
    const wishes = this.#line.at(-1)?.wishes ?? {};
    return new Map(
      this.#names.flatMap((name) => {
        const wish = wishes[name];
        if (wish?.kind === 'good') return [[name, [wish.version]] as const];
        const good = this.#good.get(name);
        return good === undefined ? [] : [[name, [good, ...(this.#passed.get(name) ?? [])]] as const];
      }),
    );
  }

  /** It is over: what runs has been healthy. */
  settled(running: ReadonlyMap<string, number>): void {
    for (const [name, version] of running) this.#good.set(name, version);
    this.#passed.clear();
  }

  /** Whether every stack's file is one that can become healthy. */
  get allGood(): boolean {
    return Object.values(this.#line.at(-1)?.wishes ?? {}).every(({ kind }) => kind === 'good');
  }

  #change(kind: Wish['kind']): string {
    const before = this.#line.at(-1)?.wishes ?? {};
    const names = this.#names.filter(() => integerBetween(this.#random, 0, this.#names.length) === 0);
    const [any = ''] = [this.#names[integerBetween(this.#random, 0, this.#names.length - 1)]];
    const changed = names.length > 0 ? names : [any];
    this.#commit({ ...before, ...Object.fromEntries(changed.map((name) => [name, this.#wish(kind)])) });
    return `${kind}: ${changed.join(', ')}`;
  }

  /** What does not render touches nothing. */
  #touch(before: Wishes, after: Wishes): void {
    for (const name of this.#names)
      if (before[name] !== after[name] && after[name]?.kind !== 'broken') this.#touched.set(name, (this.#touched.get(name) ?? 0) + 1);
  }

  #wish(kind: Wish['kind']): Wish {
    return { kind, version: (this.#version += 1) };
  }

  #commit(wishes: Wishes): void {
    this.#touch(this.#line.at(-1)?.wishes ?? {}, wishes);
    for (const [name, { kind, version }] of Object.entries(wishes)) if (kind === 'good') this.#passed.set(name, [...(this.#passed.get(name) ?? []), version]);
    const files = Object.fromEntries(this.#names.map((name) => [`stacks/${name}/compose.yml`, fileOf(wishes[name] ?? this.#wish('good'))]));
    this.#line.push({ commit: this.#repository.commit(files), wishes });
  }
}
