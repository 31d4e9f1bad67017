/** Reads what containers count of their connections to services' addresses: only of those that spoke since, and for no more than a small part of the time. */
import { readFile } from 'node:fs/promises';
import { type Clock, pause } from '#base/clock';
import { containerCountTable, countersIn, serviceCounts, type ServiceCounts } from '#network/rules/count-rules';
import type { VirtualService } from '#network/virtual-services';
import { namespaceOf } from './network-namespace.ts';
import { run } from '../run.ts';

export interface CountingContainer {
  pid: number;
  namespace: string;
  networkIds: readonly string[];
}

interface Spoken extends CountingContainer {
  activity: string;
}

/** A look that took a second is followed by twenty without one. */
const restFactor = 20;
/** Who asks does not wait longer for a look; the next one who asks is told what it found. */
const patienceMs = 1000;
const containersPerProcess = 32;
/** Exit codes above are of those that a signal ended. */
const killed = 128;
const limits = { timeoutMs: 20_000, outputLimitBytes: 4 * 1024 * 1024 };
/** Some thousands of services. A container that may change its own rules has as many counters as it likes. */
const lineLimitBytes = 1024 * 1024;
/** One line for each container: its counters, or why there are none, as an exit code. No container has more than a second of the processor for it, whatever becomes of us. */
const script = `ulimit -t 1; for pid; do nsenter -t "$pid" -n nft -j list counters table ip ${containerCountTable} 2>/dev/null || echo $?; done`;

export class ContainerCounts {
  readonly #clock: Clock;
  /** By network namespace. */
  readonly #seen = new Map<string, { activity: string; counters: ReadonlyMap<string, number> }>();
  /** Network namespaces that have too much to read: not read again. */
  readonly #unreadable = new Set<string>();
  /** By the counter's name, of containers that have ended too. */
  readonly #totals = new Map<string, number>();
  #look: Promise<void> | undefined;
  #restsUntil = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** By the names of `services`; others are forgotten. What a container did between the last look and its end is not known. */
  async read(containers: readonly CountingContainer[], services: readonly VirtualService[]): Promise<ServiceCounts> {
    if (!this.#look && this.#clock.monotonicNow() >= this.#restsUntil) this.#look = this.#lookAt(containers, services);
    if (this.#look) {
      const over = new AbortController();
      await Promise.race([this.#look, pause(this.#clock, patienceMs, over.signal)]);
      over.abort();
    }
    const there = new Set(services.map(({ serviceName }) => serviceName));
    for (const name of this.#totals.keys()) if (!there.has(name.slice(2))) this.#totals.delete(name);
    return serviceCounts(this.#totals);
  }

  async #lookAt(containers: readonly CountingContainer[], services: readonly VirtualService[]): Promise<void> {
    const began = this.#clock.monotonicNow();
    try {
      const there = new Set(containers.map(({ namespace }) => namespace));
      for (const known of [this.#seen, this.#unreadable]) for (const namespace of known.keys()) if (!there.has(namespace)) known.delete(namespace);
      const spoke: Spoken[] = [];
      for (const container of containers) {
        const activity = this.#unreadable.has(container.namespace) ? undefined : await activityOf(container.pid);
        if (activity !== undefined && activity !== this.#seen.get(container.namespace)?.activity) spoke.push({ ...container, activity });
      }
      for (let at = 0; at < spoke.length; at += containersPerProcess) await this.#count(spoke.slice(at, at + containersPerProcess), services);
    } finally {
      const ended = this.#clock.monotonicNow();
      this.#restsUntil = ended + restFactor * (ended - began);
      this.#look = undefined;
    }
  }

  async #count(containers: readonly Spoken[], services: readonly VirtualService[]): Promise<void> {
    const { code, stdout } = await run('sh', ['-c', script, 'sh', ...containers.map(({ pid }) => String(pid))], limits);
    if (code !== 0 && containers.length > 1) {
      // One of them has more than all may have: the others are not to miss theirs.
      const half = Math.ceil(containers.length / 2);
      for (const part of [containers.slice(0, half), containers.slice(half)]) await this.#count(part, services);
      return;
    }
    const lines = stdout.split('\n');
    for (const [at, { pid, namespace, networkIds, activity }] of containers.entries()) {
      const line = lines[at] ?? '';
      const read = code === 0 ? countersOf(line) : undefined;
      // A number that another process has by now tells of another container.
      if ((await namespaceOf(pid)) !== namespace) continue;
      if (!read) {
        this.#unreadable.add(namespace);
        continue;
      }
      // It may write there what it likes: no more is taken than of services that it can ask.
      const own = new Set(services.flatMap(({ serviceName, networkId }) => (networkIds.includes(networkId) ? [serviceName] : [])));
      const counters = new Map([...read].filter(([name]) => own.has(name.slice(2))));
      const before = this.#seen.get(namespace)?.counters;
      for (const [name, count] of counters) this.#totals.set(name, (this.#totals.get(name) ?? 0) + since(before?.get(name), count));
      this.#seen.set(namespace, { activity, counters });
    }
  }
}

/** Of one line; undefined: it is too much for one, or for a second of the processor. Who has no table counts nothing. */
function countersOf(line: string): ReadonlyMap<string, number> | undefined {
  if (line.length > lineLimitBytes) return undefined;
  if (/^\d*$/.test(line)) return Number(line) > killed ? undefined : new Map<string, number>();
  try {
    return countersIn(line);
  } catch {
    return undefined;
  }
}

/** A counter that is lower than it was began anew. */
function since(before: number | undefined, now: number): number {
  return before === undefined || now < before ? now : now - before;
}

/** Figures of the kernel that grow when somebody in the container connects, is reset or sends of his own accord; one who only answers is not read. */
const telling: Readonly<Record<string, readonly string[]>> = { Tcp: ['ActiveOpens', 'AttemptFails', 'EstabResets'], Udp: ['OutDatagrams'], Icmp: ['OutMsgs'] };

/** Undefined: it has ended. */
async function activityOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/net/snmp`, 'utf8').catch(() => undefined);
  const lines = text?.split('\n').map((line) => line.split(' '));
  return (
    lines &&
    Object.entries(telling)
      .flatMap(([part, figures]) => figures.map((figure) => figureIn(lines, part, figure)))
      .join(' ')
  );
}

/** Of two lines for each part: names, then values. */
function figureIn(lines: readonly (readonly string[])[], part: string, figure: string): string | undefined {
  const [names, values] = lines.filter(([first]) => first === `${part}:`);
  return values?.[names?.indexOf(figure) ?? -1];
}
