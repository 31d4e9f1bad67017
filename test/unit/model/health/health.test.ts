import { expect, test } from 'vitest';
import { serviceHealth, failuresSince, type HealthFacts, type ServiceHealth } from '#model/health/health';
import { presentTasks } from '#model/health/present-tasks';
import type { Node } from '#model/object/node';
import type { Service, UpdateStatus } from '#model/object/service';
import type { ServiceSpec } from '#model/object/service-spec';
import type { Task } from '#model/object/task';
import type { TaskState } from '#model/object/task-state';

const start = Date.parse('2026-01-01T00:00:00Z');
const at = (seconds: number): string => new Date(start + seconds * 1000).toISOString();
const node = { ID: 'n1', Description: { Hostname: 'one' }, Status: { State: 'ready', Addr: '' } } as Node;

function service(spec: Partial<ServiceSpec> = {}, more: Partial<Service> = {}): HealthFacts['service'] {
  return { UpdatedAt: at(0), Spec: { Name: 'web', TaskTemplate: {}, Mode: { Replicated: { Replicas: 1 } }, ...spec }, ...more };
}

let count = 0;
/** `made` and `stamped`: seconds when it was created, and when it got its state. */
function task(state: TaskState, made: number, stamped = made, more: Partial<Task> = {}, err?: string): Task {
  count += 1;
  const ended = state === 'failed' || state === 'rejected' || state === 'complete';
  const Status = { Timestamp: at(stamped), State: state, Message: '', ...(err !== undefined && { Err: err }) };
  return { ID: `t${count}`, ServiceID: 's', Slot: 1, NodeID: 'n1', DesiredState: ended ? 'shutdown' : 'running', CreatedAt: at(made), Status, ...more } as Task;
}

function health(tasks: readonly Task[], seconds: number, subject = service(), more: Partial<HealthFacts> = {}): ServiceHealth {
  return serviceHealth({ service: subject, tasks, nodes: new Map([[node.ID, node]]), now: start + seconds * 1000, ...more });
}

const exit = 'task: non-zero exit (1)';

test('it is on its way, is watched for the monitor time, and is healthy then', () => {
  expect(health([], 1).state).toBe('progressing');
  expect(health([task('preparing', 0)], 1).state).toBe('progressing');
  const up = [task('running', 0, 1)];
  expect(health(up, 2)).toMatchObject({ state: 'progressing', verifyingMs: 4000 });
  expect(health(up, 6)).toMatchObject({ state: 'healthy', message: '', running: 1, wanted: 1 });
  const Healthcheck = { Test: ['CMD', 'x'] };
  expect(health(up, 1, service({ TaskTemplate: { ContainerSpec: { Healthcheck } } })).state).toBe('healthy');
});

test('a version that was tried before and given up is judged by what it does now', () => {
  const of = (Image: string) => ({ Spec: { ContainerSpec: { Image } } }) as Partial<Task>;
  const first = task('failed', 0, 1, of('bad'), exit);
  const between = task('shutdown', 2, 60, { ...of('good'), DesiredState: 'shutdown' });
  const again = task('starting', 60, 60, of('bad'));
  const elsewhere = task('failed', 50, 55, { ...of('bad'), Slot: 2 }, exit);
  const isBad = ({ Spec }: Task) => Spec.ContainerSpec?.Image === 'bad';
  const present = presentTasks([first, between, elsewhere, again], isBad);
  expect(present).toEqual([elsewhere, again]);
  expect(health([first, again], 61)).toMatchObject({ state: 'failing', message: `no task has stayed since one ended: ${exit}` });
  expect(health(presentTasks([first, between, again], isBad), 61)).toMatchObject({ state: 'progressing' });
  // What runs is there, whatever came after it; without another version in between all ends count.
  const runs = task('running', 0, 1, of('bad'));
  expect(presentTasks([runs, between, again], isBad)).toEqual([runs, again]);
  expect(presentTasks([first, again], isBad)).toEqual([first, again]);
});

/** What a slot's tasks are at a time when each lives and pauses so long (seconds) since the service began. */
function loopAt(now: number, lifeS: number, pauseS: number, state: 'failed' | 'rejected' | 'complete' = 'failed'): Task[] {
  const tasks: Task[] = [];
  for (let made = 0; made <= now; made += lifeS + pauseS) {
    const begins = made === 0 ? 0 : made;
    const created = made === 0 ? 0 : made - pauseS;
    if (begins + lifeS <= now) tasks.push(task(state, created, begins + lifeS, {}, exit));
    else tasks.push(task('running', created, begins));
  }
  if (tasks.every(({ Status }) => Status.State !== 'running')) tasks.push(task('ready', now, now));
  return tasks.slice(-6);
}

test.each([
  ['at once', 0.2, 5],
  ['after a while', 4, 5],
  ['slowly restarted', 0.5, 12],
  ['hardly restarted', 1, 60],
])('a new service that crashes %s is never healthy, and failing with its reason within 30 s', (_what, lifeS, pauseS) => {
  for (let now = 0; now < 200; now += 0.5) {
    const verdict = health(loopAt(now, lifeS, pauseS), now);
    expect(verdict.state, `after ${now} s`).not.toBe('healthy');
    if (now === 30) expect(verdict, `after ${now} s`).toMatchObject({ state: 'failing', message: expect.stringContaining(exit) });
    if (now > 30) expect(['failing', 'degraded'], `after ${now} s`).toContain(verdict.state);
  }
});

test('a loop that is slower than the monitor time is healthy once at most', () => {
  let healthyAfterFirst = 0;
  for (let now = 21; now < 500; now += 0.5) if (health(loopAt(now, 20, 5), now).state === 'healthy') healthyAfterFirst += 1;
  expect(healthyAfterFirst).toBe(0);
});

test('one that ends well and is started again and again is no better', () => {
  expect(health(loopAt(40, 1, 5, 'complete'), 40).state).toBe('failing');
});

test('a missing image is failing with its reason', () => {
  expect(health(loopAt(20, 0.1, 5, 'rejected'), 20)).toMatchObject({ state: 'failing', reasons: [exit] });
});

test('a task that fits no node is failing with the scheduler’s words', () => {
  const Err = 'no suitable node (insufficient resources on 1 node)';
  const waiting = [task('pending', 0, 0, { NodeID: '' }, Err)];
  expect(health(waiting, 14).state).toBe('progressing');
  expect(health(waiting, 15)).toMatchObject({ state: 'failing', message: `a task cannot go on: ${Err}` });
  const everywhere = service({ Mode: { Global: {} } });
  expect(health([], 1, everywhere).state).toBe('progressing');
  expect(health([], 15, everywhere)).toMatchObject({ state: 'failing', message: 'it runs nowhere: no node suits it' });
});

test('a running service that loses its task is not healthy until a new one has shown that it stays', () => {
  const lost = [task('running', -3600, -3599, { DesiredState: 'shutdown' }), task('failed', -3600, 0, {}, 'task: non-zero exit (137)')];
  expect(health([lost[1] as Task, task('ready', 0)], 1)).toMatchObject({ state: 'degraded', message: 'a task ended: task: non-zero exit (137)' });
  expect(health([lost[1] as Task, task('starting', 0)], 16).state).toBe('failing');
  expect(health([lost[1] as Task, task('running', 0, 6)], 7).state).toBe('degraded');
  expect(health([lost[1] as Task, task('running', 0, 6)], 12).state).toBe('healthy');
});

test('a node that is down takes its tasks’ health along', () => {
  const down = { ...node, Status: { State: 'down', Addr: '' } } as Node;
  const verdict = health([task('running', -100, -99)], 0, service(), { nodes: new Map([[node.ID, down]]) });
  expect(verdict).toMatchObject({ state: 'degraded', message: 'its node one is down', running: 0 });
});

test('one bad slot among many is enough', () => {
  const Mode = { Replicated: { Replicas: 2 } };
  const good = task('running', -100, -99, { Slot: 2 });
  expect(health([good, ...loopAt(30, 1, 5)], 30, service({ Mode }))).toMatchObject({ state: 'failing', running: expect.any(Number), wanted: 2 });
});

test.each<[string, Partial<ServiceSpec>, Task[], string]>([
  ['nothing is wanted', { Mode: { Replicated: { Replicas: 0 } } }, [], 'healthy'],
  ['a one-shot that ended well', { TaskTemplate: { RestartPolicy: { Condition: 'none' } } }, [task('complete', 0, 1)], 'healthy'],
  ['a one-shot that failed', { TaskTemplate: { RestartPolicy: { Condition: 'none' } } }, [task('failed', 0, 1, {}, exit)], 'failing'],
  ['a job half done', { Mode: { ReplicatedJob: { TotalCompletions: 2, MaxConcurrent: 1 } } }, [task('complete', 0, 1)], 'progressing'],
  ['a job that runs', { Mode: { ReplicatedJob: { TotalCompletions: 1, MaxConcurrent: 1 } } }, [task('running', 0, 1)], 'healthy'],
])('%s', (_what, spec, tasks, expected) => {
  expect(health(tasks, 2, service(spec)).state).toBe(expected);
});

function updated(State: UpdateStatus['State'], more: Partial<Service> = {}): HealthFacts['service'] {
  return service({}, { UpdateStatus: { State, Message: 'm' }, ...more });
}

test.each<[UpdateStatus['State'], string, string]>([
  ['updating', 'progressing', 'm'],
  ['completed', 'healthy', ''],
  ['paused', 'failing', 'update paused: m'],
  ['rollback_paused', 'failing', 'rollback paused: m'],
  ['rollback_started', 'degraded', 'rolling back: m: gone'],
  ['rollback_completed', 'degraded', 'rolled back: m: gone'],
])('an update that is %s is %s', (State, expected, message) => {
  const up = [task('running', -100, -99)];
  const others = [task('failed', -5, -4, {}, 'gone')];
  expect(health(up, 0, updated(State), { others })).toMatchObject({ state: expected, message });
  expect(health(up, 0, updated(State), { except: 'update' }).state).toBe(State === 'updating' || State === 'rollback_started' ? 'progressing' : 'healthy');
});

test('a rollback by hand keeps the spec before and is no failure; one that was asked for neither', () => {
  const up = [task('running', -100, -99)];
  const PreviousSpec = { Name: 'web', TaskTemplate: {} };
  expect(health(up, 0, updated('rollback_completed', { PreviousSpec })).state).toBe('healthy');
  expect(health(up, 0, updated('rollback_completed'), { except: 'rollback' }).state).toBe('healthy');
});

test('a one-shot that ended well is done, though Docker paused its update for it', () => {
  const subject = service({ TaskTemplate: { RestartPolicy: { Condition: 'none' } } }, { UpdateStatus: { State: 'paused', Message: 'm' } });
  expect(health([task('complete', 0, 1)], 2, subject).state).toBe('healthy');
});

test('a service whose tasks were not read is what its counts say', () => {
  expect(health([], 0, { ...service(), Shoal: { Steady: { Running: 3, Wanted: 3 } } })).toMatchObject({ state: 'healthy', running: 3, wanted: 3 });
});

test('why a rollback happened: the failures since the deploy, each once', () => {
  const tasks = [
    task('failed', -100, -99, {}, 'history'),
    task('failed', 1, 2, {}, exit),
    task('failed', 3, 4, {}, exit),
    task('shutdown', 1, 2, {}, 'no failure'),
  ];
  expect(failuresSince(tasks, start)).toEqual([exit]);
});

test('of two tasks of a slot the one that was made last stands for it, whatever the clock said', () => {
  const [first, second] = [task('rejected', 100, 101, {}, 'No such image: old'), task('rejected', 50, 51, {}, 'No such image: new')];
  expect(health([first, second], 102).slots).toMatchObject([{ error: 'No such image: new' }]);
});

test('a published port that somebody else has on a node is told, and nothing is waited for', () => {
  const Text = 'cannot publish port 80/tcp of service web: it is in use by nginx (process 812)';
  const asWorker = { Role: 'worker', Availability: 'active' } as const;
  const clashing = (more: Partial<Node> = {}) =>
    ({ ...node, Spec: asWorker, Description: { Hostname: 'one', Shoal: { Clashes: [{ Service: 'web', Text }] } }, ...more }) as Node;
  const published = service({ EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 80 }] } });
  const up = [task('running', 0, 1)];
  const judged = (subject: HealthFacts['service'], each: Node) => health(up, 2, subject, { nodes: new Map([[each.ID, each]]) });
  expect(judged(published, clashing())).toMatchObject({ state: 'failing', message: `node one: ${Text}`, reasons: [`node one: ${Text}`] });
  expect(judged(published, clashing({ Status: { State: 'down', Addr: '' } })).state).toBe('degraded');
  expect(judged(published, node).state).toBe('progressing');
  // A worker speaks of tasks that it has; of other services it may say what it likes.
  const elsewhere = clashing({ ID: 'another' });
  const beside = (each: Node) => health(up, 2, published, { nodes: new Map([node, each].map((one) => [one.ID, one])) });
  expect(beside(elsewhere)).toMatchObject({ state: 'progressing', reasons: [`node another, which has no task of it, says as node one: ${Text}`] });
  expect(beside({ ...elsewhere, Spec: { ...asWorker, Role: 'manager' } }).state).toBe('failing');
  expect(judged(service({ Name: 'other', EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 81 }] } }), clashing()).state).toBe('progressing');
});

test('a port that a node cannot serve is looked for once among the nodes, however many services are judged', () => {
  let walks = 0;
  class Nodes extends Map<string, Node> {
    override values(): ReturnType<Map<string, Node>['values']> {
      walks++;
      return super.values();
    }
  }
  const clashing = {
    ...node,
    Description: { Hostname: 'one', Shoal: { Clashes: [{ Service: 'web7', Text: 'cannot publish port 80/tcp of service web7' }] } },
  } as unknown as Node;
  const nodes = new Nodes([[node.ID, clashing]]);
  const Ports = [{ TargetPort: 80, PublishedPort: 80 }];
  const judged = Array.from({ length: 20 }, (_, n) => health([task('running', 0, 1)], 9, service({ Name: `web${n}`, EndpointSpec: { Ports } }), { nodes }));
  expect(judged.flatMap(({ state, message }, n) => (state === 'healthy' ? [] : [`${n}: ${message}`]))).toEqual([
    '7: node one: cannot publish port 80/tcp of service web7',
  ]);
  expect(walks).toBe(1);
});
