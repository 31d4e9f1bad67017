/** The resolver's end of the line to its daemon: one at a time, the newest. */
import { renameSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { DoorPlace } from './door.ts';
import { lineSocket, type LineSocket } from './line-socket.ts';
import type { NameService } from './name-service.ts';
import { protocolVersion, type FromResolver, type LogMessage, type ToResolver, type Welcome } from './protocol.ts';

/** Lines that wait for a daemon to come back. */
const keptLines = 100;

export interface ControlCalls {
  /** A successor is to take over; rejects with the reason why it did not. */
  handOver(command: readonly string[]): Promise<void>;
  /** Opens the door, or lets it lead elsewhere. */
  door(place: DoorPlace): Promise<void>;
  end(): void;
}

export class ControlServer {
  readonly #server: Server;
  readonly #lines: LogMessage[] = [];
  #daemon: LineSocket<FromResolver> | undefined;
  #inode = 0;

  constructor(
    readonly path: string,
    readonly identity: Omit<Welcome, 'type' | 'protocol' | 'pid'>,
    readonly service: NameService,
    readonly calls: ControlCalls,
  ) {
    this.#server = createServer((socket) => this.#connected(socket));
  }

  /** Resolves when daemons find us at the path; who stood there before is not found any more. */
  async listen(): Promise<void> {
    // Made beside and moved: there is no moment without a socket, and what the predecessor removes when it closes is not ours.
    const own = `${this.path}.${process.pid}`;
    rmSync(own, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(own, resolve);
    });
    this.#inode = statSync(own).ino;
    renameSync(own, this.path);
  }

  /** Neither has a daemon a line to us, nor could another find us. */
  get abandoned(): boolean {
    return this.#daemon === undefined && statSync(this.path, { throwIfNoEntry: false })?.ino !== this.#inode;
  }

  /** Told to the daemon, or kept for the next. */
  log(level: LogMessage['level'], facts: Record<string, unknown>, message: string): void {
    const line: LogMessage = { type: 'log', level, facts, message };
    if (this.#daemon) this.#daemon.send(line);
    else if (this.#lines.push(line) > keptLines) this.#lines.shift();
  }

  close(): void {
    this.#server.close();
    this.#daemon?.close();
  }

  #connected(socket: Socket): void {
    const line: LineSocket<FromResolver> = lineSocket<ToResolver, FromResolver>(
      socket,
      (message) => this.#heard(line, message),
      () => {
        if (this.#daemon === line) this.#daemon = undefined;
      },
    );
  }

  #heard(line: LineSocket<FromResolver>, message: ToResolver): void {
    if (message.type === 'hello') return this.#greet(line, message);
    // Who has not said who he is, or was followed by another daemon, has nothing to say.
    if (this.#daemon !== line) return line.destroy();
    switch (message.type) {
      case 'apply':
        return void this.service.apply(message).then(() => this.#tellState(line, message.sequence));
      case 'look':
        return line.send({ type: 'applied', sequence: message.sequence, ...this.service.state(), lookups: this.service.lookups() });
      case 'door':
        return void this.calls.door(message).then(
          () => this.#tellState(line, message.sequence),
          (error: Error) => {
            this.log(
              'error',
              { path: message.path, error: error.message },
              'the socket for containers cannot be made: those that bind the engine’s do not start',
            );
            this.#tellState(line, message.sequence);
          },
        );
      case 'handOver':
        return void this.calls.handOver(message.command).then(
          () => line.send({ type: 'handedOver' }),
          (error: unknown) => line.send({ type: 'refused', reason: (error as Error).message }),
        );
      case 'end':
        return this.calls.end();
    }
  }

  #greet(line: LineSocket<FromResolver>, { instance }: Extract<ToResolver, { type: 'hello' }>): void {
    line.send({ type: 'welcome', protocol: protocolVersion, pid: process.pid, ...this.identity });
    // Another daemon's that met us by mistake leaves by itself; ours keeps its line.
    if (instance !== this.identity.instance) return line.close();
    this.#daemon?.destroy();
    this.#daemon = line;
    for (const kept of this.#lines.splice(0)) line.send(kept);
  }

  #tellState(line: LineSocket<FromResolver>, sequence: number): void {
    line.send({ type: 'applied', sequence, ...this.service.state() });
  }
}
