/** Plans changes that nobody asked for, and throws them away: the first commit that changes something finds code that has run before, which takes it a third of the time. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { inTurns, type Steps } from '#base/pace/steps';
import type { Cluster } from '#control/cluster';
import { planAlone } from '#reconciler/plan';
import type { RenderedStack } from '#reconciler/rendered';
import type { AppliedStack } from '#reconciler/step';

/** What is compiled when it has run often is compiled after so many. */
const times = 24;
/** Large ones would take others' time. */
const mostServices = 10;

export interface RehearsalParts {
  cluster: Pick<Cluster, 'read'>;
  clock: Clock;
  logger: Logger;
}

export class Rehearsal {
  readonly #parts: RehearsalParts;
  #isDone = false;

  constructor(parts: RehearsalParts) {
    this.#parts = parts;
  }

  /** Once, with a stack that is in force, beside all else. Nothing is written, and what is refused of it is said to nobody. */
  begin(repository: string, stacks: readonly RenderedStack[]): void {
    if (this.#isDone) return;
    this.#rehearse(repository, stacks).catch((error: Error) => {
      this.#parts.logger.debug({ repository, error: error.message }, 'a change could not be rehearsed: the first one takes a little longer');
    });
  }

  async #rehearse(repository: string, stacks: readonly RenderedStack[]): Promise<void> {
    const view = await this.#parts.cluster.read();
    const stack = stacks.filter(isFit).find(({ Name, digest }) => view.byName('stack', Name)?.Digest === digest);
    if (!stack || this.#isDone) return;
    this.#isDone = true;
    await inTurns(this.#planned(view, repository, stack), this.#parts.clock);
  }

  *#planned(view: Awaited<ReturnType<Cluster['read']>>, repository: string, stack: AppliedStack): Steps<void> {
    for (let time = 0; time < times; time++) {
      planAlone(view, repository, changed(stack, String(time)), this.#parts.clock.now());
      yield;
    }
  }
}

function isFit(stack: RenderedStack): stack is AppliedStack {
  return 'spec' in stack && stack.spec.Services.length > 0 && stack.spec.Services.length <= mostServices;
}

function changed(stack: AppliedStack, word: string): AppliedStack {
  const Services = stack.spec.Services.map((service) => ({
    ...service,
    TaskTemplate: { ...service.TaskTemplate, ContainerSpec: { ...service.TaskTemplate.ContainerSpec, Env: [`REHEARSED=${word}`] } },
  }));
  return { ...stack, digest: `rehearsed ${word}`, spec: { ...stack.spec, Services } };
}
