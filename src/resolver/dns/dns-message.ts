/** DNS messages: a cheap look at the header before decoding, answers, cutting to size. */
import { type Answer, decode, encode, type Question } from 'dns-packet';

/** A query of one question, and what its answer may weigh. */
export interface Query {
  id: number;
  question: Question;
  /** RD bit, which the answer repeats. */
  recursionDesired: boolean;
  /** Bytes that an answer by UDP may have. */
  sizeLimit: number;
}

const headerBytes = 12;
const plainSizeLimit = 512;
const largestUdpAnswer = 4096;
const flags = { authoritative: 1 << 10, truncated: 1 << 9, recursionDesired: 1 << 8, recursionAvailable: 1 << 7 };

/** Reads a query; undefined for anything else. The counts are checked first: forged ones would make decoding slow. */
export function readQuery(message: Uint8Array): Query | undefined {
  if (message.length < headerBytes + 5) return undefined;
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  const [head, questions, answers, authorities, additionals] = [2, 4, 6, 8, 10].map((offset) => bytes.readUInt16BE(offset));
  const isQuery = ((head ?? 0) & 0xf800) === 0;
  if (!isQuery || questions !== 1 || answers !== 0 || authorities !== 0 || (additionals ?? 0) > 2) return undefined;
  try {
    const packet = decode(bytes);
    const question = packet.questions?.[0];
    if (!question) return undefined;
    const option = packet.additionals?.find((record) => record.type === 'OPT');
    const offered = option && 'udpPayloadSize' in option ? option.udpPayloadSize : plainSizeLimit;
    return {
      id: bytes.readUInt16BE(0),
      question,
      recursionDesired: ((head ?? 0) & flags.recursionDesired) !== 0,
      sizeLimit: Math.min(Math.max(offered, plainSizeLimit), largestUdpAnswer),
    };
  } catch {
    return undefined;
  }
}

export const responseCode = { ok: 0, serverFailure: 2, nameUnknown: 3, refused: 5 } as const;

/** In place of a name: the question's, which always begins at the same byte (RFC 1035 §4.1.4). */
const questionName = Buffer.from([0xc0, headerBytes]);
const flagsAt = 2;
const answerCountAt = 6;

/**
 * An answer to `query`. By UDP it is cut to the asker's size, with the TC bit set, so that he asks again by TCP; who cannot has at
 * least as many of the answers as find room.
 */
export function writeAnswer(query: Query, code: number, answers: readonly Answer[], overUdp: boolean): Buffer {
  const bits = flags.recursionAvailable | (query.recursionDesired ? flags.recursionDesired : 0) | (code === 0 ? flags.authoritative : 0) | code;
  const beginning = encode({ id: query.id, type: 'response', flags: bits, questions: [query.question] });
  const parts = answers.map((answer) => encodeAnswer(answer, query.question.name));
  const room = overUdp ? query.sizeLimit - beginning.length : Infinity;
  let size = 0;
  const fitting = parts.findIndex((part) => (size += part.length) > room);
  const kept = fitting === -1 ? parts : parts.slice(0, fitting);
  const message = Buffer.concat([beginning, ...kept]);
  if (kept !== parts) message.writeUInt16BE(message.readUInt16BE(flagsAt) | flags.truncated, flagsAt);
  message.writeUInt16BE(kept.length, answerCountAt);
  return message;
}

/** One record as it stands in a message. Where it is of the name that was asked for, that is pointed at: written out in each, a long name leaves room for few. */
function encodeAnswer(answer: Answer, asked: string): Buffer {
  const record = encode({ type: 'response', answers: [answer] }).subarray(headerBytes);
  if (answer.name !== asked) return record;
  let end = 0;
  while (record[end] !== 0) end += (record[end] ?? 0) + 1;
  return Buffer.concat([questionName, record.subarray(end + 1)]);
}

/** The response code of an encoded answer. */
export function codeOf(message: Uint8Array): number {
  return (message[3] ?? 0) & 0x0f;
}
