/** A manager on a real disk in a process of its own, with a thousand configs and the API's socket; measures `Manager.submit` when told to. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { join } from 'node:path';
import { ApiServer } from '#api/server';
import { silentLogger } from '#test/support/silent-logger';
import { seededRandom } from '#base/random';
import { initCluster } from '#control/clusters';
import { createConfig, updateConfig } from '#control/configs';
import { startManager } from '#test/support/disk-manager';
import { testDescription } from '#test/support/memory-cluster';
import { realClock } from '#test/support/real-clock';
import { figuresOf, runWriters, type Command, type Reply } from './writers.ts';

const [folder = ''] = process.argv.slice(2);
const nodeId = 'node-one';
const configs = 1000;
const onFatal = (error: unknown): never => {
  throw error;
};
const manager = await startManager({ folder: join(folder, 'raft'), nodeId }, { clock: realClock, random: seededRandom(1), logger: silentLogger, onFatal });
const { cluster } = manager;
await cluster.submit(initCluster({ nodeId, address: '127.0.0.1', description: testDescription }));
const made = await Promise.all(Array.from({ length: configs }, (_, at) => cluster.submit(createConfig({ Name: `config-${at}`, Data: 'eA==' }))));
const ids = made.map(({ ID }) => ID);
const nobody = (): never => {
  throw new Error('nobody asks for this here');
};
const api = new ApiServer(
  { socketPath: join(folder, 'api.sock'), version: '0.1.0' },
  {
    cluster,
    swarm: {
      status: () => ({ LocalNodeState: 'active', NodeID: nodeId, NodeAddr: '', ControlAvailable: true, Error: '' }),
      init: nobody,
      join: nobody,
      leave: nobody,
    },
    engineSocket: join(folder, 'no-engine.sock'),
    logs: { open: nobody },
    reconciler: { sync: nobody, waiting: nobody, planCommit: nobody, commits: nobody, git: nobody, adoption: nobody, plan: nobody },
    reconcileEvents: { watch: () => () => undefined },
    metrics: { raftIndex: () => 0, leads: manager.leads, readOnly: () => false, network: async () => [] },
    logger: silentLogger,
    clock: realClock,
  },
);
await api.start();
const view = await cluster.read();
const turns = monitorEventLoopDelay({ resolution: 5 });

/** One label of one config becomes `text`. */
async function update(id: string, text: string): Promise<void> {
  const config = view.get('config', id);
  if (config) await cluster.submit(updateConfig(id, config.Version.Index, { ...config.Spec, Labels: { label: text } }));
}

process.on('message', (command: Command) => void answer(command));

async function answer(command: Command): Promise<void> {
  if (command.type === 'begin') {
    turns.reset();
    turns.enable();
    return reply({ ids });
  }
  if (command.type === 'submit') {
    const figures = await runWriters({ ...command, keys: ids }, update);
    return reply({ figures });
  }
  turns.disable();
  return reply({ rssMB: process.memoryUsage.rss() / 2 ** 20, longestTurnMs: turns.max / 1e6 });
}

function reply(message: Reply): void {
  process.send?.(message);
}

reply({ figures: figuresOf([], 1) });
