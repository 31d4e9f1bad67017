/** Limits of every channel and server. */
import type { ChannelOptions } from '@grpc/grpc-js';
import { longestDescription } from '#model/object/assignment';

/** The objects of one request may take 64 MiB; a node's whole set carries them, with room for what surrounds them. */
const maximumMessageBytes = 96 * 1024 * 1024;

/** Bytes of what a node says, the codec's own among them; a thousand reports come in a call; those of a call with many messages are short. */
export const contentBytes = { description: longestDescription + 1, reports: 4 * 1024 * 1024, shortReports: 60 * 1024, attachment: 64 * 1024 } as const;
/** What is around it. */
const envelopeBytes = 1024;

/** What one message to a manager may take, by what it is: of managers entries, snapshots and requests; of nodes what they say of themselves, their tasks and containers, pieces of what they show, and calls that only name something; of anyone a request for a certificate. */
export const messageBytes = {
  manager: maximumMessageBytes,
  description: contentBytes.description + envelopeBytes,
  reports: contentBytes.reports + envelopeBytes,
  shortReports: contentBytes.shortReports + envelopeBytes,
  attachment: contentBytes.attachment + envelopeBytes,
  piece: 1024 * 1024,
  name: 4 * 1024,
  anyone: 64 * 1024,
} as const;

export const channelLimits: ChannelOptions = {
  'grpc.max_receive_message_length': maximumMessageBytes,
  'grpc.max_send_message_length': maximumMessageBytes,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.enable_channelz': 0,
  // Each channel shows a certificate of its own, so none shares another's connection: where all lie together they are only looked through for one.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.max_concurrent_streams': 4096,
  // A call belongs to one session: what is lost is decided above, never sent again below.
  'grpc.enable_retries': 0,
};
