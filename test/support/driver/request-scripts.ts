/** Stories of requests and what is said about them: under one id, about what is not known, when nobody can say. */
import { seededRandom } from '#base/random';
import { Refusal } from '#base/refusal';
import { createConfig } from '#control/configs';
import { Manager } from '#manager/manager';
import { Replica } from '#replica/replica';
import { ReplicatedState } from '#replica/state';
import { create, newMeta, type Action } from '#store/action';
import { Answers } from '#store/answers';
import { Violation, type Guided } from '#test/simulation/tier';
import { encodeEntry } from '#test/support/entry-bytes';
import { MemoryLog } from '../memory-log.ts';
import { silentLogger } from '../silent-logger.ts';
import { VirtualClock } from '../virtual-clock.ts';

function demand(condition: unknown, check: string, message: string): asserts condition {
  if (!condition) throw new Violation(check, message);
}

const config = (name: string) => createConfig({ Name: name, Data: 'eA==' });
const parts = () => ({ clock: new VirtualClock(), random: seededRandom(1), logger: silentLogger });

async function newManager(): Promise<{ manager: Manager; state: ReplicatedState }> {
  const state = new ReplicatedState();
  const log = new MemoryLog(state);
  const onFatal = (error: unknown): void => {
    throw error;
  };
  const manager = new Manager({}, { ...parts(), log, state, stages: [], term: 1, onFatal });
  await log.start();
  manager.start();
  return { manager, state };
}

async function refusalOf(asked: Promise<unknown>): Promise<string> {
  return asked.then(
    () => 'nothing',
    (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
  );
}

export const requestScripts: readonly Guided[] = [
  {
    name: 'one id asked twice at once, and for something else',
    run: async () => {
      const { manager, state } = await newManager();
      const both = await Promise.all([manager.submit(config('a'), 'id', 'asks for a'), manager.submit(config('a'), 'id', 'asks for a')]).catch(
        (error: unknown) => [String(error), ''],
      );
      demand(JSON.stringify(both[0]) === JSON.stringify(both[1]), 'one answer', `asked twice at once: ${JSON.stringify(both)}`);
      const other = await refusalOf(manager.submit(config('b'), 'id', 'asks for b'));
      demand(other === 'alreadyExists', 'one id, one request', `another request under the id is refused with ${other}`);
      demand([...state.store.list('config')].length === 1, 'exactly once', 'the id took effect twice');
      await manager.stop();
    },
  },
  {
    name: 'an entry of a kind that nobody here knows',
    run: async () => {
      const state = new ReplicatedState();
      const bytes = encodeEntry({ actions: [{ type: 'create', kind: 'planet', object: newMeta('p') } as unknown as Action], now: 1 });
      const told = await refusalOf((async () => state.apply({ index: 1, term: 1, bytes }))());
      demand(told === 'failedPrecondition', 'nothing is guessed', `an unknown kind is refused with ${told}`);
    },
  },
  {
    name: 'answers are forgotten in one order, by the times in the log alone, also behind a snapshot',
    run: () => {
      const limits = { count: 3, ageMs: 1000, bytes: 1e6 };
      const [one, other] = [new Answers(limits), new Answers(limits)];
      for (const [at, id] of ['a', 'b', 'c'].entries()) one.add([{ id }], at * 100);
      other.restore(one.all());
      for (const [id, at] of [
        ['d', 1050],
        ['e', 1150],
      ] as const) {
        for (const answers of [one, other]) answers.add([{ id }], at);
      }
      const known = [one, other].map((answers) => answers.all().map(({ id }) => id));
      demand(known.join(' ') === 'c,d,e c,d,e', 'all forget the same', known.join(' and '));
      const usual = new Answers();
      for (const at of [0, 590_000, 610_000]) usual.add([{ id: String(at) }], at);
      const kept = usual.all().map(({ id }) => id);
      demand(kept.join() === '590000,610000', 'answers are kept for ten minutes', kept.join());
    },
  },
  {
    name: 'a version is the index of the entry',
    run: () => {
      const state = new ReplicatedState();
      for (const [at, id] of ['a', 'b'].entries()) {
        const bytes = encodeEntry({ actions: [create('config', { ...newMeta(id), Spec: { Name: id } })], now: 1 });
        void state.apply({ index: 3 + at, term: 1, bytes });
      }
      const versions = [...state.store.list('config')].map(({ Version }) => Version.Index);
      demand(versions.join() === '3,4', 'versions follow the log', versions.join());
    },
  },
  {
    name: 'a disk that fails ends the manager',
    run: async () => {
      let ended: unknown;
      const failing = {
        full: undefined,
        write: () => Promise.reject(new Error('input/output error')),
        snapshot: () => Promise.resolve(),
        receive: () => Promise.resolve(),
        read: async function* () {},
        close: () => Promise.resolve(),
      };
      const initial = (snapshot: Parameters<ConstructorParameters<typeof Replica>[1]['openStorage']>[0]) => ({
        hardState: { term: 0, vote: undefined, commit: 0 },
        snapshot,
        entries: [],
      });
      const openStorage: ConstructorParameters<typeof Replica>[1]['openStorage'] = async (begin) => ({
        storage: failing,
        initial: initial(begin),
        state: undefined,
        warnings: [],
      });
      const given = parts();
      const log = new Replica({ nodeId: 'm1' }, { ...given, stateMachine: new ReplicatedState(), openStorage, onFatal: (error) => (ended = error) });
      let started = 'nothing';
      void refusalOf(log.start()).then((told) => (started = told));
      for (let round = 0; round < 20 && ended === undefined; round++) await given.clock.advance(100);
      await given.clock.advance(100);
      demand(ended instanceof Error && started.includes('input/output error'), 'a failed write is the end', `the start says ${started}, the process goes on`);
    },
  },
];
