/** An API server over a cluster in memory on a socket of its own, and the docker CLI aimed at it. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { Refusal } from '#base/refusal';
import { ApiServer } from '#api/server';
import type { Limits } from '#api/limits';
import type { Dependencies, ReconcileEvent, SwarmStatus, TaskLogLine, TaskLogOptions } from '#api/dependencies';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { silentLogger } from './silent-logger.ts';
import type { Endpoint } from '#http/endpoint';
import { newMeta, create, remove, type Action } from '#store/action';
import type { Stage } from '#store/stage';
import type { Service } from '#model/object/service';
import type { Task } from '#model/object/task';
import { deployPlanner } from '#gitops/plan';
import { initialisedCluster, type MemoryCluster } from './memory-cluster.ts';
import { realClock } from './real-clock.ts';

export const wallClock = {
  now: () => Date.now(),
  monotonicNow: () => performance.now(),
  after(delayMs: number, run: () => void) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  soon: (run: () => void) => void setImmediate(run),
};

/** Makes every service's tasks run at once on the one node: the shortest orchestrator there is. */
export const instantTasks: Stage = (view, context) => {
  const actions: Action[] = [];
  const [node] = view.list('node');
  for (const task of view.list('task')) {
    const service = view.get('service', task.ServiceID);
    const wanted = service && (task.Slot ?? 1) <= replicasOf(service);
    if (!wanted || task.Shoal.SpecVersion !== service.Shoal.SpecVersion) actions.push(remove('task', task.ID));
  }
  for (const service of view.list('service')) {
    const present = new Set(
      [...view.tasksOfService(service.ID)].filter((task) => task.Shoal.SpecVersion === service.Shoal.SpecVersion).map((task) => task.Slot),
    );
    for (let slot = 1; slot <= replicasOf(service); slot++) {
      if (!present.has(slot)) actions.push(create('task', runningTask(service, { id: context.newId(), slot, nodeId: node?.ID ?? '', now: context.now })));
    }
  }
  return { actions };
};

function replicasOf(service: Service): number {
  return service.Spec.Mode?.Global ? 1 : (service.Spec.Mode?.Replicated?.Replicas ?? 1);
}

/** A task of `service` that runs. */
export function runningTask(service: Service, { id, slot, nodeId, now }: { id: string; slot: number; nodeId: string; now: number }): Task {
  return {
    ...newMeta(id),
    Spec: service.Spec.TaskTemplate,
    ServiceID: service.ID,
    Slot: slot,
    NodeID: nodeId,
    Status: {
      Timestamp: new Date(now).toISOString(),
      State: 'running',
      Message: 'started',
      ContainerStatus: { ContainerID: `c-${id}`, PID: 42 },
      Shoal: { AppliedAt: now },
    },
    DesiredState: 'running',
    Shoal: {
      ServiceName: service.Spec.Name,
      ServiceLabels: service.Spec.Labels ?? {},
      SpecVersion: service.Shoal.SpecVersion,
      RegistryAuth: 'canary-registry-auth',
    },
  };
}

export interface ApiFixture {
  cluster: MemoryCluster;
  socketPath: string;
  folder: string;
  status: SwarmStatus;
  /** Log lines by task id; `open` follows what is pushed later. */
  logs: Map<string, TaskLogLine[]>;
  /** Tasks whose nodes are cut off once, when their lines were told. */
  cutOff: Set<string>;
  logRequests: { taskId: string; options: TaskLogOptions }[];
  /** What another node of the cluster carries to this one comes by it. */
  connected(stream: Duplex): void;
  emit(event: ReconcileEvent): void;
  synced: string[];
  /** What was logged at warn and error. */
  complaints: string[];
  http(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<HttpReply>;
  docker(...args: string[]): Promise<CommandResult>;
  file(name: string, text: string): Promise<string>;
  stop(): Promise<void>;
}

export interface HttpReply {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  json: any; // oxlint-disable-line no-explicit-any -- a reply under test may be anything
}

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Starts one; `engineSocket` is a path where nothing answers unless given. */
export async function startApi(
  options: {
    engineSocket?: string;
    engineEndpoint?: Endpoint;
    besideSwarm?: boolean;
    cluster?: MemoryCluster;
    status?: Partial<SwarmStatus>;
    limits?: Limits;
    clock?: Clock;
    waiting?: Dependencies['reconciler']['waiting'];
    planCommit?: Dependencies['reconciler']['planCommit'];
    git?: Dependencies['reconciler']['git'];
    /** Absent: it leads. */
    leader?: Dependencies['leader'];
    /** Absent: there are no other nodes. */
    nodes?: Dependencies['nodes'];
    registries?: Dependencies['registries'];
    /** Hears what is logged at warn and error. */
    tell?: (line: string) => void;
  } = {},
): Promise<ApiFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-api-'));
  const socketPath = join(folder, 'shoal.sock');
  const cluster = options.cluster ?? initialisedCluster({ stages: [instantTasks] });
  const status: SwarmStatus = { LocalNodeState: 'active', NodeID: 'node-one', NodeAddr: '192.168.7.1', ControlAvailable: true, Error: '', ...options.status };
  const listeners = new Set<(event: ReconcileEvent) => void>();
  const state = {
    logs: new Map<string, TaskLogLine[]>(),
    cutOff: new Set<string>(),
    logRequests: [] as ApiFixture['logRequests'],
    synced: [] as string[],
    complaints: [] as string[],
  };
  const dependencies: Dependencies = {
    cluster,
    swarm: {
      status: () => status,
      init: async () => {
        Object.assign(status, { LocalNodeState: 'active', ControlAvailable: true, NodeID: 'node-one', NodeAddr: '192.168.7.1' });
        return 'node-one';
      },
      join: async () => void Object.assign(status, { LocalNodeState: 'active', ControlAvailable: false, NodeID: 'node-two', NodeAddr: '192.168.7.2' }),
      leave: async () => void Object.assign(status, { LocalNodeState: 'inactive', ControlAvailable: false, NodeID: '', NodeAddr: '' }),
    },
    custody: {
      unlock: async () => void Object.assign(status, { LocalNodeState: 'active', ControlAvailable: true }),
      async *backup(passphrase) {
        yield Buffer.from(`backup of ${passphrase}`);
      },
      restore: async (_request, file) => {
        for await (const _part of file);
        return { NodeID: 'node-one', Known: true, TakenAt: '2026-01-01T00:00:00Z', Containers: 1, Nodes: ['two'], Foreign: [] };
      },
    },
    engineSocket: options.engineSocket ?? join(folder, 'no-engine.sock'),
    ...(options.engineEndpoint && { engineEndpoint: options.engineEndpoint }),
    ...(options.registries && { registries: options.registries }),
    ...(options.leader && { leader: options.leader }),
    ...(options.nodes && { nodes: options.nodes }),
    logs: {
      async *open(task, logOptions, signal) {
        state.logRequests.push({ taskId: task.ID, options: logOptions });
        const lines = state.logs.get(task.ID);
        if (!lines) throw new Error('node is not available');
        yield* lines;
        if (state.cutOff.delete(task.ID)) throw new Refusal('unavailable', 'node n disconnected unexpectedly', { node: 'n' });
        if (logOptions.follow && !signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      },
    },
    reconciler: {
      sync: async (name, renews) => void state.synced.push(renews ? `${name}, renewed` : name),
      waiting: options.waiting ?? (() => undefined),
      planCommit:
        options.planCommit ?? (async (repository, ref = '') => ({ repository, commit: ref, stacks: [{ name: 'shop', step: 'remove', reason: 'it is gone' }] })),
      commits: async () => ({ Commits: [] }),
      git: options.git ?? (async () => undefined),
      adoption: async () => [],
      plan: deployPlanner(cluster, realClock),
    },
    reconcileEvents: {
      watch(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    metrics: { raftIndex: () => cluster.store.index, leads: () => true, readOnly: () => false, network: async () => [] },
    logger: collectingLogger(state.complaints, options.tell),
    clock: options.clock ?? wallClock,
  };
  const server = new ApiServer(
    { socketPath, version: '0.1.0', ...(options.besideSwarm && { besideSwarm: true }), ...(options.limits && { limits: options.limits }) },
    dependencies,
  );
  await server.start();
  return {
    cluster,
    socketPath,
    folder,
    status,
    ...state,
    connected: (stream) => server.connected(stream),
    emit: (event) => listeners.forEach((listener) => listener(event)),
    http: (method, path, body, headers) => httpCall(socketPath, method, path, body, headers),
    docker: (...args) => runDocker(socketPath, folder, args),
    async file(name, text) {
      const path = join(folder, name);
      await writeFile(path, text);
      return path;
    },
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function collectingLogger(complaints: string[], tell: (line: string) => void = () => undefined): Logger {
  const keep = (facts: object, message: string): void => {
    complaints.push(`${message} ${JSON.stringify(facts)}`);
    tell(message);
  };
  const logger: Logger = {
    ...silentLogger,
    warn: keep,
    error: keep,
    child: () => logger,
  };
  return logger;
}

/** One request with a JSON body, or a text one; the whole answer. */
export function httpCall(socketPath: string, method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const typed = text === undefined ? {} : { 'Content-Type': 'application/json' };
    const request = httpRequest({ socketPath, method, path, agent: false, headers: { ...typed, ...headers } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const all = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: all, json: parsed(all) });
      });
    });
    request.on('error', reject);
    request.end(text);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const commandLimitMs = 30_000;

/** The docker CLI against a socket, with a configuration folder of its own. */
export function runDocker(socketPath: string, folder: string, args: readonly string[], input = ''): Promise<CommandResult> {
  return new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], HOME: folder, DOCKER_CONFIG: join(folder, '.docker'), DOCKER_HOST: `unix://${socketPath}` };
    const child = execFile('docker', [...args], { env, timeout: commandLimitMs }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
    });
    child.stdin?.end(input);
  });
}
