/** The contract between a member and what carries its messages to the others. */
import type { Configuration, InstallSnapshot, Message } from './message.ts';

/** What a transport hands in. The sender is vouched for (by its certificate), the contents are not. */
export interface Receiver {
  message(from: string, message: unknown): void;
  /**
   * A snapshot with its bytes, pulled as fast as they can be stored. Resolves when it is durable here, or needless; the
   * transport then says so to the sender. Rejects when the bytes broke off or were damaged.
   */
  snapshot(from: string, message: unknown, pieces: AsyncIterable<Uint8Array>): Promise<void>;
  /** What was last sent to this member is probably lost. */
  unreachable(id: string): void;
  /** What is sent to this member arrives from now on, and did not before. */
  reachable(id: string): void;
}

export interface Transport {
  /** From now on what arrives is handed to `receiver`. */
  start(receiver: Receiver): Promise<void>;
  /** Who takes part now, and where; those who do not any more are not spoken to. Told before `start`, and whenever it changes. */
  members(configuration: Configuration): void;
  /**
   * Never waits and never throws. May lose, repeat, delay and reorder; never damages. `message.to` is the receiver.
   * Elections, heartbeats and reads never wait behind entries: late ones cost the leader its office.
   */
  send(message: Exclude<Message, InstallSnapshot>): void;
  /** Resolves with whether the receiver has stored the snapshot. Always settles, with false when the line breaks. */
  sendSnapshot(message: InstallSnapshot, pieces: AsyncIterable<Uint8Array>): Promise<boolean>;
  /** Resolves when nothing will be handed in any more. */
  stop(): Promise<void>;
}
