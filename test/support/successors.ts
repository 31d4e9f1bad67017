/** A repository's reconciler as one leader after the other has it: what a leader knew goes with it, and the store stays. */
import { second } from '#base/text/duration';
import { createRepository } from '#control/repository/repositories';
import type { AskRegistries } from '#control/stack/image-digests';
import { CarryOut } from '#gitops/apply/carry-out';
import { ReconcileEvents } from '#gitops/events';
import { RevisionJudge } from '#gitops/revision-judge';
import { VaultValues } from '#gitops/vault/vault-values';
import type { ServiceSpec } from '#model/object/service-spec';
import type { RenderedStack, StackPolicy } from '#reconciler/rendered';
import { instantly } from './instant-services.ts';
import { initialisedCluster } from './memory-cluster.ts';
import { silentLogger } from './silent-logger.ts';
import { VirtualClock } from './virtual-clock.ts';

/** What a commit asks of a stack: services by what they are called in its file. */
export type Asked = Readonly<Record<string, string | Partial<ServiceSpec>>>;

export class Successors {
  readonly clock = new VirtualClock();
  readonly cluster = initialisedCluster({ clock: this.clock, stages: [instantly] });
  readonly #registries: { ask: AskRegistries } | undefined;
  /** Of the leader at hand. */
  events!: ReconcileEvents;
  #leaders: Record<string, CarryOut> = {};
  #judge!: RevisionJudge;
  policy: StackPolicy = {};
  /** Of single stacks, in its place. */
  policies: Readonly<Record<string, StackPolicy>> = {};
  /** Networks that a stack makes, and those that it has from outside. */
  networks: Readonly<Record<string, readonly string[]>> = {};
  externals: Readonly<Record<string, { networks: readonly string[] }>> = {};
  #count = 0;

  constructor(options: { registries?: { ask: AskRegistries }; repositories?: readonly string[]; trust?: 'full' | 'limited' } = {}) {
    this.#registries = options.registries;
    for (const Name of options.repositories ?? ['main'])
      this.cluster.run(createRepository({ Name, URL: `/${Name}`, Branch: 'main', Path: 'stacks', Interval: second, Trust: options.trust ?? 'full' }));
    this.#lead();
  }

  #lead(): void {
    const parts = { cluster: this.cluster, clock: this.clock, logger: silentLogger };
    const events = new ReconcileEvents(parts);
    this.events = events;
    this.#judge = new RevisionJudge({ ...parts, events });
    const registries = this.#registries && { registries: this.#registries };
    for (const { Spec } of this.cluster.store.list('repository')) {
      const values = new VaultValues({ ...parts, signal: new AbortController().signal, repository: Spec.Name });
      this.#leaders[Spec.Name] = new CarryOut(Spec.Name, { ...parts, ...registries, events, values, followed: 'branch main', renderAt: async () => [] });
    }
  }

  /** Another leader takes over. */
  async succeed(): Promise<void> {
    await this.stop();
    this.#leaders = {};
    this.#lead();
  }

  /** A commit of the repository, which is looked at; nothing is judged yet. */
  async commit(stacks: Readonly<Record<string, Asked>>, repository = 'main'): Promise<void> {
    this.#count += 1;
    await this.look(stacks, repository);
  }

  /** The newest commit is looked at once more; `seen`: the repository was asked. */
  async look(stacks: Readonly<Record<string, Asked>>, repository = 'main', seen = true): Promise<void> {
    await this.#leaders[repository]?.run({ commit: this.#commit, declared: {}, stacks: this.renderedOf(stacks) }, seen);
  }

  get #commit(): string {
    return String(this.#count).padStart(40, '0');
  }

  renderedOf(stacks: Readonly<Record<string, Asked>>): RenderedStack[] {
    return Object.entries(stacks).map(([name, asked]) => this.#rendered(name, asked, this.#commit));
  }

  waiting(stack: string, repository = 'main'): readonly string[] | undefined {
    return this.#leaders[repository]?.waiting.get(stack)?.lines;
  }

  #rendered(name: string, asked: Asked, commit: string): RenderedStack {
    const Labels = { 'com.docker.stack.namespace': name };
    const Services = Object.entries(asked).map(([each, said]): ServiceSpec => {
      const { Labels: more, ...spec } = typeof said === 'string' ? { TaskTemplate: { ContainerSpec: { Image: said, Labels } } } : { TaskTemplate: {}, ...said };
      return {
        Name: `${name}_${each}`,
        Mode: { Replicated: { Replicas: 1 } },
        UpdateConfig: { Parallelism: 1, FailureAction: 'pause' },
        ...spec,
        Labels: { ...Labels, ...more },
      };
    });
    const Networks = (this.networks[name] ?? []).map((Name) => ({ Name, Labels, Driver: 'overlay' }));
    const External = { Networks: this.externals[name]?.networks ?? [], Secrets: [], Configs: [] };
    const spec = { Name: name, Networks, Secrets: [], Configs: [], Services, External };
    return { Name: name, Path: `stacks/${name}`, Commit: commit, digest: JSON.stringify(asked), spec, Policy: this.policies[name] ?? this.policy };
  }

  async judged(seconds = 8): Promise<void> {
    for (let left = seconds; left > 0; left -= 1) {
      this.#judge.notice();
      await this.clock.advance(1_000);
    }
  }

  image(name: string): string | undefined {
    return this.cluster.store.byName('service', name)?.Spec.TaskTemplate.ContainerSpec?.Image;
  }

  async stop(): Promise<void> {
    for (const each of Object.values(this.#leaders)) each.stop();
    await this.#judge.stop();
  }
}
