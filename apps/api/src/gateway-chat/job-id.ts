const SHAPE = /^job_([0-9a-f]{32})([0-9a-f]{32})$/;

/** A turn, as its job. */
export interface JobPlace {
  conversationId: string;
  turnId: string;
}

const uuidOf = (hex: string): string => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

/** A chat's turn by one name, which nothing has to be kept for. */
export const jobIdOf = ({ conversationId, turnId }: JobPlace): string =>
  `job_${conversationId.replaceAll("-", "")}${turnId.replaceAll("-", "")}`;

/** Null for what is no such name. */
export function readJobId(name: string): JobPlace | null {
  const [, conversation, turn] = SHAPE.exec(name) ?? [];
  return conversation === undefined || turn === undefined ? null : { conversationId: uuidOf(conversation), turnId: uuidOf(turn) };
}
