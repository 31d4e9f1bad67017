/** Stack files to checked specs, beside `docker stack config` on the same files. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadStack } from '#compose/load';
import { median } from './figures.ts';

export interface ComposeFigures {
  readonly what: string;
  readonly oursMs: number;
  readonly dockerMs: number;
  readonly ratio: number;
}

/** Docker's command starts a process a file: of many small ones it reads this many, and the time is scaled. */
const sample = 50;

const service = (number: number): string => `  s${number}:
    image: registry.example.org/app:${number}
    command: ["serve", "--port", "80"]
    environment: { A: "1", B: "two", NUMBER: "${number}" }
    ports: ["${20_000 + number}:80"]
    networks: [front]
    labels: { team: "t${number % 7}" }
    healthcheck: { test: [CMD, "true"], interval: 5s }
    deploy: { replicas: 3, resources: { limits: { cpus: "0.5", memory: 64M } }, update_config: { parallelism: 1, order: start-first } }
`;

const file = (services: readonly number[]): string => `version: "3.8"\nservices:\n${services.map(service).join('')}networks:\n  front: {}\n`;

function ours(path: string, mode: 'strict' | 'spec'): void {
  const result = loadStack({
    mode,
    stack: 'bench',
    files: [{ path, bytes: readFileSync(path) }],
    directory: tmpdir(),
    environment: {},
    read: () => ({ error: 'no such file' }),
    rotate: false,
  });
  if (!result.stack) throw new Error(`${path}: ${JSON.stringify(result.diagnostics[0])}`);
}

const dockers = (path: string): void => void execFileSync('docker', ['stack', 'config', '-c', path], { stdio: ['ignore', 'ignore', 'pipe'] });

function timed(run: () => void): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

/** Undefined where there is no such docker command. */
export function benchCompose(rounds = 3): ComposeFigures[] | undefined {
  if (spawnSync('docker', ['stack', 'config', '--help'], { stdio: 'ignore' }).status !== 0) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'shoal-bench-'));
  const write = (name: string, services: readonly number[]): string => {
    const path = join(folder, name);
    writeFileSync(path, file(services));
    return path;
  };
  const big = write(
    'big.yml',
    Array.from({ length: 500 }, (_, number) => number),
  );
  const small = Array.from({ length: 1000 }, (_, number) => write(`small${number}.yml`, [number]));
  const some = small.slice(0, sample);
  const figures = (['strict', 'spec'] as const).flatMap((mode) => {
    const rows = Array.from({ length: rounds }, () => ({
      big: [timed(() => ours(big, mode)), timed(() => dockers(big))],
      small: [timed(() => small.forEach((path) => ours(path, mode))), (timed(() => some.forEach(dockers)) * small.length) / sample],
    }));
    const row = (what: string, pick: (round: (typeof rows)[number]) => readonly number[]): ComposeFigures => {
      const [oursMs, dockerMs] = [0, 1].map((side) => median(rows.map((round) => pick(round)[side] ?? 0)));
      return { what, oursMs: oursMs ?? 0, dockerMs: dockerMs ?? 0, ratio: (oursMs ?? 0) / (dockerMs || 1) };
    };
    return [row(`500 services in one file, ${mode} mode`, (round) => round.big), row(`1000 files of one service, ${mode} mode`, (round) => round.small)];
  });
  rmSync(folder, { recursive: true, force: true });
  return figures;
}
