/** Makes images present: pulls as Swarm's executor does, once for all tasks that want the same one. */
import type Docker from 'dockerode';
import { isFixedImage } from '#model/image/image-reference';
import { noMeter, type Meter } from '#base/meter';
import type { Task } from '#model/object/task';
import type { StepOutcome } from '#task/step';
import { createLimiter } from './limiter.ts';
import { done, failed, notYet, refused, statusOf, textOf } from './outcome.ts';

/** A pull is shared by those who ask while it runs and this long after it: the tasks of one deploy. */
const sharedMs = 2000;
/** A refused pull answers for all who ask so soon after it: the first for so long, each in a row twice as long as the one before. */
const failureSharedMs = { first: 2000, longest: 10_000 };
/** Refused pulls that are remembered. */
const rememberedFailures = 1000;
/** A present image does not wait longer than this for a registry that says nothing. */
const silenceLimitMs = 15_000;
/** One of which the engine tells nothing for so long goes on without its place: registries that take connections and say nothing would keep all other images from the node. */
const usualPlaceMs = 60_000;

interface Flight {
  outcome: Promise<StepOutcome>;
  waiting: number;
  controller: AbortController;
}

interface Failure {
  outcome: StepOutcome;
  /** How long it is shared, and until when by the clock that nobody sets. */
  sharedMs: number;
  until: number;
}

export class Images {
  readonly #flights = new Map<string, Flight>();
  readonly #failures = new Map<string, Failure>();
  readonly #limiter;

  constructor(
    readonly docker: Docker,
    parallelPulls: number,
    /** Milliseconds since whenever. */
    readonly monotonicNow: () => number = () => performance.now(),
    readonly meter: Meter = noMeter,
    readonly placeMs = usualPlaceMs,
  ) {
    this.#limiter = createLimiter(parallelPulls);
  }

  /** The image of `task`, pulled by its policy; several calls for one image share one pull. */
  async ensure(task: Task, signal: AbortSignal): Promise<StepOutcome> {
    const key = JSON.stringify([task.Spec.ContainerSpec?.Image, task.Spec.ContainerSpec?.Shoal?.Platform, task.Shoal.RegistryAuth]);
    const failure = this.#failures.get(key);
    if (failure && this.monotonicNow() < failure.until && !(await this.#present(task.Spec.ContainerSpec?.Image ?? ''))) return failure.outcome;
    const flight = this.#flights.get(key) ?? this.#depart(key, task);
    flight.waiting++;
    const leave = () => {
      // The last one who loses interest ends the pull.
      if (--flight.waiting === 0) flight.controller.abort();
    };
    return new Promise<StepOutcome>((resolve) => {
      const aborted = () => {
        leave();
        resolve(notYet('pull cancelled'));
      };
      if (signal.aborted) return aborted();
      signal.addEventListener('abort', aborted, { once: true });
      void flight.outcome.then((outcome) => {
        signal.removeEventListener('abort', aborted);
        resolve(outcome);
      });
    });
  }

  #depart(key: string, task: Task): Flight {
    const controller = new AbortController();
    const outcome = this.#inPlace(task, controller.signal).catch((error: unknown) => failed(error));
    const flight: Flight = { outcome, waiting: 0, controller };
    this.#flights.set(key, flight);
    controller.signal.addEventListener('abort', () => this.#forget(key, flight));
    void outcome.then((result) => {
      this.#remember(key, result);
      if (!result.ok) return this.#forget(key, flight);
      setTimeout(() => this.#forget(key, flight), sharedMs).unref();
    });
    return flight;
  }

  /** Some at a time, of those of which something comes. */
  async #inPlace(task: Task, signal: AbortSignal): Promise<StepOutcome> {
    const { outcome } = await this.#limiter.run(async () => {
      let late = (): void => undefined;
      const silent = new Promise<void>((resolve) => (late = resolve));
      const timer = setTimeout(() => late(), this.placeMs).unref();
      const obtained = this.#obtain(task, signal, () => timer.refresh());
      await Promise.race([obtained, silent]).finally(() => clearTimeout(timer));
      return { outcome: obtained };
    });
    return await outcome;
  }

  /** Only a refusal says something of the image: an engine that is away does not. */
  #remember(key: string, outcome: StepOutcome): void {
    const before = this.#failures.get(key);
    if (outcome.ok || outcome.permanent) this.#failures.delete(key);
    if (outcome.ok || !outcome.permanent) return;
    const sharedMs = before ? Math.min(2 * before.sharedMs, failureSharedMs.longest) : failureSharedMs.first;
    this.#failures.set(key, { outcome, sharedMs, until: this.monotonicNow() + sharedMs });
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= rememberedFailures) break;
      this.#failures.delete(oldest);
    }
  }

  #forget(key: string, flight: Flight): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }

  /** Docker's rules (moby daemon/cluster/executor/container), widened by Compose's pull_policy. */
  async #obtain(task: Task, signal: AbortSignal, heard: () => void): Promise<StepOutcome> {
    const image = task.Spec.ContainerSpec?.Image ?? '';
    const policy = task.Spec.ContainerSpec?.Shoal?.PullPolicy;
    const present = await this.#present(image);
    if (present && (isFixedImage(image) || ['never', 'missing', 'if_not_present'].includes(policy ?? ''))) return done;
    if (policy === 'never') return refused(`No such image: ${image}`);
    try {
      await this.#timed(() => this.#pull(task, image, signal, { present, heard }), signal);
      return done;
    } catch (error) {
      if (signal.aborted) return notYet('pull cancelled');
      if (present && policy !== 'always') return done;
      if (!(error instanceof RegistryError) && statusOf(error) === undefined) return failed(error);
      return refused(`No such image: ${image}: ${textOf(error)}`);
    }
  }

  async #timed(pull: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const began = this.monotonicNow();
    try {
      await pull();
    } catch (error) {
      this.meter.count('shoal_image_pulls_total', { result: signal.aborted ? 'cancelled' : 'failed' });
      throw error;
    }
    this.meter.count('shoal_image_pulls_total', { result: 'pulled' });
    this.meter.took('shoal_image_pull_seconds', (this.monotonicNow() - began) / 1000);
  }

  async #present(image: string): Promise<boolean> {
    try {
      await this.docker.getImage(image).inspect();
      return true;
    } catch (error) {
      if (statusOf(error) === 404 || statusOf(error) === 400) return false;
      throw error;
    }
  }

  async #pull(task: Task, image: string, signal: AbortSignal, { present, heard }: { present: boolean; heard: () => void }): Promise<void> {
    const silence = new AbortController();
    let timer = present ? setTimeout(() => silence.abort(), silenceLimitMs) : undefined;
    const auth = task.Shoal.RegistryAuth;
    const platform = task.Spec.ContainerSpec?.Shoal?.Platform;
    const options = { abortSignal: AbortSignal.any([signal, silence.signal]), ...(platform && { platform }), ...(auth && { authconfig: { base64: auth } }) };
    try {
      // The modem takes the header's text as `base64`, which its types do not tell.
      const stream = await this.docker.pull(image, options as object);
      for await (const report of jsonLines(stream)) {
        if (timer) timer = timer.refresh();
        heard();
        if (typeof report.error === 'string') throw new RegistryError(report.error);
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

/** An error that comes inside a stream which began well. */
class RegistryError extends Error {
  override readonly name = 'RegistryError';
}

/** The JSON values of a stream with one on each line. */
export async function* jsonLines(stream: NodeJS.ReadableStream): AsyncGenerator<Record<string, unknown>> {
  let rest = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim()) yield JSON.parse(line) as Record<string, unknown>;
  }
  if (rest.trim()) yield JSON.parse(rest) as Record<string, unknown>;
}
