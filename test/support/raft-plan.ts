/** What will go wrong in one seed, drawn before the run as a list: a failing seed can be played again with less of it. */
import { integerBetween, type Random } from '#base/random';
import { defaultLimits, type Limits } from '#raft/core';
import type { Faults } from './faults.ts';

export const tickTime = 100;

/** What holds for a whole run. */
export interface Knobs {
  /** First voters. */
  readonly size: number;
  readonly limits: Limits;
  readonly loss: number;
  readonly duplicate: number;
  readonly longDelay: number;
  readonly slowDisk: number;
  /** Chance that a member gathers several messages into one turn. */
  readonly batch: number;
  /** Share by which members' clocks may be fast or slow. */
  readonly drift: number;
  readonly snapshotEvery: number;
  readonly keepEntries: number;
  /** Entries applied in one go; the rest waits for a later turn. */
  readonly applySlice: number;
  /** Chance that a report on a snapshot is wrong, or comes only after 80 ticks. */
  readonly falseReport: number;
  /** Chance that a lost message is reported as unreachable. */
  readonly unreachable: number;
  /** A member that was removed loses its disk once the change is done. */
  readonly destroyRemoved: boolean;
  /** A leader whose disk stalls gives up. */
  readonly stepDownOnStall: boolean;
  /** After the faults everybody comes back, or only just enough of them. */
  readonly heal: 'all' | 'majority';
}

export const cutShapes = ['halves', 'one', 'oneWay', 'bridge', 'chain', 'links'] as const;
export const changeKinds = ['join', 'join', 'promote', 'promote', 'demote', 'remove', 'removeLeader', 'readd'] as const;

/** One event of the plan. `pick` chooses among whoever is there at the time, so that it means something in every run. */
export interface Happening {
  readonly at: number;
  readonly kind: 'crash' | 'crashAll' | 'cut' | 'freeze' | 'stall' | 'old' | 'write' | 'read' | 'transfer' | 'stepDown' | 'forget' | 'campaign' | 'change';
  readonly pick: number;
  /** Second choice: shape of a cut, kind of a change, which message. */
  readonly way: number;
  readonly ticks: number;
}

export interface Plan {
  readonly seed: number;
  readonly knobs: Knobs;
  readonly happenings: readonly Happening[];
}

const faultTicks = 160;

/** Happenings per tick at most, and how many ticks each lasts at most. */
const rates: readonly (readonly [Happening['kind'], number, number])[] = [
  ['crash', 0.12, 40],
  ['crashAll', 0.008, 10],
  ['cut', 0.06, 60],
  ['freeze', 0.04, 40],
  ['stall', 0.02, 80],
  ['old', 0.3, 0],
  ['transfer', 0.05, 0],
  ['stepDown', 0.01, 0],
  ['forget', 0.03, 0],
  ['campaign', 0.02, 0],
  ['change', 0.2, 0],
];

export function drawPlan(seed: number, root: Random): Plan {
  const random = root.split('knobs');
  const some = (top: number): number => (random.next() < 0.5 ? 0 : random.next() * top);
  const small = random.next() < 0.5;
  const limits: Limits = {
    ...defaultLimits,
    electionTicks: integerBetween(random, 8, 12),
    maxAppendBytes: small ? 1 : integerBetween(random, 20, 400),
    window: small ? { messages: integerBetween(random, 1, 3), bytes: 1000 } : { messages: 64, bytes: integerBetween(random, 50, 500) },
    maxApplyBytes: small ? 1 : 10_000,
    maxReads: random.next() < 0.8 ? 10_000 : 3,
    maxUncommittedBytes: random.next() < 0.7 ? 1_000_000 : 60,
  };
  const knobs: Knobs = {
    size: [1, 2, 3, 3, 3, 4, 5, 5][integerBetween(random, 0, 7)] ?? 3,
    limits,
    loss: some(0.3),
    duplicate: some(0.2),
    longDelay: some(0.2),
    slowDisk: some(0.5),
    batch: some(0.9),
    drift: some(0.2),
    snapshotEvery: random.next() < 0.4 ? 1e9 : integerBetween(random, 3, 30),
    keepEntries: integerBetween(random, 0, 5),
    applySlice: random.next() < 0.5 ? 1e9 : integerBetween(random, 1, 3),
    falseReport: some(0.3),
    unreachable: some(0.5),
    destroyRemoved: random.next() < 0.5,
    stepDownOnStall: random.next() < 0.5,
    heal: random.next() < 0.5 ? 'all' : 'majority',
  };
  return { seed, knobs, happenings: drawHappenings(root) };
}

/** Each kind from a stream of its own; half of the kinds are off in a seed, so that the rest is explored alone. */
function drawHappenings(root: Random): Happening[] {
  const all: Happening[] = [];
  const add = (random: Random, at: number, kind: Happening['kind'], longest: number): void => {
    const ticks = 1 + Math.floor(longest * random.next() ** 2);
    all.push({ at, kind, pick: integerBetween(random, 0, 1e6), way: integerBetween(random, 0, 1e6), ticks });
  };
  for (const [kind, top, longest] of rates) {
    const random = root.split(`plan ${kind}`);
    const rate = random.next() < 0.5 ? 0 : random.next() * top;
    for (let tick = 1; tick < faultTicks; tick++) if (random.next() < rate) add(random, Math.floor((tick + random.next()) * tickTime), kind, longest);
  }
  const clients = root.split('plan clients');
  const pace = 0.1 + clients.next();
  for (let at = tickTime; at < faultTicks * tickTime; at += integerBetween(clients, 1, Math.ceil((2 * tickTime) / pace))) {
    add(clients, at, clients.next() < 0.7 ? 'write' : 'read', 0);
  }
  return all.sort((a, b) => a.at - b.at);
}

/** How a knob stands when it makes nothing go wrong. */
const quiet: Partial<Knobs> = {
  loss: 0,
  duplicate: 0,
  longDelay: 0,
  slowDisk: 0,
  batch: 0,
  drift: 0,
  falseReport: 0,
  unreachable: 0,
  applySlice: 1e9,
  snapshotEvery: 1e9,
  destroyRemoved: false,
  heal: 'all',
};

/** The plan with those of its happenings and loud knobs that `faults` lets be. */
export function withFaults(plan: Plan, faults: Faults): Plan {
  const happenings = plan.happenings.filter((happening, at) => faults.strikes(`${happening.kind}.${at}`, () => happeningText(happening)));
  const loud = Object.entries(quiet).filter(([name, calm]) => plan.knobs[name as keyof Knobs] !== calm);
  const calmed = loud.filter(([name]) => !faults.strikes(`knob.${name}`, () => JSON.stringify(plan.knobs[name as keyof Knobs])));
  return { ...plan, knobs: { ...plan.knobs, ...Object.fromEntries(calmed) }, happenings };
}

function happeningText({ at, kind, pick, way, ticks }: Happening): string {
  return `${(at / tickTime).toFixed(2)} ${kind} pick ${pick} way ${way} for ${ticks} ticks`;
}
