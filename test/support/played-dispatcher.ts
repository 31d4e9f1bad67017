/** A dispatcher whose side of one session the test plays, and the service that shows it to nodes. */
import { Refusal } from '#base/refusal';
import type { AssignmentMessage, AttachmentChange, OpenSession, TaskStatusUpdate } from '#model/object/assignment';
import type { NodeDescription } from '#model/object/node';
import { DispatcherService } from '#rpc/dispatcher-service';
import type { RpcServer } from '#rpc/rpc-server';
import { silentLogger } from '#test/support/silent-logger';

export const description: NodeDescription = { Hostname: 'n', Platform: { Architecture: 'x86_64', OS: 'linux' }, Resources: {}, Engine: { EngineVersion: '1' } };

export class PlayedDispatcher {
  readonly reports: TaskStatusUpdate[][] = [];
  readonly described: NodeDescription[] = [];
  closed = 0;
  paused = 0;
  left = 0;
  readonly acknowledged: number[] = [];
  readonly withdrawn: string[] = [];
  readonly attachments: AttachmentChange[] = [];
  beats = 0;
  /** How long each beat takes. */
  beatMs = 0;
  refusal: Refusal | undefined;
  /** A report is answered after this. */
  reported = async (): Promise<void> => undefined;
  readonly #queue: AssignmentMessage[] = [];
  #over = false;
  #wake: () => void = () => {};

  readonly open: OpenSession = async (nodeId) => {
    if (nodeId === 'stranger') throw new Refusal('notFound', 'node stranger not found');
    return {
      assignments: () => this.#messages(),
      updateTaskStatus: async (updates) => {
        if (this.refusal) throw this.refusal;
        this.reports.push([...updates]);
        await this.reported();
      },
      heartbeat: async () => {
        if (this.refusal) throw this.refusal;
        if (this.beatMs > 0) await new Promise((resolve) => setTimeout(resolve, this.beatMs));
        return 4321 + this.beats++;
      },
      updateDescription: async (next) => void this.described.push(next),
      pause: async () => void (this.paused += 1),
      leave: async () => void (this.left += 1),
      acknowledge: async (resultsIn) => void this.acknowledged.push(resultsIn),
      withdrawn: async (taskId) => void this.withdrawn.push(taskId),
      changeAttachment: async (change) => {
        this.attachments.push(change);
        return 't7';
      },
      close: () => void (this.closed += 1),
    };
  };

  push(...messages: AssignmentMessage[]): void {
    this.#queue.push(...messages);
    this.#wake();
  }

  end(): void {
    this.#over = true;
    this.#wake();
  }

  async *#messages(): AsyncGenerator<AssignmentMessage> {
    for (;;) {
      const message = this.#queue.shift();
      if (message) yield message;
      else if (this.#over) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

export function serve(dispatcher: PlayedDispatcher, server: RpcServer): RpcServer {
  new DispatcherService({ openSession: dispatcher.open, leader: () => undefined, logger: silentLogger }).addTo(server);
  return server;
}
