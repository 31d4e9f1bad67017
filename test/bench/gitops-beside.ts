/** A commit that touches one of a hundred stacks, as it is followed here, beside what was done before: a loop of `docker stack deploy` over all of them, against a real Docker Swarm. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { second } from '#base/text/duration';
import { createRepository } from '#control/repository/repositories';
import { GitOps } from '#gitops/gitops';
import { gitWorkerProgram } from '#test/support/git-worker-program';
import { instantly } from '#test/support/instant-services';
import { initialisedCluster } from '#test/support/memory-cluster';
import { realClock } from '#test/support/real-clock';
import { silentLogger } from '#test/support/silent-logger';
import { startHost } from '../support/machine.mjs';
import { median } from './figures.ts';
import { Repository } from './gitops.ts';

export interface BesideFigures {
  readonly stacks: number;
  readonly loopMs: number;
  /** From a commit that touches one until that is deployed. */
  readonly touchedMs: number;
  /** A look that finds nothing new, as all of the loop does. */
  readonly noOpMs: number;
}

const stacks = 100;
const rounds = 5;

export async function benchBeside(): Promise<BesideFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-bench-'));
  const host = await startHost();
  try {
    // No task runs in either: what is measured is what is asked and compared.
    const repository = new Repository(join(folder, 'beside'), stacks, 'deploy: { replicas: 0 }, ');
    host.docker(['swarm', 'init', '--advertise-addr', '127.0.0.1']);
    const loop = (): number => {
      const began = performance.now();
      for (let stack = 0; stack < stacks; stack++) {
        const file = join(repository.folder, 'stacks', `beside-${stack}`, 'compose.yml');
        execFileSync('docker', ['-H', `unix://${host.socket}`, 'stack', 'deploy', '--resolve-image', 'never', '-c', file, `beside-${stack}`], {
          stdio: 'ignore',
        });
      }
      return performance.now() - began;
    };
    loop();
    const loopMs = loop();
    return { stacks, loopMs, ...(await ours(folder, repository)) };
  } finally {
    await host.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function ours(folder: string, repository: Repository): Promise<Pick<BesideFigures, 'touchedMs' | 'noOpMs'>> {
  const cluster = initialisedCluster({ clock: realClock, stages: [instantly] });
  const places = { folder: join(folder, 'state'), run: join(folder, 'run'), program: gitWorkerProgram() };
  const gitops = new GitOps(places, { cluster, clock: realClock, logger: silentLogger });
  try {
    await gitops.start();
    cluster.run(createRepository({ Name: 'beside', URL: repository.folder, Branch: 'main', Path: 'stacks', Interval: 3600 * second }));
    await gitops.sync('beside');
    const touched: number[] = [];
    const noOp: number[] = [];
    for (let round = 0; round < rounds; round++) {
      repository.write(7, round + 2);
      repository.commit();
      const began = performance.now();
      await gitops.sync('beside');
      touched.push(performance.now() - began);
      const again = performance.now();
      await gitops.sync('beside');
      noOp.push(performance.now() - again);
    }
    return { touchedMs: median(touched), noOpMs: median(noOp) };
  } finally {
    await gitops.stop();
  }
}
