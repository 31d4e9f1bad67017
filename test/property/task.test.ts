/**
 * A worker's life with one task, by chance: the engine fails, programs end, people meddle, the agent restarts and forgets.
 * Whatever happens, states only go forward, a container is started once, and a task that is to end leaves nothing running.
 */
import { describe, expect, test } from 'vitest';
import { seededRandom, type Random } from '#base/random';
import type { Task, TaskStatus } from '#model/object/task';
import { compareStates, isTerminal, type TaskState } from '#model/object/task-state';
import { adoptAttempt, afterSteps, type Attempt } from '#task/attempt';
import { decideTask, removalSteps } from '#task/decide';
import type { ObservedContainer, Step, StepOutcome } from '#task/step';
import { makeContainer, makeSecret, makeTask } from '#test/support/worker';

const done: StepOutcome = { ok: true };
const File = { Name: 'k', UID: '0', GID: '0', Mode: 0o400 };

class World {
  task: Task = makeTask('t1', { Secrets: [{ SecretID: 's1', SecretName: 'k', File }] }, { DesiredState: 'ready' });
  attempt: Attempt | undefined;
  container: ObservedContainer | undefined;
  files = false;
  starts = 0;
  creates = 0;
  now = 0;
  /** Chance that a step fails. */
  trouble = 0.3;
  /** What the managers have been told. */
  reported: TaskStatus = this.task.Status;
  readonly story: string[] = [];

  constructor(readonly random: Random) {}

  happens(chance: number): boolean {
    return this.random.next() < chance;
  }

  /** One decision and what comes of it; false when nothing was to be done. */
  move(): boolean {
    this.attempt = adoptAttempt({ ...this.task, Status: this.reported }, this.attempt);
    const before = this.attempt.status.State;
    const facts = {
      node: { ID: 'n', Hostname: 'h', Platform: { Architecture: '', OS: '' } },
      secrets: new Map([['s1', makeSecret('s1', 'k', 'x')]]),
      configs: new Map(),
      networks: new Map(),
    };
    const decision = decideTask({ task: this.task, attempt: this.attempt, container: this.container, facts, now: this.now });
    if (decision.unhealthy) this.attempt = { ...this.attempt, unhealthy: true };
    if (decision.status) {
      this.story.push(decision.status.State);
      expect(compareStates(decision.status.State, before)).toBeGreaterThanOrEqual(0);
      if (isTerminal(before)) throw new Error(`a second end: ${decision.status.State} after ${before}`);
      this.attempt = { ...this.attempt, status: decision.status };
      // Statuses may be lost with the agent.
      if (this.happens(0.8)) this.reported = decision.status;
    }
    if (decision.steps.length > 0) this.attempt = afterSteps(this.attempt, this.carryOutAll(decision.steps), this.now);
    return decision.status !== undefined || decision.steps.length > 0;
  }

  carryOutAll(steps: readonly Step[]): StepOutcome {
    for (const step of steps) {
      this.story.push(step.type);
      if (this.happens(this.trouble)) return { ok: false, permanent: this.happens(0.2), message: `${step.type} failed` };
      this.carryOut(step);
    }
    return done;
  }

  carryOut(step: Step): void {
    if (step.type === 'mountFiles') this.files = true;
    if (step.type === 'unmountFiles') this.files = false;
    if (step.type === 'createContainer') {
      expect(this.container, 'a second container').toBeUndefined();
      this.container = makeContainer('t1', { containerId: `c${++this.creates}`, state: 'created' });
      this.starts = 0;
    }
    if (step.type === 'startContainer') {
      expect(++this.starts, 'started again').toBe(1);
      expect(this.files, 'started without its files').toBe(true);
      this.container = makeContainer('t1', { ...this.container, state: 'running', ...(this.happens(0.5) && { health: 'starting' }) });
    }
    if (step.type === 'stopContainer') this.exit(143);
    if (step.type === 'removeContainer') this.container = undefined;
  }

  exit(exitCode: number): void {
    if (this.container?.state === 'running')
      this.container = { ...this.container, state: 'exited', exitCode, ...(this.container.health && { health: 'unhealthy' }) };
  }

  /** Something that nobody decided. */
  event(): void {
    this.now += this.happens(0.5) ? 2000 : 10;
    if (this.happens(0.1)) this.exit(this.happens(0.5) ? 0 : 1);
    if (this.happens(0.2) && this.container?.health && this.container.state === 'running')
      this.container = { ...this.container, health: this.happens(0.8) ? 'healthy' : 'unhealthy' };
    if (this.happens(0.03)) this.container = undefined;
    if (this.happens(0.1)) this.attempt = undefined;
    if (this.happens(0.2)) this.desire('running');
    if (this.happens(0.02)) this.desire('shutdown');
  }

  desire(state: TaskState): void {
    if (compareStates(state, this.task.DesiredState) > 0) this.task = { ...this.task, DesiredState: state };
  }

  /** Goes on until nothing is left to do; the clock passes every wait. */
  settle(): void {
    this.trouble = 0;
    for (let quiet = 0, moves = 0; quiet < 2; moves++) {
      if (moves > 50) throw new Error('it turns in a circle');
      quiet = this.move() ? 0 : quiet + 1;
      this.now += 2000;
    }
  }
}

describe('a task by chance', () => {
  test.each(Array.from({ length: 40 }, (_, index) => index * 50))('seeds from %i', (first) => {
    for (let seed = first; seed < first + 50; seed++) {
      const world = new World(seededRandom(seed));
      try {
        for (let round = 0; round < 60; round++) {
          world.move();
          world.event();
        }
        world.desire('shutdown');
        world.settle();
        expect(isTerminal(world.attempt?.status.State ?? 'new')).toBe(true);
        expect(world.container?.state).not.toBe('running');
        if (world.container) for (const step of removalSteps(world.container, world.task)) world.carryOut(step);
        expect(world.container).toBeUndefined();
      } catch (error) {
        throw new Error(`seed ${seed}: ${world.story.join(' ')}`, { cause: error });
      }
    }
  });
});
