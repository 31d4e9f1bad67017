/** The values that a repository's stacks have from a vault. Each version of a stack gets them once, and keeps them with its revision: what the vault says later is of another version. */
import { own } from '#base/text/own';
import { createHash, createHmac } from 'node:crypto';
import type { Clock } from '#base/clock';
import { Retries } from '#base/pace/retries';
import { Refusal } from '#base/refusal';
import { compareTexts } from '#base/text/text';
import type { Cluster } from '#control/cluster';
import { sealingOf } from '#control/sealing';
import { revisionsOf } from '#control/stack/revisions';
import type { VaultPlace } from '#model/object/repository';
import type { SecretSpec } from '#model/object/secret';
import { vaultReferenceOf, type VaultReference } from '#model/options/vault';
import type { RenderedStack } from '#reconciler/rendered';
import { VaultClient, type VaultEntry } from './vault-client.ts';

export interface VaultValuesParts {
  cluster: Cluster;
  clock: Pick<Clock, 'monotonicNow'>;
  signal: AbortSignal;
  /** By its name. */
  repository: string;
  /** Absent: there is none. */
  place?: VaultPlace | undefined;
}

/**
 * `look`: what was not had is asked for once more, where the vault is not away. `drift`: what was said last holds, errors too. `asked`: somebody
 * waits for it, and what was not had is asked for. `known`: nothing is asked, for a commit that nobody has accepted yet.
 */
export type VaultMode = 'look' | 'drift' | 'asked' | 'known';

type View = Awaited<ReturnType<Cluster['read']>>;
type WithSpec = Extract<RenderedStack, { spec: object }>;

interface Value {
  /** base64 */
  data: string;
  version: string;
}

type Entry = VaultEntry | { error: string; away?: true };

/** By reference, as it is written. */
type Values = ReadonlyMap<string, Value | { error: string }>;

const mostPaths = 1000;
const askedAtOnce = 8;
/** Of all values of one commit, in base64. */
const mostBytes = 16 * 1024 * 1024;
/** Of those of one stack: it cannot use up what is left for the others. */
const mostOfOne = 4 * 1024 * 1024;
/** All that one look asks. */
const longestAskingMs = 30_000;
/** A vault that is away keeps nobody waiting again and again. */
const awayTimes = { firstMs: 15_000, slowestMs: 5 * 60_000 };

export class VaultValues {
  readonly #parts: VaultValuesParts;
  readonly #client: VaultClient | undefined;
  /** Stack → what it was given last, for the files that it had then (`asked`). */
  readonly #last = new Map<string, { asked: string; values: Values }>();
  readonly #retries: Retries;
  /** Why the vault was not reached last. */
  #away: string | undefined;
  #renews = false;

  constructor(parts: VaultValuesParts) {
    this.#parts = parts;
    this.#client = parts.place && new VaultClient(parts.place, parts);
    this.#retries = new Retries(awayTimes, parts.clock);
  }

  /** The next look asks, also where the vault was away just now; `renews`: for the newest versions, also where nothing else changed. */
  askNow(renews: boolean): void {
    this.#retries.forget(vaultWord);
    this.#renews ||= renews;
  }

  /** Whether the look that renews is still to come. */
  get renews(): boolean {
    return this.#renews;
  }

  /** The stacks with their values; one that cannot have all of its own is in error. */
  async resolved(stacks: readonly RenderedStack[], mode: VaultMode): Promise<readonly RenderedStack[]> {
    const users = stacks.filter(isUser);
    if (mode === 'look') this.#keepOnly(new Set(stacks.map(({ Name }) => Name)));
    if (users.length === 0) return stacks;
    const view = await this.#parts.cluster.read();
    const renews = mode === 'look' && this.#renews;
    if (renews) this.#renews = false;
    const given = new Map<string, Values>();
    const open: WithSpec[] = [];
    for (const stack of users) {
      const known = renews ? undefined : this.#known(view, stack, mode);
      if (known) given.set(stack.Name, known);
      else open.push(stack);
    }
    const asked = open.length > 0 ? await this.#ask(open.flatMap(referencesOf), view, open, mode) : new Map<string, Value>();
    for (const stack of open) {
      given.set(stack.Name, new Map(referencesOf(stack).map(({ text }) => [text, asked.get(text) ?? { error: 'it was not asked for' }])));
    }
    // What is in force goes first: what is new takes nothing from it.
    bound([...users.filter((stack) => !open.includes(stack)), ...open], given);
    for (const stack of open) if (mode !== 'known') this.#last.set(stack.Name, { asked: stack.digest, values: given.get(stack.Name) ?? new Map() });
    return stacks.map((stack) => (isUser(stack) ? this.#filled(stack, given.get(stack.Name) ?? new Map()) : stack));
  }

  /** A whole commit was read: the others are gone. */
  #keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#last.keys()) if (!names.has(name)) this.#last.delete(name);
  }

  /** What was given to the same version of the stack: lately, or by its newest revision that has these files. */
  #known(view: View, stack: WithSpec, mode: VaultMode): Values | undefined {
    const last = this.#last.get(stack.Name);
    const whole = last && ![...last.values.values()].some((value) => 'error' in value);
    if (last?.asked === stack.digest && (whole || mode === 'drift')) return last.values;
    const revision = revisionsOf(view, stack.Name).findLast(({ Spec }) => Spec.Content.Pinned?.Asked === stack.digest);
    const pinned = revision && pinnedIn(revision.Spec.Content, referencesOf(stack), stack);
    return pinned?.size === referencesOf(stack).length ? pinned : undefined;
  }

  async #ask(references: readonly VaultReference[], view: View, stacks: readonly WithSpec[], mode: VaultMode): Promise<Values> {
    if (mode === 'known') return knownBefore(view, stacks);
    const { repository } = this.#parts;
    const client = this.#client;
    if (!client) {
      const isDeclared = view.byName('repository', repository)?.Parent !== undefined;
      const way = isDeclared
        ? 'one that another declares has a vault only where it follows the same commits, by the same signers, and then that of the other: let an operator add it'
        : `\`shoal repo update ${repository} --vault https://… --vault-token-file FILE\``;
      const error = `repository ${repository} has no vault: ${way}`;
      return new Map(references.map(({ text }) => [text, { error }]));
    }
    const waits = mode === 'look' && !this.#retries.isDue(vaultWord) ? this.#away : undefined;
    const places = new Map<string, VaultReference[]>();
    for (const reference of references) places.set(placeOf(reference), [...(places.get(placeOf(reference)) ?? []), reference]);
    const values = await this.#readAll(client, places, sealingOf(view)?.Identity ?? '', waits);
    return new Map(references.map(({ text }) => [text, values.get(text) ?? { error: `one commit asks for at most ${mostPaths} paths` }]));
  }

  /** Some side by side; where the vault is not reached for one, the others are not tried. `away`: it is not asked at all now, and why. Of what lies at a path only what is named is kept. */
  async #readAll(
    client: VaultClient,
    places: ReadonlyMap<string, readonly VaultReference[]>,
    key: string,
    away: string | undefined,
  ): Promise<Map<string, Value | { error: string }>> {
    const { clock } = this.#parts;
    const values = new Map<string, Value | { error: string }>();
    const left = [...places.values()].slice(0, mostPaths);
    const end = clock.monotonicNow() + longestAskingMs;
    let [why, bytes] = [away, 0];
    client.forget();
    const take = (reference: VaultReference, entry: Entry): void => {
      const value = 'error' in entry ? { error: entry.error } : valueOf(entry, reference, key);
      bytes += 'data' in value ? value.data.length : 0;
      values.set(reference.text, bytes > mostBytes ? { error: `the values of one commit are longer than ${mostBytes} bytes together` } : value);
    };
    const work = async (): Promise<void> => {
      for (let next = left.shift(); next; next = left.shift()) {
        const [reference] = next;
        if (!reference) continue;
        if (why === undefined && clock.monotonicNow() > end) why = `what was asked before it took more than ${longestAskingMs / 1000} s`;
        const entry: Entry = why === undefined ? await this.#read(reference, client) : { error: why };
        if ('away' in entry) why ??= entry.error;
        for (const each of next) take(each, entry);
      }
    };
    // The first one finds out whether anybody is there.
    const rest = left.splice(1);
    await work();
    left.push(...rest);
    await Promise.all(Array.from({ length: askedAtOnce }, work));
    if (away !== undefined) return values;
    this.#away = why;
    if (why === undefined) this.#retries.forget(vaultWord);
    else this.#retries.failed(vaultWord);
    return values;
  }

  async #read(reference: VaultReference, client: VaultClient): Promise<Entry> {
    try {
      return await client.read(reference);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (this.#parts.signal.aborted) throw error;
      return { error: `the vault at ${this.#parts.place?.Address ?? ''}: ${error.message}`, ...(error.facts['away'] === true && { away: true as const }) };
    }
  }

  #filled(stack: WithSpec, values: Values): RenderedStack {
    const errors: string[] = [];
    const Versions: Record<string, string> = {};
    const Secrets = stack.spec.Secrets.map((secret): SecretSpec => {
      const reference = vaultReferenceOf(secret);
      const value = reference && values.get(reference.text);
      if (!reference) return secret;
      if (!value || 'error' in value) {
        errors.push(`${own(stack.Places, secret.Name) ?? stack.Path}: ${reference.text}: ${value?.error ?? 'it was not asked for'}`);
        return secret;
      }
      Versions[reference.text] = value.version;
      const { Driver: _asked, ...rest } = secret;
      return { ...rest, Data: value.data };
    });
    const { spec, digest: Asked, Places: _places, ...rest } = stack;
    if (errors.length > 0) return { ...rest, errors };
    const versions = Object.entries(Versions).toSorted(([a], [b]) => compareTexts(a, b));
    const digest = `sha256:${createHash('sha256')
      .update(JSON.stringify([Asked, versions]))
      .digest('hex')}`;
    return { ...stack, spec: { ...spec, Secrets, Pinned: { Asked, Versions: Object.fromEntries(versions) } }, digest };
  }
}

/** For retries: there is one vault. */
const vaultWord = 'vault';

function placeOf({ path, version }: VaultReference): string {
  return `${path}?${version ?? ''}`;
}

/** What the stacks of a commit may have together, whenever it was had: what is too much is had by none of its stack, and keeps nothing from the others. */
function bound(stacks: readonly WithSpec[], given: Map<string, Values>): void {
  const places = new Set<string>();
  let all = 0;
  for (const stack of stacks) {
    const values = given.get(stack.Name) ?? new Map<string, Value>();
    const bytes = [...values.values()].reduce((sum, value) => sum + ('data' in value ? value.data.length : 0), 0);
    const more = referencesOf(stack).map(placeOf);
    const why =
      bytes > mostOfOne
        ? `the values of one stack are longer than ${mostOfOne} bytes together`
        : all + bytes > mostBytes
          ? `the values of one commit are longer than ${mostBytes} bytes together`
          : new Set([...places, ...more]).size > mostPaths
            ? `one commit asks for at most ${mostPaths} paths`
            : undefined;
    if (why !== undefined) {
      given.set(stack.Name, new Map([...values.keys()].map((text) => [text, { error: why }])));
      continue;
    }
    all += bytes;
    for (const place of more) places.add(place);
  }
}

function isUser(stack: RenderedStack): stack is WithSpec {
  return 'spec' in stack && stack.spec.Secrets.some((secret) => vaultReferenceOf(secret) !== undefined);
}

function referencesOf({ spec }: WithSpec): VaultReference[] {
  return spec.Secrets.flatMap((secret) => vaultReferenceOf(secret) ?? []);
}

/** What a revision was given for these references. */
function pinnedIn(content: WithSpec['spec'], references: readonly VaultReference[], { spec }: WithSpec): Map<string, Value> {
  const values = new Map<string, Value>();
  for (const { text } of references) {
    const name = spec.Secrets.find((secret) => vaultReferenceOf(secret)?.text === text)?.Name;
    const data = content.Secrets.find(({ Name }) => Name === name)?.Data;
    const version = content.Pinned?.Versions[text];
    if (data !== undefined && version !== undefined) values.set(text, { data, version });
  }
  return values;
}

/** For a commit that nobody has accepted: what its stacks have already, and nothing more. */
function knownBefore(view: View, stacks: readonly WithSpec[]): Values {
  const values = new Map<string, Value | { error: string }>();
  for (const stack of stacks) {
    const references = referencesOf(stack);
    for (const { text } of references) values.set(text, { error: 'the vault is asked for it when the commit is followed' });
    for (const { Spec } of revisionsOf(view, stack.Name)) for (const [text, value] of pinnedIn(Spec.Content, references, stack)) values.set(text, value);
  }
  return values;
}

/** `key`: of the cluster: nobody else can try what a fingerprint stands for. */
function valueOf({ values, version }: VaultEntry, { key: name }: VaultReference, key: string): Value | { error: string } {
  const value = Object.hasOwn(values, name) ? values[name] : undefined;
  if (value === undefined) return { error: `there is no key ${name} at that path` };
  if (typeof value !== 'string') return { error: `key ${name} is no text` };
  if (value === '') return { error: `key ${name} is empty` };
  const data = Buffer.from(value, 'utf8').toString('base64');
  return { data, version: version === undefined ? `hmac-sha256:${createHmac('sha256', key).update(data).digest('hex').slice(0, 32)}` : String(version) };
}
